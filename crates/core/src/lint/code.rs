//! The codes of diagnostics: one table with what each means, for messages, `--explain` and SARIF alike.
//!
//! A code never changes its meaning and is never used again. Tens group them: 00 the ConfigMap and its sections, 01 rows
//! that are dropped, 02 usernames and groups, 03 ARNs that nobody has, 04 several rows for one ARN, 05 placeholders, 06
//! what an access entry will refuse, 07 nodes and administrators, 08 who is let in at large.

use std::fmt;

use serde::{Serialize, Serializer};

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Good to know; nothing is wrong today.
    Note,
    /// It counts, and is likely not what was meant, or is a risk.
    Warning,
    /// Somebody is locked out, or let in as somebody else than was meant.
    Error,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

/// What a code stands for.
#[derive(Debug)]
pub struct Rule {
    /// `DW001`
    pub code: &'static str,
    /// A name that says it in a word or three.
    pub name: &'static str,
    /// How much it matters, as a rule.
    pub severity: Severity,
    /// One line.
    pub title: &'static str,
    /// What causes it.
    pub cause: &'static str,
    /// What follows from it on EKS.
    pub consequence: &'static str,
    /// What follows from it in Doorward, where that is something else.
    pub in_doorward: Option<&'static str>,
    /// What to do.
    pub fix: &'static str,
    /// Where the rule is from.
    pub source: &'static str,
}

macro_rules! codes {
    ($($variant:ident $code:literal $name:literal $severity:ident
        $title:literal, cause $cause:literal, consequence $consequence:literal, $(doorward $doorward:literal,)?
        fix $fix:literal, source $source:expr;)*) => {
        /// A code. Its documentation is [`Code::rule`].
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Code {
            $(#[doc = $title] $variant,)*
        }

        impl Code {
            /// All of them, in order.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// What it stands for.
            pub fn rule(self) -> &'static Rule {
                match self {
                    $(Self::$variant => &Rule {
                        code: $code,
                        name: $name,
                        severity: Severity::$severity,
                        title: $title,
                        cause: $cause,
                        consequence: $consequence,
                        in_doorward: codes!(@optional $($doorward)?),
                        fix: $fix,
                        source: $source,
                    },)*
                }
            }
        }
    };
    (@optional) => { None };
    (@optional $text:literal) => { Some($text) };
}

const AUTHENTICATOR: &str =
    "aws-iam-authenticator, pkg/mapper/configmap: https://github.com/kubernetes-sigs/aws-iam-authenticator";
const TEMPLATES: &str = "aws-iam-authenticator, README, \"Full Configuration Format\": https://github.com/kubernetes-sigs/aws-iam-authenticator";
const CONFIG_MAP: &str = "Amazon EKS user guide, \"Grant IAM users access to Kubernetes with a ConfigMap\": https://docs.aws.amazon.com/eks/latest/userguide/auth-configmap.html";
const ENTRIES: &str = "Amazon EKS user guide, \"Create access entries\": https://docs.aws.amazon.com/eks/latest/userguide/creating-access-entries.html";
const PATHS: &str =
    "aws-iam-authenticator, issue 268: https://github.com/kubernetes-sigs/aws-iam-authenticator/issues/268";
const YAML: &str = "YAML 1.1: https://yaml.org/spec/1.1/";
const RBAC: &str =
    "Kubernetes, \"Using RBAC Authorization\": https://kubernetes.io/docs/reference/access-authn-authz/rbac/";
const NODES: &str =
    "Kubernetes, \"Using Node Authorization\": https://kubernetes.io/docs/reference/access-authn-authz/node/";

