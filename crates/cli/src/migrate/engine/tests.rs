//! The engine on a cluster in memory: at every call in turn something goes wrong, and the cluster is as it was or as it
//! is to be, with nobody locked out on the way.

use std::path::PathBuf;
use std::time::Duration;

use doorward_core::authentication_mode::AuthenticationMode;
use doorward_core::aws_auth::Authenticator;
use doorward_core::directory::{Directory, KnownPrincipal};
use doorward_core::permissions::permissions;
use doorward_core::plan::{Plan, PlanOptions, plan};
use doorward_core::principal::{PrincipalArn, PrincipalId};
use doorward_core::questions::Caller;
use doorward_core::rbac::{Attributes, ResourceAttributes};
use doorward_core::world_document::{AwsAuthDocument, EntryDocument, WorldDocument, rbac_objects};
use jiff::Timestamp;
use proptest::prelude::*;

use super::journal::{Journal, Opening};
use super::memory::{FAULTS, Fault, Memory};
use super::perform::Patience;
use super::progress::Phase;
use super::run::{Run, RunError, Stopped};

const RBAC: &str = r#"
{kind: ClusterRole, metadata: {name: cluster-admin}, rules: [
  {apiGroups: ["*"], resources: ["*"], verbs: ["*"]}, {nonResourceURLs: ["*"], verbs: ["*"]}]}
---
{kind: ClusterRole, metadata: {name: reader}, rules: [{apiGroups: [""], resources: [pods], verbs: [get]}]}
---
{kind: ClusterRoleBinding, metadata: {name: masters}, roleRef: {kind: ClusterRole, name: cluster-admin},
 subjects: [{kind: Group, name: 'system:masters'}]}
---
{kind: ClusterRoleBinding, metadata: {name: devs}, roleRef: {kind: ClusterRole, name: reader},
 subjects: [{kind: Group, name: devs}, {kind: Group, name: 'eks:special'}, {kind: User, name: me}]}
"#;

const NAMES: [&str; 4] = ["a", "b", "c", "d"];

/// A role and what its row says.
#[derive(Clone, Copy, Debug)]
enum Row {
    Masters,
    Group,
    Reserved,
    User,
    Node,
}

fn row(name: &str, row: Row) -> String {
    let (username, groups) = match row {
        Row::Masters => ("boss", "['system:masters', devs]"),
        Row::Group => ("dev:{{SessionName}}", "[devs]"),
        Row::Reserved => ("special", "['eks:special']"),
        Row::User => ("me", "[]"),
        Row::Node => ("system:node:{{EC2PrivateDNSName}}", "['system:bootstrappers', 'system:nodes']"),
    };
    format!("- {{rolearn: 'arn:aws:iam::123456789012:role/{name}', username: '{username}', groups: {groups}}}\n")
}

fn arn(name: &str) -> PrincipalArn {
    PrincipalArn::parse(&format!("arn:aws:iam::123456789012:role/{name}")).unwrap()
}

fn document(mode: AuthenticationMode, rows: &str, entries: &[(&str, &[&str])]) -> WorldDocument {
    let mut document = WorldDocument::new(mode, Authenticator::Eks);
    document.aws_auth = Some(AwsAuthDocument { data: [("mapRoles".to_owned(), format!("# ours\n{rows}"))].into() });
    let known = |name: &str| KnownPrincipal { arn: arn(name), unique_id: Some(PrincipalId(format!("AROA{name}"))) };
    document.directory = Some(NAMES.map(known).into());
    document.rbac = Some(rbac_objects(RBAC).unwrap());
    let entry = |(name, groups): &(&str, &[&str])| {
        let groups = groups.iter().map(|&group| group.to_owned()).collect();
        EntryDocument::new(arn(name), "STANDARD", "somebody", groups)
    };
    document.access_entries = entries.iter().map(entry).collect();
    document
}

