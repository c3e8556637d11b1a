//! `doorward migrate` on a real kube-apiserver: what the proof says of a thousand principals holds there, before and after.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that fails here has found what it looks for")]

mod migrating;

use doorward_identity::hosts::Endpoint;
use doorward_identity::token;
use doorward_sigv4::{Credentials, SecretKey};
use jiff::Timestamp;
use kube::{Client, Config};
use migrating::{ApiServer, CLUSTER, Lab};
use serde_json::{Value, json};

/// There are no more than 1,000 roles in an account; the others are users.
const ROLES: usize = 900;

/// A principal of the lab whose row says this.
struct Mapped {
    arn: String,
    username: String,
    groups: Vec<&'static str>,
}

/// Many roles: members of `system:masters`, of groups that entries refuse, with usernames that they refuse, and such of
/// which nothing changes. Which is which is by chance, and the same in every run.
fn mapped(count: usize) -> Vec<Mapped> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut chance = move |below: u64| {
        // xorshift64
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % below
    };
    let of = |number: usize| {
        let (username, groups): (&str, &[&str]) = match chance(8) {
            0 => ("boss-{}", &["system:masters"]),
            1 => ("special-{}", &["eks:reserved"]),
            2 => ("both-{}", &["team-a", "eks:reserved"]),
            3 => ("eks:robot-{}", &["team-a"]),
            4 => ("plain-{}", &["team-a", "team-b"]),
            5 => ("one-{}:{{SessionName}}", &["team-b"]),
            6 => ("bound", &[]),
            _ => ("nobody-{}", &["unbound"]),
        };
        Mapped {
            arn: format!("arn:aws:iam::123456789012:{}/proof-{number}", if number < ROLES { "role" } else { "user" }),
            username: username.replace("{}", &number.to_string()),
            groups: groups.to_vec(),
        }
    };
    (0..count).map(of).collect()
}

/// As whom the API server lets somebody in, and what it says to requests of that identity.
async fn reviewed(client: &Client, token: &str, requests: &[Value]) -> (Value, Vec<bool>) {
    let post = |path: &'static str, body: Value| async move {
        let request = http::Request::post(path).header("content-type", "application/json");
        client.request::<Value>(request.body(body.to_string().into_bytes()).unwrap()).await.unwrap()
    };
    let review = json!({ "apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": { "token": token } });
    let review = post("/apis/authentication.k8s.io/v1/tokenreviews", review).await;
    assert_eq!(review["status"]["authenticated"], true, "{review:#}");
    let user = &review["status"]["user"];
    let mut answers = Vec::new();
    for asked in requests {
        let mut spec = asked.clone();
        for (to, from) in [("user", "username"), ("uid", "uid"), ("groups", "groups"), ("extra", "extra")] {
            spec[to] = user[from].clone();
        }
        let kind = "SubjectAccessReview";
        let review = json!({ "apiVersion": "authorization.k8s.io/v1", "kind": kind, "spec": spec });
        let answer = post("/apis/authorization.k8s.io/v1/subjectaccessreviews", review).await;
        answers.push(answer["status"]["allowed"] == true);
    }
    let mut groups: Vec<&str> =
        user["groups"].as_array().unwrap().iter().map(|group| group.as_str().unwrap()).collect();
    groups.retain(|group| *group != "system:authenticated");
    groups.sort_unstable();
    (json!({ "username": user["username"], "groups": groups }), answers)
}

/// A request as a SubjectAccessReview has it.
fn asked(request: &doorward_core::rbac::ResourceAttributes<'_>) -> Value {
    let (verb, resource, namespace) = (request.verb, request.resource, request.namespace);
    json!({ "resourceAttributes": { "verb": verb, "resource": resource, "namespace": namespace } })
}

/// Somebody of whom the proof says something, and what is asked to see whether it holds.
struct Claim {
    arn: String,
    session: String,
    /// As whom before and after.
    identities: [Value; 2],
    requests: Vec<Value>,
    /// What is allowed before and after.
    allowed: [Vec<bool>; 2],
}

