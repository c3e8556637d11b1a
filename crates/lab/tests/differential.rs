//! `authorize` against the RBAC of a real kube-apiserver: the same random rules on both sides, the same questions.
//!
//! An access policy becomes a ClusterRole, an association with cluster scope a ClusterRoleBinding, one with namespaces a
//! RoleBinding in every namespace that a pattern matches. It stands here because the lab is what starts a
//! kube-apiserver; the rules are those of core's own differential test. `DOORWARD_SEED` chooses other ones.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "tests fail by panicking"
)]

#[path = "../../core/tests/differential/rules.rs"]
mod rules;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::time::{Duration, Instant};

use doorward_core::access_entry::{AccessEntry, NewAccessEntry, Tags};
use doorward_core::access_policy::{AccessPolicy, AccessPolicyArn, Catalogue, Documented};
use doorward_core::access_scope::AccessScope;
use doorward_core::authentication_mode::AuthenticationMode;
use doorward_core::authorize::{Decision, Subject, authorize};
use doorward_core::partition::Partition;
use doorward_core::principal::PrincipalId;
use doorward_core::rbac::PolicyRule;
use doorward_core::world::World;
use doorward_lab::{KubernetesApi, LabDir, down, up_kubernetes};
use futures::FutureExt as _;
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use jiff::Timestamp;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use rules::Asked;
use serde_json::{Value, json};

const POLICIES: usize = 60;
const PRINCIPALS: usize = 80;
const QUESTIONS_EACH: usize = 50;
const RBAC: &str = "/apis/rbac.authorization.k8s.io/v1";

/// What one principal has: policies by name, with namespaces or none for the cluster.
type Associations = BTreeMap<String, Vec<String>>;

/// The same access, twice: as a World and as what RBAC is told.
struct Scenario {
    policies: BTreeMap<String, Vec<PolicyRule>>,
    principals: BTreeMap<String, Associations>,
    questions: Vec<(String, Asked)>,
}

impl Scenario {
    fn random(seed: u64) -> Self {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
        let mut runner = TestRunner::new_with_rng(Config::default(), rng);
        let mut policies: BTreeMap<String, Vec<PolicyRule>> = Catalogue::built_in()
            .iter()
            .filter(|policy| !policy.grants_nothing())
            .map(|policy| (policy.name.clone(), policy.rules.clone()))
            .collect();
        for number in 0..POLICIES {
            let rules = sample(&prop::collection::vec(rules::rule(), 1..=6), &mut runner);
            policies.insert(format!("Random{number}"), rules);
        }
        let names: Vec<String> = policies.keys().cloned().collect();
        let associations = prop::collection::btree_map(prop::sample::select(names), rules::scope(), 1..=3);
        let mut principals = BTreeMap::new();
        let mut questions = Vec::new();
        for number in 0..PRINCIPALS {
            let id = format!("AROA{number}");
            principals.insert(id.clone(), sample(&associations, &mut runner));
            questions.extend((0..QUESTIONS_EACH).map(|_| (id.clone(), sample(&rules::asked(), &mut runner))));
        }
        let mut scenario = Self { policies, principals, questions };
        scenario.add_kept_cases();
        scenario
    }

    /// What the two sides once disagreed about.
    fn add_kept_cases(&mut self) {
        let strings = |list: &[&str]| list.iter().map(|&text| text.to_owned()).collect::<Vec<_>>();
        let paths =
            |urls| PolicyRule { verbs: strings(&["get"]), non_resource_urls: strings(urls), ..Default::default() };
        let logs = PolicyRule {
            verbs: strings(&["get"]),
            api_groups: strings(&[""]),
            resources: strings(&["pods/log", "*/scale"]),
            ..Default::default()
        };
        let resource = |text: &str| Asked::Resource {
            verb: "get".to_owned(),
            group: String::new(),
            resource: text.to_owned(),
            subresource: String::new(),
            namespace: String::new(),
            name: String::new(),
        };
        let path = |text: &str| Asked::Path { verb: "get".to_owned(), path: text.to_owned() };
        for (name, rule, asked) in [
            ("KeptStars", paths(&["**"]), vec![path("/")]),
            ("KeptTrailingStars", paths(&["/api**", "/*/x"]), vec![path("/apis"), path("/y/x"), path("/ap")]),
            ("KeptResources", logs, vec![resource("pods/log"), resource("pods/scale"), resource("*/scale")]),
        ] {
            self.policies.insert(name.to_owned(), vec![rule]);
            self.principals.insert(name.to_uppercase(), Associations::from([(name.to_owned(), Vec::new())]));
            self.questions.extend(asked.into_iter().map(|asked| (name.to_uppercase(), asked)));
        }
    }

