//! `doorward migrate` end to end, on a lab with a real etcd and kube-apiserver: nobody is refused while it works, it may
//! be killed at any step, and what nobody confirms is taken back.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that fails here has found what it looks for")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use doorward_identity::hosts::{Endpoint, LocalEndpoint};
use doorward_identity::token;
use doorward_sigv4::{Credentials, SecretKey};
use jiff::Timestamp;
use kube::config::AuthInfo;
use kube::{Client, Config};
use serde_json::{Value, json};

const ADMINS: &str = "arn:aws:iam::123456789012:role/eks-workshop-admins";
const DEVELOPERS: &str = "arn:aws:iam::123456789012:role/eks-workshop-developers";
const CARTS_TEAM: &str = "arn:aws:iam::123456789012:role/eks-workshop-carts-team";
const CLUSTER: &str = "eks-workshop";

/// A running lab, stopped at the end of the test whatever happens.
struct Lab {
    guard: tempfile::TempDir,
}

impl Drop for Lab {
    fn drop(&mut self) {
        let _ = Command::new(doorward()).args(["lab", "down", "--dir"]).arg(self.dir()).output();
    }
}

fn doorward() -> &'static Path {
    Path::new(assert_cmd::cargo::cargo_bin!("doorward"))
}

fn both(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

impl Lab {
    /// A lab whose aws-auth has a row of each kind: an administrator, a team bound by RBAC, a reserved group, nodes.
    fn up() -> Self {
        let lab = Self { guard: tempfile::tempdir().unwrap() };
        let up = Command::new(doorward()).args(["lab", "up", "--dir"]).arg(lab.dir()).output().unwrap();
        assert!(up.status.success(), "{}", both(&up));
        lab.ok(
            "kubectl apply -k $DOORWARD_LAB_DIR/rbac
kubectl create clusterrole pod-reader --verb=get,list --resource=pods
kubectl create clusterrolebinding reserved --clusterrole=pod-reader --group=eks:reserved
doorward mapping create --cluster $EKS_CLUSTER_NAME --arn $CARTS_TEAM_IAM_ROLE --username carts:{{SessionName}} --group carts-team
doorward mapping create --cluster $EKS_CLUSTER_NAME --arn $DEVELOPERS_IAM_ROLE --username developer --group eks:reserved",
        );
        lab
    }

    fn dir(&self) -> PathBuf {
        self.guard.path().join("lab")
    }

    fn state(&self) -> PathBuf {
        self.dir().join("migrations").join(CLUSTER)
    }

    fn journal(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.state().join("journal.jsonl")).unwrap_or_default();
        text.lines().skip(1).filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// A script as somebody types it into sh, with the lab's `env` sourced.
    fn sh(&self, script: &str) -> Command {
        let mut command = Command::new("/bin/sh");
        command.arg("-ec").arg(format!(". {}/env\n{script}", self.dir().display()));
        command.env("HOME", self.guard.path());
        command.stdin(Stdio::null());
        command
    }

    fn run(&self, script: &str) -> Output {
        self.sh(script).output().unwrap()
    }

    fn ok(&self, script: &str) -> String {
        let output = self.run(script);
        assert!(output.status.success(), "{script}: {}", both(&output));
        String::from_utf8(output.stdout).unwrap()
    }

    /// `--accept` for every difference that the proof finds.
    fn accept(&self) -> String {
        let refused = self.run("doorward migrate apply --cluster $EKS_CLUSTER_NAME --dry-run");
        assert_eq!(refused.status.code(), Some(3), "{}", both(&refused));
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        let differences = said.lines().filter_map(|line| line.strip_prefix("error: "));
        let ids = differences.filter(|line| line.contains(":role/")).map(|line| line.split(": ").next().unwrap());
        let flags: Vec<String> = ids.map(|id| format!("--accept '{id}'")).collect();
        assert!(!flags.is_empty(), "{said}");
        flags.join(" ")
    }

    fn apply(&self, flags: &str) -> String {
        format!("exec doorward migrate apply --cluster $EKS_CLUSTER_NAME {flags}")
    }

    /// What decides access on the cluster, without times and ids of objects.
    fn decides(&self) -> Value {
        let world: Value = serde_json::from_str(&self.ok("doorward world export --cluster $EKS_CLUSTER_NAME")).unwrap();
        let entry = |entry: &Value| {
            let policies = entry["associatedAccessPolicies"].as_array().unwrap().iter();
            let policies: Vec<_> = policies.map(|one| json!([one["policyArn"], one["accessScope"]])).collect();
            json!([entry["principalArn"], entry["type"], entry["username"], entry["kubernetesGroups"], policies])
        };
        let entries: Vec<Value> = world["accessEntries"].as_array().unwrap().iter().map(entry).collect();
        let bindings = world["rbac"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|object| object["kind"].as_str().unwrap().ends_with("Binding"));
        let bindings: Vec<Value> =
            bindings.map(|object| json!([object["metadata"]["name"], object["subjects"]])).collect();
        json!({ "awsAuth": world["awsAuth"], "entries": entries, "bindings": bindings, "mode": world["authenticationMode"] })
    }

    /// A variable of the lab's `env`.
    fn variable(&self, name: &str) -> String {
        self.ok(&format!("printf %s \"${name}\""))
    }
}

/// A principal that asks the API server ten times a second, each time with a token of its own making.
struct Caller {
    name: &'static str,
    credentials: Credentials,
    path: &'static str,
}

/// Everything that is needed to ask the API server.
#[derive(Clone)]
struct ApiServer {
    config: Config,
    sts: LocalEndpoint,
}

impl ApiServer {
    fn of(lab: &Lab) -> Self {
        let cluster: Value =
            serde_json::from_str(&lab.ok("aws eks describe-cluster --name $EKS_CLUSTER_NAME --query cluster")).unwrap();
        let mut config = Config::new(cluster["endpoint"].as_str().unwrap().parse().unwrap());
        let pem = lab.ok("aws eks describe-cluster --name $EKS_CLUSTER_NAME --query cluster.certificateAuthority.data --output text | base64 -d");
        let (_, base64) = pem.split_once("-----BEGIN CERTIFICATE-----").unwrap();
        let (base64, _) = base64.split_once("-----END").unwrap();
        use base64::Engine as _;
        let der = base64::engine::general_purpose::STANDARD.decode(base64.replace(['\n', '\r'], "")).unwrap();
        config.root_cert = Some(vec![der]);
        Self { config, sts: LocalEndpoint::parse(&lab.variable("AWS_ENDPOINT_URL")).unwrap() }
    }

    async fn ask(&self, caller: &Caller) -> Result<(), String> {
        let endpoint = Endpoint::Local(self.sts.clone());
        let token = token::encode(&endpoint, "us-west-2", &caller.credentials, CLUSTER, Timestamp::now()).unwrap();
        let mut config = self.config.clone();
        config.auth_info = AuthInfo { token: Some(token), ..AuthInfo::default() };
        let client = Client::try_from(config).unwrap();
        let request = http::Request::get(caller.path).body(Vec::new()).unwrap();
        client.request_text(request).await.map(|_| ()).map_err(|error| error.to_string().chars().take(200).collect())
    }
}

impl Caller {
    fn of(lab: &Lab, name: &'static str, role: &str, session: &str, path: &'static str) -> Self {
        let assumed = lab.ok(&format!("aws sts assume-role --role-arn {role} --role-session-name {session}"));
        let assumed: Value = serde_json::from_str(&assumed).unwrap();
        let part = |key: &str| assumed["Credentials"][key].as_str().unwrap().to_owned();
        let secret = SecretKey::new(part("SecretAccessKey"));
        let credentials = Credentials::new(part("AccessKeyId"), secret, Some(part("SessionToken")));
        Self { name, credentials: credentials.unwrap(), path }
    }
}

/// The mapped principals of the lab, each with a request that it may do.
fn callers(lab: &Lab) -> Vec<Caller> {
    vec![
        Caller::of(lab, "administrator", ADMINS, "me", "/api/v1/namespaces/kube-system/secrets?limit=1"),
        Caller::of(lab, "carts team", CARTS_TEAM, "me", "/api/v1/namespaces/carts/pods?limit=1"),
        Caller::of(lab, "developer", DEVELOPERS, "me", "/api/v1/namespaces/catalog/pods?limit=1"),
    ]
}

/// Asks until it is told to stop. Gives how often each was let in, and every refusal.
fn ask_until(
    lab: &Lab,
    stop: Arc<AtomicBool>,
) -> std::thread::JoinHandle<(BTreeMap<&'static str, usize>, Vec<String>)> {
    let (server, callers) = (ApiServer::of(lab), callers(lab));
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let found = Mutex::new((BTreeMap::new(), Vec::new()));
        runtime.block_on(async {
            let asking = callers.iter().map(|caller| async {
                let mut ticks = tokio::time::interval(Duration::from_millis(100));
                while !stop.load(Ordering::Relaxed) {
                    ticks.tick().await;
                    let answer = server.ask(caller).await;
                    let mut found = found.lock().unwrap();
                    match answer {
                        Ok(()) => *found.0.entry(caller.name).or_insert(0) += 1,
                        Err(error) => found.1.push(format!("{}: {error}", caller.name)),
                    }
                }
            });
            let mut asking: Vec<_> = asking.map(Box::pin).collect();
            let [one, two, three] = &mut asking[..] else { unreachable!("three callers") };
            tokio::join!(one, two, three);
        });
        found.into_inner().unwrap()
    })
}

