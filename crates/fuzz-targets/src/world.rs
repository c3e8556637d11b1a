//! One account, one cluster and a few principals, the same in every run.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use doorward_core::access_entry::{AccessEntry, NewAccessEntry, Tags};
use doorward_core::access_policy::{AccessPolicyArn, Catalogue};
use doorward_core::access_scope::AccessScope;
use doorward_core::authentication_mode::AuthenticationMode;
use doorward_core::aws_auth;
use doorward_core::cluster_name::ClusterName;
use doorward_core::partition::Partition;
use doorward_core::principal::PrincipalArn;
use doorward_identity::directory::{
    AccessKey, Change as DirectoryChange, KeyOwner, KeyStatus, NewRole, NewUser, Object,
};
use doorward_identity::random::RandomError;
use doorward_identity::{Caller, Identity, LocalEndpoint, SessionKey, StsHosts};
use doorward_server::ClusterRecord;
use doorward_server::change::Change;
use doorward_server::view::View;
use doorward_sigv4::{Credentials, SecretKey};
use jiff::Timestamp;
use secrecy::SecretString;

pub(crate) const ACCOUNT: &str = "123456789012";
const KEY_ID: &str = "AKIAIOSFODNN7EXAMPLE";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

/// The moment at which every input arrives.
pub(crate) fn now() -> Timestamp {
    "2026-01-01T12:00:00Z".parse().unwrap()
}

pub(crate) fn secret() -> SecretKey {
    SecretKey::new(SECRET.to_owned())
}

pub(crate) fn credentials() -> Credentials {
    Credentials::new(KEY_ID.to_owned(), secret(), None).unwrap()
}

pub(crate) fn sessions() -> SessionKey {
    SessionKey::from_bytes([42; 32])
}

pub(crate) fn hosts() -> StsHosts {
    StsHosts { partition: Partition::Aws, local: vec![LocalEndpoint::parse("http://127.0.0.1:8090").unwrap()] }
}

pub(crate) fn cluster() -> ClusterName {
    "demo".parse().unwrap()
}

pub(crate) struct World {
    pub(crate) view: View,
    /// The user `alice`, an administrator, who has the access key [`KEY_ID`] and the policy to view everything.
    pub(crate) alice: Caller,
}

/// Reading it costs nothing: it is never changed.
pub(crate) static WORLD: LazyLock<World> = LazyLock::new(World::new);

impl World {
    fn new() -> Self {
        let account = ACCOUNT.parse().unwrap();
        let mut view = View::default();
        let (change, _) = view.directory.create_account(account, Partition::Aws, now()).unwrap();
        view.apply(&Change::Directory(change));
        let mut random = counting(0);
        let new = NewUser { account, path: "/", name: "alice", tags: &[], is_administrator: true };
        let (change, user) = view.directory.create_user(&new, now(), &mut random).unwrap();
        view.apply(&Change::Directory(change));
        let key = AccessKey {
            id: KEY_ID.to_owned(),
            account,
            owner: KeyOwner::User { name: "alice".to_owned(), id: user.id.clone() },
            secret: SecretString::from(SECRET),
            status: KeyStatus::Active,
            created: now(),
        };
        view.apply(&Change::Directory(DirectoryChange::Put(Object::AccessKey(Arc::new(key)))));
        for (path, name) in [("/", "dev"), ("/team/", "ops"), ("/", "node")] {
            let trust = format!(
                r#"{{"Statement":[{{"Effect":"Allow","Principal":{{"AWS":"{ACCOUNT}"}},"Action":"sts:AssumeRole"}}]}}"#
            );
            let (description, max_session_duration) = ("", None);
            let new = NewRole { account, path, name, trust: &trust, description, max_session_duration, tags: &[] };
            let (change, _) = view.directory.create_role(&new, now(), &mut random).unwrap();
            view.apply(&Change::Directory(change));
        }
        view.apply(&Change::PutCluster(Box::new(record(user.arn.clone(), user.id.clone()))));
        let name = cluster();
        for (arn, policy, namespaces) in [
            (user.arn.as_str(), "AmazonEKSViewPolicy", &[][..]),
            ("arn:aws:iam::123456789012:role/dev", "AmazonEKSEditPolicy", &["carts", "dev-*"][..]),
        ] {
            let namespaces: Vec<String> = namespaces.iter().map(|&name| name.to_owned()).collect();
            let kind = if namespaces.is_empty() { "cluster" } else { "namespace" };
            let scope = AccessScope::parse(kind, &namespaces).unwrap();
            let request = NewAccessEntry::parse(arn, None, None, None, Tags::new()).unwrap();
            let id = view.directory.id_of(&request.principal_arn);
            let entry = AccessEntry::new(request, id, format!("id-of-{policy}"), now()).unwrap();
            let policy = AccessPolicyArn::new(Partition::Aws, policy);
            let (entry, _) = entry.associated(&policy, scope, Catalogue::built_in(), Partition::Aws, now()).unwrap();
            view.apply(&Change::PutEntry(name.clone(), Arc::new(entry)));
        }
        let row = "- {rolearn: 'arn:aws:iam::123456789012:role/ops', username: ops, groups: [g]}";
        let aws_auth = aws_auth::parse(&BTreeMap::from([("mapRoles".to_owned(), row.to_owned())]));
        view = view.with_cluster(&name, |cluster| {
            cluster.world = cluster.world.with_aws_auth(aws_auth);
            cluster.aws_auth.seen = true;
        });
        let alice = Caller {
            identity: Identity::User(user),
            account,
            partition: Partition::Aws,
            access_key_id: KEY_ID.to_owned(),
            is_temporary: false,
        };
        Self { view, alice }
    }
}

fn record(creator: PrincipalArn, creator_id: doorward_core::principal::PrincipalId) -> ClusterRecord {
    ClusterRecord {
        name: cluster(),
        region: "us-west-2".to_owned(),
        account: ACCOUNT.parse().unwrap(),
        created_at: now(),
        endpoint: "https://127.0.0.1:6443".to_owned(),
        certificate_authority: "Y2E=".to_owned(),
        version: "1.33".to_owned(),
        authentication_mode: AuthenticationMode::ApiAndConfigMap,
        bootstrap_creator_admin: false,
        creator,
        creator_id,
        tags: Tags::new(),
        kubeconfig: "a-kubeconfig-that-must-not-be-seen".to_owned(),
    }
}

/// One byte, then the next one: unique ids that the committed inputs can name.
pub(crate) fn counting(first: u8) -> impl FnMut(&mut [u8]) -> Result<(), RandomError> {
    let mut next = first;
    move |bytes: &mut [u8]| {
        bytes.fill(next);
        next = next.wrapping_add(1);
        Ok(())
    }
}