    fn world(&self) -> World {
        let catalogue = Catalogue::new(self.policies.iter().map(|(name, rules)| AccessPolicy {
            name: name.clone(),
            documented: Documented::Table,
            listed: true,
            service_linked_role_only: false,
            omitted: Vec::new(),
            source: None,
            rules: rules.clone(),
        }));
        let catalogue: &'static Catalogue = Box::leak(Box::new(catalogue));
        let world = World::new(AuthenticationMode::Api).with_catalogue(catalogue);
        self.principals.iter().fold(world, |world, (id, associations)| {
            let arn = format!("arn:aws:iam::123456789012:role/{id}");
            let request = NewAccessEntry::parse(&arn, None, None, None, Tags::new()).unwrap();
            let now = Timestamp::UNIX_EPOCH;
            let entry = AccessEntry::new(request, Some(PrincipalId(id.clone())), "uuid".to_owned(), now).unwrap();
            world.with_entry(associations.iter().fold(entry, |entry, (name, namespaces)| {
                let kind = if namespaces.is_empty() { "cluster" } else { "namespace" };
                let scope = AccessScope::parse(kind, namespaces).unwrap();
                let policy = AccessPolicyArn::new(Partition::Aws, name);
                entry.associated(&policy, scope, catalogue, Partition::Aws, now).unwrap().0
            }))
        })
    }

    /// Path and object of everything that RBAC has to be told, in the order of making.
    fn objects(&self) -> Vec<(String, Value)> {
        let mut objects = Vec::new();
        for namespace in rules::NAMESPACES {
            objects.push(("/api/v1/namespaces".to_owned(), named("v1", "Namespace", namespace, json!({}))));
        }
        for (name, rules) in &self.policies {
            objects.push(cluster_role(name, rules.iter().map(rule_json).collect()));
        }
        for (id, associations) in &self.principals {
            for (policy, scope) in associations {
                if scope.is_empty() {
                    objects.push(binding(None, id, policy));
                    continue;
                }
                let is_in_scope = |namespace: &&str| scope.iter().any(|pattern| is_match(pattern, namespace));
                let namespaces = rules::NAMESPACES.into_iter().filter(is_in_scope);
                objects.extend(namespaces.map(|namespace| binding(Some(namespace), id, policy)));
            }
        }
        objects
    }
}

fn sample<S: Strategy>(strategy: &S, runner: &mut TestRunner) -> S::Value {
    strategy.new_tree(runner).unwrap().current()
}

/// Whether a pattern with stars matches, from its first letter to its last.
fn is_match(pattern: &str, text: &str) -> bool {
    match pattern.strip_prefix('*') {
        Some(rest) => (0..=text.len()).any(|at| is_match(rest, &text[at..])),
        None if pattern.is_empty() => text.is_empty(),
        None => text.starts_with(&pattern[..1]) && is_match(&pattern[1..], &text[1..]),
    }
}

fn named(api_version: &str, kind: &str, name: &str, rest: Value) -> Value {
    let mut object = json!({ "apiVersion": api_version, "kind": kind, "metadata": { "name": name } });
    object.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
    object
}

fn rule_json(rule: &PolicyRule) -> Value {
    json!({
        "verbs": rule.verbs,
        "apiGroups": rule.api_groups,
        "resources": rule.resources,
        "resourceNames": rule.resource_names,
        "nonResourceURLs": rule.non_resource_urls,
    })
}

fn cluster_role(name: &str, rules: Vec<Value>) -> (String, Value) {
    let role = named("rbac.authorization.k8s.io/v1", "ClusterRole", name, json!({ "rules": rules }));
    (format!("{RBAC}/clusterroles"), role)
}