fn usual() -> WorldDocument {
    let rows = [row("a", Row::Masters), row("b", Row::Reserved), row("c", Row::Node), row("d", Row::Group)].concat();
    document(AuthenticationMode::ConfigMap, &rows, &[])
}

fn planned(document: &WorldDocument, is_final: bool) -> Plan {
    plan(document, &PlanOptions { is_final, cluster_account: "123456789012".parse().ok(), ..PlanOptions::default() })
        .unwrap()
}

/// A migration of a cluster in memory, whose process may be killed and started again.
struct Migration {
    folder: tempfile::TempDir,
    target: Memory,
}

impl Migration {
    fn begin(document: &WorldDocument, plan: &Plan) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let opening = Opening::new("c".to_owned(), Timestamp::now(), PathBuf::new(), plan.steps.clone());
        Journal::begin(&folder.path().join("journal"), opening).unwrap();
        Self { folder, target: Memory::new(document.clone()) }
    }

    /// As a process that was just started: it knows what the journal says.
    fn journal(&self) -> Journal {
        Journal::open(&self.folder.path().join("journal")).unwrap().unwrap()
    }

    fn run(&self) -> Run<'_, Memory> {
        let patience = Patience { pause: Duration::ZERO, tries: 3, look: Duration::ZERO, mode_tries: 3 };
        Run { target: &self.target, patience, at_once: false, tell: &|_, _| {} }
    }

    async fn apply(&self) -> Result<(), Stopped> {
        self.run().apply(&mut self.journal(), async || Ok(())).await
    }

    async fn back(&self) -> Result<(), RunError> {
        self.run().back(&mut self.journal(), "asked for").await
    }

    async fn confirm(&self) -> Result<(), RunError> {
        self.run().confirm(&mut self.journal()).await
    }
}

/// A change of the mode to API_AND_CONFIG_MAP is never taken back.
fn as_it_was(start: &WorldDocument, now: &WorldDocument) -> bool {
    let mut expected = start.clone();
    expected.authentication_mode = now.authentication_mode;
    now.digest() == expected.digest()
}

/// What each role of the vocabulary may do, as letters.
fn rights(document: &WorldDocument) -> Vec<String> {
    let world = document.to_world().unwrap();
    let ask = |verb, resource| {
        Attributes::Resource(ResourceAttributes { verb, resource, namespace: "shop", ..ResourceAttributes::default() })
    };
    let of = |name: &str| {
        let arn = arn(name);
        let directory: &Directory = world.directory();
        let mut caller = Caller::parse(arn.as_str(), Some("i-0123456789abcdef0"), directory).unwrap().principal;
        caller.private_dns_name = Some("ip-10-0-0-1.ec2.internal".to_owned());
        let Ok(access) = permissions(&world, &caller) else { return String::new() };
        let set = access.permissions;
        let letter = |is_so, letter: &str| if is_so { letter.to_owned() } else { String::new() };
        let (get, delete) = (set.decide(&ask("get", "pods")), set.decide(&ask("delete", "secrets")));
        ["in".to_owned(), letter(set.is_node, "N"), letter(get.is_allowed(), "g"), letter(delete.is_allowed(), "d")]
            .concat()
    };
    NAMES.iter().map(|name| of(name)).collect()
}

/// In no state that the cluster was in could anybody do less or more than before.
fn assert_nobody_noticed(migration: &Migration, context: &str) {
    let states = migration.target.states();
    let expected = rights(&states[0]);
    for (number, state) in states.iter().enumerate() {
        assert_eq!(rights(state), expected, "state {number} of {}, {context}", states.len());
    }
}

#[tokio::test]
async fn a_migration_ends_in_the_state_that_was_planned_and_nobody_notices() {
    let start = usual();
    for is_final in [false, true] {
        let plan = planned(&start, is_final);
        let migration = Migration::begin(&start, &plan);
        migration.apply().await.unwrap();
        assert_eq!(migration.journal().phase(), Phase::AwaitingConfirmation);
        assert_ne!(
            migration.target.document().authentication_mode,
            AuthenticationMode::Api,
            "not before the confirmation"
        );
        migration.confirm().await.unwrap();
        assert_eq!(migration.target.document().digest(), plan.after(&start).unwrap().digest());
        assert_nobody_noticed(&migration, "");
        assert_eq!(rights(&start), ["ingd", "ing", "inN", "ing"]);
    }
}

