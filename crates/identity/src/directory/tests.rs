//! The directory keeps IAM's rules.

use secrecy::ExposeSecret as _;

use super::*;
use crate::random::tests::counting;

const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"123456789012"},"Action":"sts:AssumeRole"}]}"#;
const ALLOW: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"eks:*","Resource":"*"}]}"#;

fn account() -> AccountId {
    "123456789012".parse().unwrap()
}

fn now() -> Timestamp {
    "2026-01-01T00:00:00Z".parse().unwrap()
}

fn with_account(limits: Limits) -> Directory {
    let empty = Directory::with_limits(limits);
    empty.apply(&empty.create_account(account(), Partition::Aws, now()).unwrap().0)
}

fn new_user(name: &str) -> NewUser<'_> {
    NewUser { account: account(), path: "/", name, tags: &[], is_administrator: false }
}

fn new_role(name: &str) -> NewRole<'_> {
    let description = "";
    NewRole {
        account: account(),
        path: "/team/",
        name,
        trust: TRUST,
        description,
        max_session_duration: None,
        tags: &[],
    }
}

/// Applies what a mutation gave.
fn done<T>(directory: &mut Directory, (change, object): (Change, T)) -> T {
    *directory = directory.apply(&change);
    object
}

#[test]
fn ids_look_like_iams_and_a_recreated_role_has_another() {
    let mut random = counting();
    let mut directory = with_account(Limits::default());
    let first = directory.create_role(&new_role("Dev"), now(), &mut random).unwrap();
    let first = done(&mut directory, first);
    assert_eq!(first.arn.as_str(), "arn:aws:iam::123456789012:role/team/Dev");
    assert_eq!((first.id.0.len(), &first.id.0[..4]), (21, "AROA"));
    directory = directory.apply(&directory.delete_role(account(), "dev").unwrap());
    assert!(directory.by_unique_id(&first.id).is_none());
    let second = directory.create_role(&new_role("Dev"), now(), &mut random).unwrap();
    let second = done(&mut directory, second);
    assert_ne!(first.id, second.id);
    assert!(directory.by_unique_id(&first.id).is_none());
}

#[test]
fn names_are_unique_whatever_their_case() {
    let mut random = counting();
    let mut directory = with_account(Limits::default());
    let user = directory.create_user(&new_user("Bob"), now(), &mut random).unwrap();
    done(&mut directory, user);
    let again = directory.create_user(&new_user("bOB"), now(), &mut random);
    assert!(matches!(again, Err(DirectoryError::AlreadyExists { kind: EntityKind::User, .. })));
    assert_eq!(directory.user(account(), "BOB").unwrap().arn.name(), "Bob");
    assert!(directory.create_role(&new_role("Bob"), now(), &mut random).is_ok());
}

#[test]
fn names_and_paths_keep_iams_charset() {
    let directory = with_account(Limits::default());
    let long = "n".repeat(65);
    for name in ["", "a b", "a/b", "a*", "é", "a\n", long.as_str()] {
        let made = directory.create_user(&new_user(name), now(), &mut counting());
        assert!(matches!(made, Err(DirectoryError::Invalid { field: "userName", .. })), "{name:?}");
    }
    for path in ["", "a", "/a", "a/", "//", "/a b/", "/é/"] {
        let made = directory.create_user(&NewUser { path, ..new_user("u") }, now(), &mut counting());
        assert!(matches!(made, Err(DirectoryError::Invalid { field: "path", .. })), "{path:?}");
    }
    for seconds in [899, 900, 3_599, 43_201] {
        let new = NewRole { max_session_duration: Some(seconds), ..new_role("r") };
        assert!(directory.create_role(&new, now(), &mut counting()).is_err(), "{seconds}");
    }
}

#[test]
fn what_still_has_something_cannot_be_deleted() {
    let mut random = counting();
    let mut directory = with_account(Limits::default());
    let made = directory.create_user(&new_user("u"), now(), &mut random).unwrap();
    done(&mut directory, made);
    let made = directory.create_access_key(account(), "u", now(), &mut random).unwrap();
    let key = done(&mut directory, made);
    let made = directory.put_user_policy(account(), "U", "p", ALLOW).unwrap();
    done(&mut directory, made);
    let conflict = |directory: &Directory| directory.delete_user(account(), "u").unwrap_err();
    assert_eq!(conflict(&directory), DirectoryError::DeleteConflict { must_delete_first: "access keys" });
    directory = directory.apply(&directory.delete_access_key(account(), "u", &key.id).unwrap());
    assert_eq!(conflict(&directory), DirectoryError::DeleteConflict { must_delete_first: "policies" });
    let gone = directory.delete_user_policy(account(), "u", "p").unwrap();
    done(&mut directory, gone);
    directory = directory.apply(&directory.delete_user(account(), "u").unwrap());
    assert!(matches!(directory.delete_user(account(), "u"), Err(DirectoryError::NoSuchEntity { .. })));
    assert!(directory.access_key(&key.id).is_none());
}