codes! {
    Syntax "DW001" "syntax" Error
        "the section cannot be read",
        cause "Its text is no YAML 1.1, or holds a value that cannot be passed on as JSON: a tab as indentation, a quote that is not closed, a key that is a list or nothing, `.inf`, a tag that does not fit its value.",
        consequence "Every row of the section is lost, nodes and administrators included; the other sections still count.",
        doorward "The rows that could be read last still count; after a restart none of the section does.",
        fix "Correct the text at the place that is named, and lint it again.",
        source "aws-iam-authenticator, issue 607: https://github.com/kubernetes-sigs/aws-iam-authenticator/issues/607";
    UnquotedTemplate "DW002" "unquoted-template" Error
        "a template is not in quotes",
        cause "A value begins with `{{` and is not in quotes, so that YAML takes it for a mapping within a mapping.",
        consequence "Every row of the section is lost, not only this one.",
        doorward "This row is dropped.",
        fix "Put the value in quotes: `\"{{SessionName}}\"`. `--fix` does it.",
        source "aws-iam-authenticator, issue 454: https://github.com/kubernetes-sigs/aws-iam-authenticator/issues/454";
    NotAList "DW003" "not-a-list" Error
        "the section is no list",
        cause "The section's text is YAML, and something else than a list of rows.",
        consequence "The section counts as empty.",
        fix "Begin each row with `- `.",
        source AUTHENTICATOR;
    RestIgnored "DW004" "rest-ignored" Error
        "something stands behind the list",
        cause "A second document (`---`), or text behind the end of the list, follows.",
        consequence "Whatever stands there is ignored, without a word.",
        doorward "The section cannot be read: rows that would not count are never taken for rows that do.",
        fix "Keep all rows in one list.",
        source AUTHENTICATOR;
    MisspeltSection "DW005" "misspelt-section" Error
        "a key of the ConfigMap is nearly a section's",
        cause "The keys of `data` are case-sensitive: `mapRoles`, `mapUsers`, `mapAccounts`.",
        consequence "The whole section is ignored.",
        fix "Rename the key. `--fix` does it where the right one is not there.",
        source CONFIG_MAP;
    RepeatedKey "DW006" "repeated-key" Warning
        "a key stands twice in a row",
        cause "The same key stands in one row more than once, or in two spellings.",
        consequence "Of equal keys the last counts; of several spellings the one that sorts last, which is lower case.",
        doorward "A row with a key twice is dropped; of several spellings the one in lower case counts.",
        fix "Keep one of them.",
        source AUTHENTICATOR;
    UnknownKey "DW007" "unknown-key" Warning
        "a row has a key that is not known",
        cause "Rows have `rolearn` or `userarn`, `username` and `groups`; whatever else stands there is ignored.",
        consequence "The key has no effect.",
        fix "Correct its spelling, or remove it.",
        source AUTHENTICATOR;
    UnknownSection "DW008" "unknown-section" Note
        "the ConfigMap has a key that is no section",
        cause "Only `mapRoles`, `mapUsers` and `mapAccounts` are read.",
        consequence "The key has no effect.",
        fix "Remove it if nobody needs it.",
        source AUTHENTICATOR;

    NotARow "DW010" "not-a-row" Error
        "an item of the list is no row",
        cause "A row is a mapping with keys; here stands a text, a list, or nothing.",
        consequence "The item is dropped; its neighbours count.",
        fix "Write `rolearn:` or `userarn:`, `username:` and `groups:` behind the dash, or remove the item.",
        source AUTHENTICATOR;
    ArnMissing "DW011" "arn-missing" Error
        "a row has no ARN",
        cause "The key of the ARN is missing or empty.",
        consequence "The row is dropped.",
        fix "Add the ARN, or remove the row.",
        source AUTHENTICATOR;
    WrongArnKey "DW012" "wrong-arn-key" Error
        "a row has the other section's key",
        cause "`mapRoles` reads `rolearn`, `mapUsers` reads `userarn`.",
        consequence "The row has no ARN for this section and is dropped.",
        fix "Rename the key, or move the row to the other section.",
        source AUTHENTICATOR;
    ArnNotText "DW013" "arn-not-text" Error
        "the ARN is no text",
        cause "The ARN is a number, a truth value, a list or a mapping.",
        consequence "The row is dropped.",
        fix "Write the ARN as text.",
        source AUTHENTICATOR;
    Sso "DW014" "sso" Error
        "a row is for a permission set",
        cause "Rows with `sso` need a feature of aws-iam-authenticator that is off unless it is switched on, and EKS does not switch it on.",
        consequence "The row matches nobody.",
        fix "Write the ARN of the permission set's role, without its path, as `rolearn`.",
        source "aws-iam-authenticator, issue 416: https://github.com/kubernetes-sigs/aws-iam-authenticator/pull/416";

    UsernameMissing "DW020" "username-missing" Error
        "a row has no username",
        cause "`username` is missing or empty.",
        consequence "Callers come in under an empty name, in the row's groups, and nobody can tell who they are.",
        doorward "The row is dropped.",
        fix "Add a username.",
        source AUTHENTICATOR;
    UsernameNotText "DW021" "username-not-text" Error
        "a username is no text",
        cause "YAML 1.1 takes `yes`, `no`, `on`, `off`, `y`, `n`, `012` and the like for truth values and numbers.",
        consequence "Callers come in under an empty name, in the row's groups.",
        doorward "The row is dropped.",
        fix "Put the username in quotes.",
        source YAML;
    GroupsNotAList "DW022" "groups-not-a-list" Error
        "the groups are no list",
        cause "`groups` is a text or a mapping.",
        consequence "Callers come in without any group.",
        doorward "The row is dropped.",
        fix "Write each group on a line of its own, behind `- `.",
        source AUTHENTICATOR;
    GroupNotText "DW023" "group-not-text" Error
        "a group is no text, or empty",
        cause "A group is a number, a truth value, a list, nothing, or an empty text.",
        consequence "Callers are in a group with an empty name instead of this one.",
        doorward "The row is dropped.",
        fix "Put the group in quotes, or remove it.",
        source YAML;
    UnknownPlaceholder "DW024" "unknown-placeholder" Error
        "something in double braces is no placeholder",
        cause "The placeholders are `{{SessionName}}`, `{{SessionNameRaw}}`, `{{AccountID}}`, `{{AccessKeyID}}` and `{{EC2PrivateDNSName}}`, spelled exactly so, without spaces.",
        consequence "The braces and what is in them become part of the name, the same for every caller.",
        doorward "The row is dropped.",
        fix "Correct the spelling.",
        source TEMPLATES;

    RolePath "DW030" "role-path" Error
        "a role's ARN has a path",
        cause "The ARN of a session does not tell the path of its role, and the row's ARN is compared with it as it stands.",
        consequence "The row matches nobody.",
        fix "Write the ARN without the path. Whoever has the role is then let in: make sure that this is still meant.",
        source PATHS;
    SessionArn "DW031" "session-arn" Error
        "the ARN is a session's",
        cause "`arn:…:sts::…:assumed-role/ROLE/SESSION` is what `aws sts get-caller-identity` prints; callers are compared by their role's ARN.",
        consequence "The row matches nobody.",
        fix "Write `arn:…:iam::…:role/ROLE`. Every session of the role is then let in.",
        source CONFIG_MAP;
    Wildcard "DW032" "wildcard" Error
        "the ARN has a wildcard",
        cause "ARNs are compared letter by letter; `*` and `?` are letters.",
        consequence "The row matches nobody.",
        fix "Write a row for each role or user.",
        source "aws-iam-authenticator, issue 333: https://github.com/kubernetes-sigs/aws-iam-authenticator/issues/333";
    AccountDigits "DW033" "account-digits" Error
        "the ARN's account is not twelve digits",
        cause "An account has twelve digits, leading zeros included.",
        consequence "The row matches nobody.",
        fix "Correct the account.",
        source CONFIG_MAP;
    ArnCharacter "DW034" "arn-character" Error
        "the ARN has a character that no ARN has",
        cause "A space, a line break, or a letter of another alphabet that looks like a Latin one.",
        consequence "The row matches nobody.",
        fix "Type the ARN again.",
        source AUTHENTICATOR;
    NotAPrincipal "DW035" "not-a-principal" Error
        "the ARN names nobody who could call",
        cause "Only roles, users, an account's root and federated users call; groups, instance profiles, policies and services do not.",
        consequence "The row matches nobody.",
        fix "Write the ARN of a role or a user. For an instance profile, write its role's.",
        source CONFIG_MAP;
    NotAnArn "DW036" "not-an-arn" Error
        "the ARN is none",
        cause "An ARN has six parts separated by `:`, the first `arn`, the second a partition that exists.",
        consequence "The row matches nobody.",
        fix "Correct the ARN.",
        source CONFIG_MAP;
    NotAnAccount "DW037" "not-an-account" Error
        "an item of mapAccounts is no account",
        cause "An account has twelve digits, leading zeros included.",
        consequence "Nobody is of that account.",
        fix "Correct the account, and put it in quotes.",
        source AUTHENTICATOR;
    Partition "DW038" "wrong-partition" Error
        "the ARN is of another partition",
        cause "Principals of one partition (`aws`, `aws-cn`, `aws-us-gov`, …) cannot call a cluster in another.",
        consequence "The row matches nobody.",
        fix "Write the ARN of a principal in the cluster's partition.",
        source CONFIG_MAP;

    Repeated "DW040" "repeated-row" Warning
        "a row says again what another one says",
        cause "Two rows are for one ARN, whatever its case, and say the same.",
        consequence "The row has no effect.",
        fix "Remove it. `--fix` does it.",
        source AUTHENTICATOR;
    Shadowed "DW041" "shadowed-row" Error
        "another row for the same ARN counts instead",
        cause "Of several rows for one ARN, whatever its case, the last of `mapRoles` counts, else the last of `mapUsers`. Groups are not added up.",
        consequence "The username and groups of this row are given to nobody.",
        fix "Remove it if the other one is right (`--fix` does), or merge them into one row.",
        source "aws-iam-authenticator, issue 271: https://github.com/kubernetes-sigs/aws-iam-authenticator/issues/271";
    Ambiguous "DW042" "random-row" Error
        "chance decides which of several rows counts",
        cause "Rows of `mapUsers` for one user in different case are all kept, and the first that is met counts, in an order that changes with every request.",
        consequence "The user is sometimes one and sometimes the other, request by request.",
        fix "Keep one of them.",
        source AUTHENTICATOR;
    AccountTwice "DW043" "repeated-account" Note
        "an account stands in mapAccounts twice",
        cause "Two items are the same account.",
        consequence "The second has no effect.",
        fix "Remove it.",
        source AUTHENTICATOR;

    AccessKeyName "DW050" "access-key-in-name" Warning
        "a name is made of the caller's access key",
        cause "`{{AccessKeyID}}` is replaced by the key that signed, which is another one for every session and was once not verified.",
        consequence "A role's callers have a new name with every session, so that no binding and no log can follow them.",
        fix "Use `{{SessionName}}`.",
        source "aws-iam-authenticator, CVE-2022-2385: https://github.com/kubernetes-sigs/aws-iam-authenticator/security/advisories/GHSA-pp3f-98qg-5g75";
    SessionsCollide "DW051" "sessions-collide" Note
        "two sessions can have one name",
        cause "`{{SessionName}}` writes `-` for every `@`.",
        consequence "The sessions `a@b` and `a-b` have the same name.",
        fix "Use `{{SessionNameRaw}}` where that matters; `@` is allowed in usernames.",
        source TEMPLATES;
    SessionIsName "DW052" "session-is-name" Warning
        "whoever takes the role chooses the name",
        cause "The username begins with the session's name, which the caller chooses.",
        consequence "A session can have the name of any user without a `:` in it, and whatever is bound to that user.",
        fix "Put something before it that no other name begins with: `team:{{SessionName}}`.",
        source ENTRIES;
    NoSession "DW053" "no-session" Error
        "a template needs a session, and the row's principal has none",
        cause "Users, federated users and an account's root have no session: `{{SessionName}}` and `{{SessionNameRaw}}` are empty for them, and `{{EC2PrivateDNSName}}` is refused.",
        consequence "The name comes out empty or cut short, or the caller is refused.",
        fix "Write the name without the placeholder.",
        source TEMPLATES;
    BracesAround "DW054" "braces-around" Warning
        "braces stand around a placeholder",
        cause "Of more than two braces the inner two are the placeholder's.",
        consequence "The outer braces are part of the name; a session named like a placeholder is even expanded again.",
        fix "Write two braces on each side.",
        source AUTHENTICATOR;

    ReservedUsername "DW060" "reserved-username" Note
        "an access entry refuses this username",
        cause "Usernames of entries must not begin with `system:`, `eks:`, `aws:`, `amazon:` or `iam:`.",
        consequence "In an access entry the principal needs another username, and bindings to this one must follow.",
        fix "Nothing today. Before a migration, bind the new username.",
        source ENTRIES;
    ReservedGroup "DW061" "reserved-group" Note
        "an access entry refuses this group",
        cause "Groups of entries must not begin with `system:`, `eks:`, `aws:`, `amazon:` or `iam:`.",
        consequence "In an access entry an access policy or another group takes its place; for `system:masters` that is AmazonEKSClusterAdminPolicy.",
        fix "Nothing today. Before a migration, choose the policy or the group.",
        source ENTRIES;
    ServiceLinked "DW062" "service-linked-role" Note
        "an access entry refuses this role",
        cause "The role is one that an AWS service made for itself.",
        consequence "It cannot have an access entry.",
        fix "Nothing today. Before a migration, see how the service wants to be let in.",
        source ENTRIES;
    EntryTemplate "DW063" "entry-template" Note
        "an access entry refuses this template",
        cause "Usernames of entries can only have `{{SessionName}}` and `{{SessionNameRaw}}`, and those only behind a `:`.",
        consequence "In an access entry the principal needs another username.",
        fix "Nothing today. Before a migration, bind the new username.",
        source ENTRIES;
    ComponentName "DW064" "component-name" Warning
        "callers come in as a part of the cluster",
        cause "The username is one of Kubernetes' own: a component, a service account, or somebody anonymous.",
        consequence "They have what is bound to that component, and its name in the audit log.",
        fix "Use a name that does not begin with `system:`.",
        source RBAC;

    NodeUsername "DW070" "node-username" Error
        "a row for nodes has another username than nodes have",
        cause "The row is in the group `system:nodes`, and its username is neither `system:node:{{EC2PrivateDNSName}}` nor `system:node:{{SessionName}}`.",
        consequence "The nodes cannot register, or all take one name.",
        fix "Use `system:node:{{EC2PrivateDNSName}}` for EC2, `system:node:{{SessionName}}` for Fargate and hybrid nodes.",
        source NODES;
    NodeGroups "DW071" "node-groups" Error
        "a row for nodes lacks a group of nodes",
        cause "The username is a node's, and `system:nodes` or `system:bootstrappers` is missing.",
        consequence "Without `system:nodes` the node may do nothing that a node must.",
        fix "Give it `system:bootstrappers` and `system:nodes`; for Fargate `system:node-proxier` as well.",
        source CONFIG_MAP;
    NodeExtra "DW072" "node-extra" Warning
        "nodes have more than nodes need",
        cause "A row for nodes has further groups.",
        consequence "Whoever can run code on a node, or take its role, has them too.",
        fix "Remove the group, or give it to a role of its own.",
        source NODES;
    NoNodes "DW073" "no-nodes" Warning
        "no row lets nodes in",
        cause "No row that counts has a node's username and the group `system:nodes`.",
        consequence "Unless nodes have access entries, none can join, and those that are there fall out.",
        fix "Add the row of the node role.",
        source CONFIG_MAP;
    NoAdministrators "DW074" "no-administrators" Warning
        "no row makes anybody an administrator",
        cause "No row that counts is in `system:masters`.",
        consequence "Unless an access entry, the cluster's creator or a binding does, nobody can repair the cluster.",
        fix "Add a row, or make sure that an access entry has AmazonEKSClusterAdminPolicy.",
        source CONFIG_MAP;

    WholeAccount "DW080" "whole-account" Warning
        "a whole account is let in",
        cause "Every principal of an account in `mapAccounts` that has no row of its own comes in under its own ARN.",
        consequence "Whoever can make a role or user in that account is authenticated, with what `system:authenticated` and bindings to that ARN give.",
        fix "Write rows for those who need access. Access entries have no such thing.",
        source AUTHENTICATOR;
    AccountRoot "DW081" "account-root" Warning
        "an account's root is let in",
        cause "The ARN `arn:…:root` is the account's root user and nobody else; it does not stand for the account's principals.",
        consequence "Only the root user is let in, who should have no access keys.",
        fix "Write the roles and users who need access.",
        source CONFIG_MAP;
}