fn binding(namespace: Option<&str>, user: &str, role: &str) -> (String, Value) {
    let (kind, path) = match namespace {
        None => ("ClusterRoleBinding", format!("{RBAC}/clusterrolebindings")),
        Some(namespace) => ("RoleBinding", format!("{RBAC}/namespaces/{namespace}/rolebindings")),
    };
    let rest = json!({
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role },
        "subjects": [{ "apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user }],
    });
    (path, named("rbac.authorization.k8s.io/v1", kind, &format!("{user}-{role}"), rest))
}

/// What RBAC says; without groups, so that the API server's own roles for everybody stay out of it.
async fn rbac_allows(api: &KubernetesApi, user: &str, asked: &Asked) -> bool {
    let spec = match asked {
        Asked::Resource { verb, group, resource, subresource, namespace, name } => json!({
            "user": user,
            "resourceAttributes": {
                "verb": verb, "group": group, "resource": resource, "subresource": subresource,
                "namespace": namespace, "name": name,
            },
        }),
        Asked::Path { verb, path } => json!({ "user": user, "nonResourceAttributes": { "verb": verb, "path": path } }),
    };
    let review = json!({ "apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": spec });
    let answer = api.post("/apis/authorization.k8s.io/v1/subjectaccessreviews", &review).await.unwrap();
    answer["status"]["allowed"].as_bool().unwrap()
}

/// Returns once RBAC has taken up everything made before: each kind is watched in the order of making, so a role and a
/// binding of each kind that were made last are the last to be seen.
async fn wait_until_effective(api: &KubernetesApi) {
    let rule = json!({ "verbs": ["get"], "apiGroups": [""], "resources": ["sentinels"] });
    let last =
        [cluster_role("sentinel", vec![rule]), binding(None, "x", "sentinel"), binding(Some("a"), "y", "sentinel")];
    for (path, object) in &last {
        api.post(path, object).await.unwrap();
    }
    let asked = Asked::Resource {
        verb: "get".to_owned(),
        group: String::new(),
        resource: "sentinels".to_owned(),
        subresource: String::new(),
        namespace: "a".to_owned(),
        name: String::new(),
    };
    let deadline = Instant::now() + Duration::from_secs(30);
    for user in ["x", "y"] {
        while !rbac_allows(api, user, &asked).await {
            assert!(Instant::now() < deadline, "RBAC has not taken up a binding within 30 s");
        }
    }
}

/// The share of allowed requests and what both sides disagree about.
async fn compare(api: &KubernetesApi, scenario: &Scenario) -> (usize, Vec<String>) {
    let objects = scenario.objects();
    // Namespaces, roles and bindings in this order; within a kind in any.
    for kind in ["Namespace", "ClusterRole", "ClusterRoleBinding", "RoleBinding"] {
        let of_kind = objects.iter().filter(|(_, object)| object["kind"] == kind);
        let posts = of_kind.map(|(path, object)| api.post(path, object));
        let made: Result<Vec<Value>, _> = stream::iter(posts).buffer_unordered(8).try_collect().await;
        made.unwrap();
    }
    wait_until_effective(api).await;

    let world = scenario.world();
    let answers = stream::iter(&scenario.questions)
        .map(|(user, asked)| async move { (user, asked, rbac_allows(api, user, asked).await) });
    let answers: Vec<_> = answers.buffered(8).collect().await;
    let mut disagreements = Vec::new();
    for (user, asked, rbac) in &answers {
        let uid = format!("aws-iam-authenticator:123456789012:{user}");
        let subject = Subject { uid: &uid, principal_id: Some(user), canonical_arn: None };
        let ours = matches!(authorize(&world, subject, &asked.attributes()), Decision::Allow(_));
        if ours != *rbac {
            let associations = &scenario.principals[*user];
            let rules: Vec<_> = associations.keys().map(|policy| &scenario.policies[policy]).collect();
            disagreements.push(format!("RBAC says {rbac}, we say {ours}: {asked:?}\n{associations:?}\n{rules:?}"));
        }
    }
    (answers.iter().filter(|(.., allowed)| *allowed).count(), disagreements)
}

#[tokio::test(flavor = "multi_thread")]
async fn access_policies_decide_as_the_same_rules_do_in_rbac() {
    let seed = std::env::var("DOORWARD_SEED").map_or(2_026, |seed| seed.parse::<u64>().unwrap());
    let guard = tempfile::tempdir().unwrap();
    let dir = LabDir::new(guard.path().join("lab")).unwrap();
    up_kubernetes(dir.clone(), |_| {}).await.unwrap();
    let scenario = Scenario::random(seed);
    // Caught, so that the lab is stopped whatever becomes of it.
    let compared = AssertUnwindSafe(async {
        let api = KubernetesApi::connect(&dir).await.unwrap();
        compare(&api, &scenario).await
    });
    let compared = compared.catch_unwind().await;
    down(&dir).await.unwrap();
    let (allowed, disagreements) = compared.unwrap_or_else(|panic| resume_unwind(panic));
    let total = scenario.questions.len();

    println!("{total} reviews, {allowed} allowed");
    let shown: Vec<_> = disagreements.iter().take(10).cloned().collect();
    assert!(
        disagreements.is_empty(),
        "DOORWARD_SEED={seed}\n{} of {total}\n{}",
        disagreements.len(),
        shown.join("\n\n")
    );
    assert!(total >= 2_000, "{total} reviews");
    let share = allowed as f64 / total as f64;
    assert!((0.1..0.7).contains(&share), "{:.1} % are allowed", share * 100.0);
}