#[test]
fn quotas_are_kept() {
    let mut random = counting();
    let mut directory = with_account(Limits { users: 1, roles: 1, user_policies: 200, ..Limits::default() });
    let made = directory.create_user(&new_user("u"), now(), &mut random).unwrap();
    done(&mut directory, made);
    let made = directory.create_role(&new_role("r"), now(), &mut random).unwrap();
    done(&mut directory, made);
    for _ in 0..2 {
        let made = directory.create_access_key(account(), "u", now(), &mut random).unwrap();
        done(&mut directory, made);
    }
    let made = directory.put_user_policy(account(), "u", "a", ALLOW).unwrap();
    done(&mut directory, made);
    let quota = |error| match error {
        DirectoryError::LimitExceeded { quota, .. } => quota,
        other => panic!("{other}"),
    };
    assert_eq!(quota(directory.create_user(&new_user("v"), now(), &mut random).unwrap_err()), "UsersPerAccount");
    assert_eq!(quota(directory.create_role(&new_role("v"), now(), &mut random).unwrap_err()), "RolesPerAccount");
    assert_eq!(
        quota(directory.create_access_key(account(), "u", now(), &mut random).unwrap_err()),
        "AccessKeysPerUser"
    );
    assert!(directory.put_user_policy(account(), "u", "a", ALLOW).is_ok(), "replacing is not adding");
    assert!(directory.put_user_policy(account(), "u", "b", &ALLOW.replace(',', " , ")).is_ok(), "spaces are free");
    let made = directory.put_user_policy(account(), "u", "b", ALLOW).unwrap();
    done(&mut directory, made);
    quota(directory.put_user_policy(account(), "u", "c", ALLOW).unwrap_err());
}

#[test]
fn a_trust_policy_names_who_exists_and_remembers_who_it_was() {
    let mut random = counting();
    let mut directory = with_account(Limits::default());
    let trust = TRUST.replace("123456789012", "arn:aws:iam::123456789012:user/u");
    let unknown = directory.create_role(&NewRole { trust: &trust, ..new_role("r") }, now(), &mut random);
    assert!(matches!(unknown, Err(DirectoryError::UnknownPrincipal(_))));
    let made = directory.create_user(&new_user("u"), now(), &mut random).unwrap();
    let user = done(&mut directory, made);
    let made = directory.create_role(&NewRole { trust: &trust, ..new_role("r") }, now(), &mut random).unwrap();
    let role = done(&mut directory, made);
    assert_eq!(role.trusted_ids.get(&user.arn), Some(&user.id));
    let elsewhere = TRUST.replace("123456789012", "arn:aws:iam::999999999999:role/x");
    assert!(directory.update_assume_role_policy(account(), "r", &elsewhere).is_ok());
    assert!(directory.update_assume_role_policy(account(), "r", ALLOW).is_err());
}

#[test]
fn everything_comes_back_from_its_stored_form() {
    let mut random = counting();
    let mut directory = with_account(Limits::default());
    let tags = [Tag { key: "k".to_owned(), value: "v".to_owned() }];
    let made = directory.create_user(&NewUser { tags: &tags, ..new_user("Bob") }, now(), &mut random).unwrap();
    let user = made.0.clone();
    done(&mut directory, made);
    let made = directory.create_role(&new_role("Dev"), now(), &mut random).unwrap();
    done(&mut directory, made);
    let role = directory.put_role_policy(account(), "dev", "p", ALLOW).unwrap().0;
    let made = directory.create_access_key(account(), "bob", now(), &mut random).unwrap();
    let (key_change, key) = (made.0.clone(), made.1.clone());
    let instance =
        directory.put_instance(account(), "i-0123456789abcdef0", "dev", "ip-10-0-0-1.ec2.internal").unwrap().0;
    let account_change = Directory::default().create_account(account(), Partition::Aws, now()).unwrap().0;
    let mut stored = Vec::new();
    for change in [account_change, user, role, key_change, instance] {
        let Change::Put(object) = change else { panic!("nothing was deleted") };
        let key: ObjectKey = object.key().to_string().parse().unwrap();
        assert_eq!(key, object.key());
        stored.push(object.to_stored().unwrap().to_string());
    }
    let again = Directory::from_objects(stored.iter().map(|text| Object::from_stored(text.as_bytes()).unwrap()));
    assert_eq!(again.role(account(), "DEV").unwrap().policies["p"].text(), ALLOW);
    assert_eq!(again.access_key(&key.id).unwrap().secret.expose_secret(), key.secret.expose_secret());
    assert_eq!(again.access_keys_of(again.user(account(), "Bob").unwrap()).count(), 1);
    let stored_again: Vec<String> = stored
        .iter()
        .map(|text| Object::from_stored(text.as_bytes()).unwrap().to_stored().unwrap().to_string())
        .collect();
    assert_eq!(stored, stored_again);
    assert_eq!(again.users(account()).count(), 1);
}