#[tokio::test]
async fn what_was_done_is_taken_back_to_the_byte_before_and_after_the_confirmation() {
    let start = usual();
    let plan = planned(&start, false);
    for is_confirmed in [false, true] {
        let migration = Migration::begin(&start, &plan);
        migration.apply().await.unwrap();
        if is_confirmed {
            migration.confirm().await.unwrap();
        }
        migration.back().await.unwrap();
        assert!(as_it_was(&start, &migration.target.document()));
        assert_eq!(migration.target.document().aws_auth, start.aws_auth);
        assert_eq!(migration.journal().phase(), Phase::Reverted);
        assert_nobody_noticed(&migration, "");
    }
}

#[tokio::test]
async fn in_the_mode_api_taking_back_leaves_the_entries_because_they_are_the_only_way_in() {
    let start = usual();
    let migration = Migration::begin(&start, &planned(&start, true));
    migration.apply().await.unwrap();
    migration.confirm().await.unwrap();
    migration.back().await.unwrap();
    let end = migration.target.document();
    assert_eq!((end.authentication_mode, end.aws_auth), (AuthenticationMode::Api, start.aws_auth.clone()));
    assert_nobody_noticed(&migration, "");
}

#[tokio::test]
async fn a_review_that_fails_takes_everything_back() {
    let start = usual();
    let migration = Migration::begin(&start, &planned(&start, false));
    let refuse = async || Err("the API server says no".to_owned());
    let stopped = migration.run().apply(&mut migration.journal(), refuse).await.unwrap_err().to_string();
    assert_eq!(stopped, "the API server says no; everything that was done is taken back");
    assert!(as_it_was(&start, &migration.target.document()));
}

#[tokio::test]
async fn whichever_call_goes_wrong_the_cluster_is_as_it_was_or_as_it_is_to_be() {
    let start = usual();
    let plan = planned(&start, false);
    let wanted = plan.after(&start).unwrap().digest();
    let undisturbed = Migration::begin(&start, &plan);
    undisturbed.apply().await.unwrap();
    let calls = undisturbed.target.calls();
    assert!(calls > 2 * plan.steps.len(), "{calls}");
    for call in 0..calls {
        for fault in FAULTS {
            for goes_on in [true, false] {
                let context = format!("{fault:?} at call {call}, goes on: {goes_on}");
                let migration = Migration::begin(&start, &plan);
                migration.target.fail_at(call, fault);
                let ended = migration.target.until_killed(migration.apply()).await;
                if let Some(Err(stopped)) = &ended {
                    assert!(matches!(stopped, Stopped::TakenBack(_)), "{stopped}, {context}");
                    assert!(as_it_was(&start, &migration.target.document()), "{context}");
                } else if goes_on {
                    if ended.is_none() {
                        migration.apply().await.unwrap();
                    }
                    assert_eq!(migration.target.document().digest(), wanted, "{context}");
                } else {
                    migration.back().await.unwrap();
                    assert!(as_it_was(&start, &migration.target.document()), "{context}");
                }
                assert_nobody_noticed(&migration, &context);
            }
        }
    }
}

#[tokio::test]
async fn taking_back_can_be_killed_at_any_call_and_goes_on() {
    let start = usual();
    let plan = planned(&start, false);
    let undisturbed = Migration::begin(&start, &plan);
    undisturbed.apply().await.unwrap();
    let before = undisturbed.target.calls();
    undisturbed.back().await.unwrap();
    for call in 0..undisturbed.target.calls() - before {
        for fault in FAULTS {
            let context = format!("{fault:?} at call {call}");
            let migration = Migration::begin(&start, &plan);
            migration.apply().await.unwrap();
            migration.target.fail_at(call, fault);
            let ended = migration.target.until_killed(migration.back()).await;
            assert!(!matches!(ended, Some(Ok(()))), "{context}");
            migration.back().await.unwrap();
            assert!(as_it_was(&start, &migration.target.document()), "{context}");
            assert_nobody_noticed(&migration, &context);
        }
    }
}