#[test]
fn nobody_is_refused_while_a_cluster_is_migrated_confirmed_and_taken_back() {
    let lab = Lab::up();
    let before = lab.decides();
    let accept = lab.accept();
    let stop = Arc::new(AtomicBool::new(false));
    let asking = ask_until(&lab, Arc::clone(&stop));
    let pause = || std::thread::sleep(Duration::from_secs(2));
    pause();
    lab.ok(&lab.apply(&accept));
    pause();
    lab.ok("doorward migrate confirm --cluster $EKS_CLUSTER_NAME");
    let after = lab.decides();
    // Tokens made before are remembered by the API server for 10 s: those made later count.
    std::thread::sleep(Duration::from_secs(3));
    lab.ok("doorward migrate rollback --cluster $EKS_CLUSTER_NAME");
    pause();
    stop.store(true, Ordering::Relaxed);
    let (let_in, refusals) = asking.join().unwrap();
    assert!(refusals.is_empty(), "{refusals:#?}");
    assert_eq!(let_in.len(), 3);
    assert!(let_in.values().all(|&times| times > 30), "{let_in:?}");
    assert_eq!(after["awsAuth"]["data"]["mapRoles"], "[]\n", "{after:#}");
    assert_eq!(lab.decides(), before);
}

/// Starts `migrate apply` and kills it as soon as its journal says that this step begins. Gives the steps that it has
/// begun by then.
fn kill_at(lab: &Lab, flags: &str, step: usize) -> usize {
    let mut apply: Child = lab.sh(&lab.apply(flags)).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let begun = Instant::now();
    let begins = |event: &Value| matches!(event["event"].as_str(), Some("started" | "done")) && event["step"] == step;
    while !lab.journal().iter().any(begins) {
        assert!(apply.try_wait().unwrap().is_none(), "it ended before step {step}: {:#?}", lab.journal());
        assert!(begun.elapsed() < Duration::from_secs(60));
        std::thread::sleep(Duration::from_micros(200));
    }
    // SIGKILL.
    let _ = apply.kill();
    apply.wait().unwrap();
    lab.journal().iter().filter(|event| event["event"] == "started").count()
}