#[test]
fn storage_keys_are_stable() {
    let directory = with_account(Limits::default());
    let (change, _) = directory.create_role(&new_role("Dev"), now(), &mut counting()).unwrap();
    assert_eq!(change.key().to_string(), "iam/123456789012/role/dev");
    for bad in [
        "",
        "iam/",
        "eks/123456789012/role/a",
        "iam/1/role/a",
        "iam/123456789012/group/a",
        "iam/123456789012/role/a/b",
        "iam/123456789012/role",
    ] {
        assert!(bad.parse::<ObjectKey>().is_err(), "{bad}");
    }
}

#[test]
fn a_secret_is_in_no_debug_output_and_in_no_history() {
    let mut random = counting();
    let mut directory = with_account(Limits::default());
    let made = directory.create_user(&new_user("u"), now(), &mut random).unwrap();
    done(&mut directory, made);
    let (change, key) = directory.create_access_key(account(), "u", now(), &mut random).unwrap();
    let secret = key.secret.expose_secret();
    assert_eq!((key.id.len(), secret.len()), (20, 40));
    let directory = directory.apply(&change);
    assert!(!format!("{change:?} {key:?} {directory:?}").contains(secret));
    let Change::Put(object) = change else { panic!("a key was made") };
    assert!(!object.to_redacted().unwrap().contains(secret));
    assert!(object.to_stored().unwrap().contains(secret));
}

#[test]
fn a_source_that_repeats_itself_makes_no_two_principals_one() {
    let mut stuck = |bytes: &mut [u8]| {
        bytes.fill(7);
        Ok(())
    };
    let mut directory = with_account(Limits::default());
    let made = directory.create_user(&new_user("a"), now(), &mut stuck).unwrap();
    done(&mut directory, made);
    assert!(matches!(directory.create_user(&new_user("b"), now(), &mut stuck), Err(DirectoryError::Random(_))));
}

#[test]
fn an_instance_needs_a_role_a_real_id_and_a_harmless_name() {
    let mut directory = with_account(Limits::default());
    let made = directory.create_role(&new_role("node"), now(), &mut counting()).unwrap();
    done(&mut directory, made);
    let put = |id: &str, role: &str, name: &str| directory.put_instance(account(), id, role, name);
    assert!(put("i-01234567", "node", "ip-10-0-0-1.us-west-2.compute.internal").is_ok());
    for id in ["i-0123456", "i-ABCDEF01", "I-01234567", "i-01234567\n", ""] {
        assert!(put(id, "node", "a.b").is_err(), "{id:?}");
    }
    for name in ["", "a..b", "A.b", "a_b", "-a", "system:node", "a/b"] {
        assert!(put("i-01234567", "node", name).is_err(), "{name:?}");
    }
    assert!(put("i-01234567", "other", "a.b").is_err());
}

#[test]
fn what_a_stranger_wrote_forges_no_line_of_a_log() {
    let directory = with_account(Limits::default());
    let evil = "x\n2026-01-01 access granted\u{1b}[2J".repeat(50);
    let policy = |rest: &str| ALLOW.replace("\"Action\":\"eks:*\"", rest);
    let element = serde_json::to_string(&evil).unwrap();
    let made = directory.create_role(&new_role("r"), now(), &mut counting()).unwrap();
    let directory = directory.apply(&made.0);
    let errors = [
        directory.create_user(&new_user(&evil), now(), &mut counting()).unwrap_err(),
        directory.create_user(&NewUser { path: &evil, ..new_user("u") }, now(), &mut counting()).unwrap_err(),
        directory.delete_user(account(), &evil).unwrap_err(),
        directory.delete_role(account(), &evil).unwrap_err(),
        directory.delete_role_policy(account(), "r", &evil).unwrap_err(),
        directory.delete_instance(account(), &evil).unwrap_err(),
        directory.put_role_policy(account(), "r", &evil, ALLOW).unwrap_err(),
        directory.put_role_policy(account(), "r", "p", &policy(&format!("\"Action\":{element}"))).unwrap_err(),
        directory.put_role_policy(account(), "r", "p", &policy(&format!("{element}:1"))).unwrap_err(),
        directory.put_role_policy(account(), "r", "p", &ALLOW.replace("\"*\"", &element)).unwrap_err(),
        directory.update_assume_role_policy(account(), "r", &TRUST.replace("\"123456789012\"", &element)).unwrap_err(),
        directory.tag_role(account(), "r", vec![Tag { key: evil.clone(), value: String::new() }]).unwrap_err(),
    ];
    for error in errors {
        let shown = error.to_string();
        assert!(!shown.chars().any(char::is_control) && shown.len() < 2_000, "{shown:?}");
    }
}

#[test]
fn a_stored_role_is_no_user() {
    let directory = with_account(Limits::default());
    let (Change::Put(role), _) = directory.create_role(&new_role("r"), now(), &mut counting()).unwrap() else {
        panic!("a role was made")
    };
    let stored = role.to_stored().unwrap();
    assert!(Object::from_stored(stored.as_bytes()).is_ok());
    assert!(Object::from_stored(stored.replace(":role/", ":user/").as_bytes()).is_err());
    assert!(Object::from_stored(stored.replace("\"schema\":1", "\"schema\":2").as_bytes()).is_err());
}