#[tokio::test]
async fn an_entry_that_somebody_else_made_is_kept_if_it_is_the_same_and_stops_everything_if_it_is_not() {
    let rows = row("d", Row::Group);
    let start = document(AuthenticationMode::ApiAndConfigMap, &rows, &[]);
    let plan = planned(&start, false);
    let mut same = plan.steps[0].action.apply_to(&start).unwrap();
    let migration = Migration::begin(&same, &plan);
    migration.apply().await.unwrap();
    migration.back().await.unwrap();
    assert_eq!(migration.target.document().digest(), same.digest(), "it was not made by us");

    same.access_entries[0].kubernetes_groups = vec!["other".to_owned()];
    let migration = Migration::begin(&same, &plan);
    let stopped = migration.apply().await.unwrap_err().to_string();
    assert!(stopped.contains("exists and says something else"), "{stopped}");
    assert_eq!(migration.target.document().digest(), same.digest());
}

#[tokio::test]
async fn rows_that_somebody_added_meanwhile_stay_when_everything_is_taken_back() {
    let start = usual();
    let migration = Migration::begin(&start, &planned(&start, false));
    migration.apply().await.unwrap();
    let mut meanwhile = migration.target.document();
    let text = meanwhile.aws_auth.as_mut().unwrap().data.get_mut("mapRoles").unwrap();
    *text = "- {rolearn: 'arn:aws:iam::123456789012:role/new', username: new}\n".to_owned();
    let migration = Migration { target: Memory::new(meanwhile), ..migration };
    migration.back().await.unwrap();
    let end = migration.target.document();
    assert_eq!(rights(&end), rights(&start));
    assert!(end.aws_auth.unwrap().data["mapRoles"].contains("role/new"));
}

fn rows() -> impl Strategy<Value = Vec<(usize, Row)>> {
    let kind = prop_oneof![Just(Row::Masters), Just(Row::Group), Just(Row::Reserved), Just(Row::User), Just(Row::Node)];
    proptest::collection::vec((0..NAMES.len(), kind), 1..5)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn of_random_small_plans_each_ends_as_it_was_or_as_it_is_to_be(
        rows in rows(),
        is_mixed in any::<bool>(),
        call in 0usize..80,
        fault in prop_oneof![Just(Fault::Refused), Just(Fault::AnswerLost), Just(Fault::KilledBefore), Just(Fault::KilledAfter)],
        goes_on in any::<bool>(),
    ) {
        let text: String = rows.iter().map(|(name, kind)| row(NAMES[*name], *kind)).collect();
        let mode = if is_mixed { AuthenticationMode::ApiAndConfigMap } else { AuthenticationMode::ConfigMap };
        let start = document(mode, &text, &[]);
        let plan = planned(&start, false);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let migration = Migration::begin(&start, &plan);
            migration.target.fail_at(call, fault);
            let ended = migration.target.until_killed(migration.apply()).await;
            if goes_on && ended.is_none() {
                migration.apply().await.unwrap();
            } else if !goes_on {
                // The fault may come only now.
                if !matches!(migration.target.until_killed(migration.back()).await, Some(Ok(()))) {
                    migration.back().await.unwrap();
                }
            }
            let end = migration.target.document();
            let is_new = end.digest() == plan.after(&start).unwrap().digest();
            let was_refused = matches!(ended, Some(Err(_)));
            assert!(if goes_on && !was_refused { is_new } else { as_it_was(&start, &end) });
            assert_nobody_noticed(&migration, &text);
        });
    }
}