impl Code {
    /// The code, such as `DW001`.
    pub fn as_str(self) -> &'static str {
        self.rule().code
    }

    /// The code or name that this text is, in any case.
    pub fn from_text(text: &str) -> Option<Self> {
        let is =
            |code: &&Self| code.rule().code.eq_ignore_ascii_case(text) || code.rule().name.eq_ignore_ascii_case(text);
        Self::ALL.iter().find(is).copied()
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_names_are_unique_and_in_order_and_every_text_is_a_sentence() {
        let mut names = std::collections::BTreeSet::new();
        for pair in Code::ALL.windows(2) {
            assert!(pair[0].as_str() < pair[1].as_str(), "{}", pair[1]);
        }
        for code in Code::ALL {
            let rule = code.rule();
            assert!(names.insert(rule.name), "{}", rule.name);
            assert_eq!(Code::from_text(&rule.code.to_lowercase()), Some(*code));
            assert_eq!(Code::from_text(rule.name), Some(*code));
            assert!(rule.title.len() <= 70 && !rule.title.ends_with('.'), "{}", rule.title);
            for text in [rule.cause, rule.consequence, rule.in_doorward.unwrap_or("x."), rule.fix] {
                assert!(text.ends_with('.') && !text.contains('\n'), "{text}");
            }
            assert!(rule.source.contains("https://"), "{}", rule.source);
        }
        assert_eq!(Code::from_text("DW999"), None);
    }
}