#[test]
fn what_the_proof_says_of_a_thousand_principals_holds_on_the_api_server_before_and_after_a_real_apply() {
    use doorward_core::compare::{DifferenceKind, Who, compare};
    use doorward_core::permissions::permissions;
    use doorward_core::plan::{PlanOptions, plan};
    use doorward_core::questions::Caller as Asker;
    use doorward_core::rbac::{Attributes, ResourceAttributes};
    use doorward_core::world_document::WorldDocument;

    const WANTED: usize = 500;
    const CREDENTIALS: &str = r#"
import boto3, json, sys
iam, sts = boto3.client("iam"), boto3.client("sts")
trust = iam.get_role(RoleName="eks-workshop-admins")["Role"]["AssumeRolePolicyDocument"]
for line in sys.stdin:
    arn, session = line.split()
    name = arn.split("/")[1]
    if ":user/" in arn and session == "-":
        iam.create_user(UserName=name)
    elif ":user/" in arn:
        print(json.dumps(iam.create_access_key(UserName=name)["AccessKey"], default=str))
    elif session == "-":
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))
    else:
        print(json.dumps(sts.assume_role(RoleArn=arn, RoleSessionName=session)["Credentials"], default=str))
"#;
    let lab = Lab::up();
    let python = std::fs::canonicalize(lab.dir().join("bin/aws")).unwrap().with_file_name("python");
    std::fs::write(lab.dir().join("credentials.py"), CREDENTIALS).unwrap();
    let tell_python = |lines: String| {
        std::fs::write(lab.dir().join("lines"), lines).unwrap();
        lab.ok(&format!("'{}' $DOORWARD_LAB_DIR/credentials.py < $DOORWARD_LAB_DIR/lines", python.display()))
    };
    let mapped = mapped(1_120);
    tell_python(mapped.iter().map(|one| format!("{} -\n", one.arn)).collect());
    let rows = |key: &str, part: &[Mapped]| -> String {
        let row = |one: &Mapped| {
            format!("- {{{key}: '{}', username: '{}', groups: {}}}\n", one.arn, one.username, json!(one.groups))
        };
        part.iter().map(row).collect()
    };
    let (roles, users) = mapped.split_at(ROLES);
    let data = json!({ "mapRoles": rows("rolearn", roles), "mapUsers": rows("userarn", users) });
    let metadata = json!({ "name": "aws-auth", "namespace": "kube-system" });
    let manifest = json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data });
    std::fs::write(lab.dir().join("aws-auth.json"), manifest.to_string()).unwrap();
    lab.ok("kubectl replace -f $DOORWARD_LAB_DIR/aws-auth.json
kubectl create clusterrole secret-reader --verb=get,list --resource=secrets
kubectl create clusterrolebinding team-a --clusterrole=pod-reader --group=team-a
kubectl create rolebinding team-b -n carts --clusterrole=secret-reader --group=team-b
kubectl create rolebinding bound -n ui --clusterrole=pod-reader --user=bound");
    let document = WorldDocument::parse(&lab.ok("doorward world export --cluster $EKS_CLUSTER_NAME")).unwrap();
    let planned = plan(&document, &PlanOptions::default()).unwrap();
    let after = planned.after(&document).unwrap();
    let worlds = [document.to_world().unwrap(), after.to_world().unwrap()];
    let comparison = compare(&worlds[0], &worlds[1]);

    let probe = |number: usize| {
        let verb = ["get", "list", "delete"][number % 3];
        let resource = ["pods", "secrets", "nodes"][number / 3 % 3];
        let namespace = ["carts", "ui", "catalog", ""][number / 9 % 4];
        ResourceAttributes { verb, resource, namespace, ..ResourceAttributes::default() }
    };
    let identity =
        |found: &doorward_core::compare::Identity| json!({ "username": found.username, "groups": found.groups });
    let mut differing = Vec::new();
    for (number, one) in
        comparison.differences.iter().filter(|one| matches!(one.who, Who::Principal { .. })).enumerate()
    {
        let probe = probe(number);
        let caller = one.caller.principal();
        let masters = [one.kind == DifferenceKind::BypassLost, false];
        let mut requests = vec![asked(&probe)];
        let decide = |asked: &Attributes<'_>| {
            [0, 1].map(|at| permissions(&worlds[at], &caller).unwrap().permissions.decide(asked).is_allowed())
        };
        let mut allowed = decide(&Attributes::Resource(probe)).map(|allowed| vec![allowed]);
        if let Some(request) = &one.request {
            requests.push(serde_json::to_value(request).unwrap());
            let says = decide(&request.attributes());
            allowed.iter_mut().zip(says).for_each(|(list, allowed)| list.push(allowed));
        }
        assert!(!masters[0] || allowed[0][0], "a bypass allows everything");
        differing.push(Claim {
            arn: one.caller.canonical_arn.as_str().to_owned(),
            session: one.caller.session_name.clone(),
            identities: [identity(one.before.as_ref().unwrap()), identity(one.after.as_ref().unwrap())],
            requests,
            allowed,
        });
    }
    assert!(differing.len() >= WANTED, "{}", differing.len());
    let equal = comparison.principals.iter().filter(|one| one.differs.is_empty());
    let arn = |who: &Who| match who {
        Who::Principal { arn, .. } => Some(arn.as_str().to_owned()),
        _ => None,
    };
    let is_ours = |arn: &String| arn.contains("/proof-");
    let mut claims: Vec<Claim> = equal
        .filter_map(|one| arn(&one.who))
        .filter(is_ours)
        .enumerate()
        .map(|(number, arn)| {
            let session = if arn.contains(":role/") { format!("s{number}") } else { String::new() };
            let caller =
                Asker::parse(&arn, Some(session.as_str()).filter(|name| !name.is_empty()), worlds[0].directory())
                    .unwrap()
                    .principal;
            let probe = probe(number * 7);
            let of = |at: usize| permissions(&worlds[at], &caller).unwrap();
            let identity = |at: usize| {
                let mut found = of(at).resolved.identity;
                found.groups.to_mut().sort_unstable();
                json!({ "username": found.username, "groups": found.groups })
            };
            let allowed = [0, 1].map(|at| vec![of(at).permissions.decide(&Attributes::Resource(probe)).is_allowed()]);
            assert_eq!((identity(0), &allowed[0]), (identity(1), &allowed[1]), "the proof calls {arn} equal");
            let requests = vec![asked(&probe)];
            Claim { arn, session, identities: [identity(0), identity(1)], requests, allowed }
        })
        .collect();
    assert!(claims.len() >= WANTED, "{}", claims.len());
    claims.truncate(WANTED);
    claims.extend(differing.into_iter().take(WANTED));

    let credentials = tell_python(
        claims
            .iter()
            .map(|claim| format!("{} {}\n", claim.arn, if claim.session.is_empty() { "user" } else { &claim.session }))
            .collect(),
    );
    let credentials: Vec<Credentials> = credentials
        .lines()
        .map(|line| {
            let line: Value = serde_json::from_str(line).unwrap();
            let part = |key: &str| line[key].as_str().unwrap().to_owned();
            let secret = SecretKey::new(part("SecretAccessKey"));
            let session = line["SessionToken"].as_str().map(str::to_owned);
            Credentials::new(part("AccessKeyId"), secret, session).unwrap()
        })
        .collect();
    assert_eq!(credentials.len(), claims.len());
    let server = ApiServer::of(&lab);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let hold = |at: usize| {
        let answers: Vec<bool> = claims.iter().flat_map(|claim| claim.allowed[at].clone()).collect();
        let allowed = answers.iter().filter(|&&allowed| allowed).count();
        assert!(
            allowed > 50 && answers.len() - allowed > 50,
            "the requests say something: {allowed} of {}",
            answers.len()
        );
        runtime.block_on(async {
            let admin = kube::config::Kubeconfig::read_from(lab.dir().join("admin.kubeconfig")).unwrap();
            let options = kube::config::KubeConfigOptions::default();
            let config = Config::from_custom_kubeconfig(admin, &options).await.unwrap();
            let client = Client::try_from(config).unwrap();
            for (claim, credentials) in claims.iter().zip(&credentials) {
                let endpoint = Endpoint::Local(server.sts.clone());
                let token = token::encode(&endpoint, "us-west-2", credentials, CLUSTER, Timestamp::now()).unwrap();
                use secrecy::ExposeSecret as _;
                let found = reviewed(&client, token.expose_secret(), &claim.requests).await;
                assert_eq!(
                    found,
                    (claim.identities[at].clone(), claim.allowed[at].clone()),
                    "{} in World {at}",
                    claim.arn
                );
            }
        });
    };
    hold(0);
    let accept: Vec<String> = comparison.differences.iter().map(|one| format!("--accept '{}'", one.id)).collect();
    lab.ok(&lab.apply(&format!("--confirm-within 0 {}", accept.join(" "))));
    hold(1);
}