#[test]
fn killed_at_every_step_in_turn_it_goes_on_or_goes_back_and_ends_nowhere_else() {
    let lab = Lab::up();
    let old = lab.decides();
    let accept = lab.accept();
    lab.ok(&lab.apply(&accept));
    let new = lab.decides();
    let rollback = "doorward migrate rollback --cluster $EKS_CLUSTER_NAME --at-once";
    lab.ok(rollback);
    assert_ne!(old, new);
    let status: Value =
        serde_json::from_str(&lab.ok("doorward migrate status --cluster $EKS_CLUSTER_NAME -o json")).unwrap();
    let count = status["migration"]["steps"].as_array().unwrap().len();
    assert!(count >= 8, "{status:#}");
    for step in 0..count {
        for goes_on in [true, false] {
            let begun = kill_at(&lab, &accept, step);
            let context = format!("killed at step {step}, {begun} begun, goes on: {goes_on}");
            if goes_on {
                // The kill may have come after the last step: then there is nothing to go on with.
                let again = lab.run(&lab.apply(&accept));
                let is_applied = again.status.success() || both(&again).contains("all steps are done already");
                assert!(is_applied, "{context}: {}", both(&again));
                assert_eq!(lab.decides(), new, "{context}");
            }
            lab.ok(rollback);
            assert_eq!(lab.decides(), old, "{context}");
        }
    }
}

/// Waits until the last migration has come to this phase.
fn until_phase(lab: &Lab, phase: &str) {
    let begun = Instant::now();
    loop {
        let status: Value =
            serde_json::from_str(&lab.ok("doorward migrate status --cluster $EKS_CLUSTER_NAME -o json")).unwrap();
        if status["migration"]["phase"] == phase {
            return;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "{status:#}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn what_nobody_confirms_in_time_is_taken_back_by_itself_or_by_whoever_comes_next() {
    let lab = Lab::up();
    let old = lab.decides();
    let flags = format!("{} --confirm-within 2s", lab.accept());
    lab.ok(&lab.apply(&flags));
    until_phase(&lab, "reverted");
    assert_eq!(lab.decides(), old);

    // An apply that was killed is taken back just so.
    kill_at(&lab, &flags, 3);
    until_phase(&lab, "reverted");
    assert_eq!(lab.decides(), old);

    // Without the process that waits, status says it and the next verb does it.
    lab.ok(&lab.apply(&flags));
    let watcher = std::fs::read_to_string(lab.state().join("watcher.lock")).unwrap();
    assert!(Command::new("kill").args(["-9", watcher.trim()]).status().unwrap().success());
    std::thread::sleep(Duration::from_millis(2_100));
    let status = lab.run("doorward migrate status --cluster $EKS_CLUSTER_NAME");
    assert!(both(&status).contains("has ended"), "{}", both(&status));
    let confirm = lab.run("doorward migrate confirm --cluster $EKS_CLUSTER_NAME");
    assert_eq!(confirm.status.code(), Some(1));
    assert!(both(&confirm).contains("so everything was taken back"), "{}", both(&confirm));
    assert_eq!(lab.decides(), old);
}

#[test]
fn without_being_told_that_a_difference_is_fine_or_that_the_last_step_is_meant_nothing_is_changed() {
    let lab = Lab::up();
    let old = lab.decides();
    let refused = lab.run(&lab.apply(""));
    assert_eq!(refused.status.code(), Some(3), "{}", both(&refused));
    assert!(both(&refused).contains("bypass-lost:role/eks-workshop-admins"), "{}", both(&refused));
    let accept = lab.accept();
    let not_sure = lab.run(&lab.apply(&format!("{accept} --final")));
    assert_eq!(not_sure.status.code(), Some(2), "{}", both(&not_sure));
    assert!(both(&not_sure).contains("EKS never changes it back"), "{}", both(&not_sure));
    assert_eq!(lab.decides(), old);

    lab.ok(&lab.apply(&format!("{accept} --final --yes")));
    assert_eq!(lab.decides()["mode"], "API_AND_CONFIG_MAP", "not before the confirmation");
    lab.ok("doorward migrate confirm --cluster $EKS_CLUSTER_NAME");
    let end = lab.decides();
    assert_eq!((&end["mode"], &end["awsAuth"]), (&json!("API"), &Value::Null));
    let server = ApiServer::of(&lab);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for caller in callers(&lab) {
        runtime.block_on(server.ask(&caller)).unwrap();
    }
}

#[test]
fn whoever_uses_a_row_or_an_entry_is_seen_and_a_backup_restores_what_was() {
    let lab = Lab::up();
    let old = lab.decides();
    let list = || lab.ok("doorward mapping list --cluster $EKS_CLUSTER_NAME -o wide");
    let line = |text: &str| text.lines().find(|line| line.contains("eks-workshop-carts-team")).unwrap().to_owned();
    assert!(line(&list()).contains("never since counting began"), "{}", list());
    let server = ApiServer::of(&lab);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let [_, team, _] = &callers(&lab)[..] else { unreachable!("three callers") };
    runtime.block_on(server.ask(team)).unwrap();
    assert!(line(&list()).contains("just now (1 login)"), "{}", list());
    // It survives a restart of the server.
    let restarted =
        Command::new(doorward()).args(["lab", "restart", "doorward", "--dir"]).arg(lab.dir()).output().unwrap();
    assert!(restarted.status.success(), "{}", both(&restarted));
    let begun = Instant::now();
    while !line(&list()).contains("(1 login)") {
        assert!(begun.elapsed() < Duration::from_secs(30), "{}", list());
        std::thread::sleep(Duration::from_millis(100));
    }

    lab.ok(&lab.apply(&format!("{} --confirm-within 0", lab.accept())));
    runtime.block_on(server.ask(team)).unwrap();
    let status = lab.ok("doorward migrate status --cluster $EKS_CLUSTER_NAME");
    assert!(line(&status).contains("create-entry"), "{status}");
    let used = status.lines().filter(|line| line.contains("carts-team") && line.contains("(1 login)")).count();
    assert_eq!(used, 1, "{status}");
    let backup = std::fs::read_dir(lab.state()).unwrap().map(|entry| entry.unwrap().path());
    let backup = backup.into_iter().find(|path| path.to_string_lossy().contains("backup-")).unwrap();
    lab.ok(&format!("doorward migrate rollback --cluster $EKS_CLUSTER_NAME --backup {}", backup.display()));
    let mut end = lab.decides();
    // Bindings that were added stay: they bind nobody any more.
    end["bindings"] = old["bindings"].clone();
    assert_eq!(end, old);
}

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
