//! Whose key signs. The order is that of the aws CLI: variables, unless `--profile` is given; then the profile's role
//! chain, its keys, its `credential_process`.

use doorward_sigv4::{Credentials, SecretKey};
use jiff::Timestamp;

use super::client::AwsClient;
use super::error::AwsError;
use super::process;
use super::settings::{AwsSettings, Profile};
use super::sts::AssumeRole;

/// Longest chain of `source_profile`s.
const MAX_CHAIN: usize = 8;

/// Credentials, and until when they hold.
#[derive(Clone, Debug)]
pub(crate) struct Lease {
    /// The key.
    pub(crate) credentials: Credentials,
    /// When they end; `None` where nobody says so, as of keys in a file or in variables.
    pub(crate) ends: Option<Timestamp>,
}

impl From<Credentials> for Lease {
    fn from(credentials: Credentials) -> Self {
        Self { credentials, ends: None }
    }
}

/// Where the first key comes from, and the roles to assume with it, in this order.
#[derive(Debug)]
struct Chain {
    base: Base,
    roles: Vec<AssumeRole>,
}

#[derive(Debug)]
enum Base {
    Keys(Credentials),
    Process { profile: String, command: String },
}

/// Finds the credentials, assuming the roles that the profile names.
///
/// # Errors
/// If there are none, the profile's way to them is not gone here, or a role cannot be assumed.
pub(super) async fn resolve(settings: &AwsSettings, client: &AwsClient) -> Result<Lease, AwsError> {
    let Chain { base, roles } = chain(settings)?;
    let mut lease = match base {
        Base::Keys(credentials) => credentials.into(),
        Base::Process { profile, command } => process::run(&profile, &command).await?,
    };
    // A session outlives the credentials that it was made with: the last one's end is the end.
    for role in &roles {
        lease = client.assume_role(role, &lease.credentials).await?;
    }
    Ok(lease)
}

fn chain(settings: &AwsSettings) -> Result<Chain, AwsError> {
    let environment = &settings.environment;
    if settings.flags.profile.is_none() {
        let keys = (environment.get("AWS_ACCESS_KEY_ID"), environment.get("AWS_SECRET_ACCESS_KEY"));
        if let Some(credentials) = pair(keys, environment.get("AWS_SESSION_TOKEN"), "the environment")? {
            return Ok(Chain { base: Base::Keys(credentials), roles: Vec::new() });
        }
        if environment.get("AWS_WEB_IDENTITY_TOKEN_FILE").is_some() {
            return Err(unsupported(&settings.profile_name, "`AWS_WEB_IDENTITY_TOKEN_FILE`"));
        }
    }
    let mut roles = Vec::new();
    let base = of_profile(settings, &settings.profile_name, &mut roles, 0)?;
    // What was found last, next to the key, is assumed first.
    roles.reverse();
    Ok(Chain { base, roles })
}

fn of_profile(settings: &AwsSettings, name: &str, roles: &mut Vec<AssumeRole>, depth: usize) -> Result<Base, AwsError> {
    let fail = |problem: String| AwsError::Chain { profile: name.to_owned(), problem };
    let none = || AwsError::NoCredentials { profile: name.to_owned(), hint: settings.hint() };
    let profile = match settings.files.profiles.get(name) {
        Some(profile) => profile,
        None if depth == 0 => return Err(none()),
        None => return Err(fail("is named as `source_profile` and is in no file".to_owned())),
    };
    if depth > MAX_CHAIN {
        return Err(fail("is part of a circle, or of too long a chain, of `source_profile`s".to_owned()));
    }
    let keys = keys(profile, name)?;
    let Some(role_arn) = profile.get("role_arn") else {
        return match (keys, profile.get("credential_process"), way(profile)) {
            (Some(keys), ..) => Ok(Base::Keys(keys)),
            (None, Some(command), _) => Ok(Base::Process { profile: name.to_owned(), command: command.to_owned() }),
            (None, None, Some(kind)) => Err(unsupported(name, kind)),
            (None, None, None) => Err(none()),
        };
    };
    if profile.get("web_identity_token_file").is_some() {
        return Err(unsupported(name, "`web_identity_token_file`"));
    }
    if profile.get("mfa_serial").is_some() {
        return Err(unsupported(name, "a role that wants a code of `mfa_serial`"));
    }
    roles.push(role(profile, role_arn));
    match (profile.get("source_profile"), profile.get("credential_source")) {
        // A profile may name itself to assume the role with its own keys.
        (Some(source), None) if source == name => keys.map(Base::Keys).ok_or_else(|| {
            fail("names itself as `source_profile` and has no `aws_access_key_id` of its own".to_owned())
        }),
        (Some(source), None) => of_profile(settings, source, roles, depth + 1),
        (None, Some("Environment")) => {
            let environment = &settings.environment;
            let keys = (environment.get("AWS_ACCESS_KEY_ID"), environment.get("AWS_SECRET_ACCESS_KEY"));
            let credentials = pair(keys, environment.get("AWS_SESSION_TOKEN"), "the environment")?;
            let credentials = credentials.ok_or_else(|| {
                fail(
                    "wants the keys of `AWS_ACCESS_KEY_ID` (`credential_source = Environment`), which is not set"
                        .into(),
                )
            })?;
            Ok(Base::Keys(credentials))
        }
        (None, Some(_)) => Err(unsupported(name, "`credential_source`")),
        (Some(_), Some(_)) => Err(fail("has both `source_profile` and `credential_source`; keep one".to_owned())),
        (None, None) => Err(fail("has a `role_arn` and no `source_profile` that says who assumes it".to_owned())),
    }
}

fn role(profile: &Profile, role_arn: &str) -> AssumeRole {
    let own = |text: &str| text.to_owned();
    let session = || format!("doorward-session-{}", jiff::Timestamp::now().as_second());
    AssumeRole {
        role_arn: own(role_arn),
        session_name: profile.get("role_session_name").map_or_else(session, own),
        external_id: profile.get("external_id").map(own),
        duration_seconds: profile.get("duration_seconds").map(own),
    }
}

fn keys(profile: &Profile, name: &str) -> Result<Option<Credentials>, AwsError> {
    let keys = (profile.get("aws_access_key_id"), profile.get("aws_secret_access_key"));
    pair(keys, profile.get("aws_session_token"), &format!("the profile `{name}`"))
}

fn pair(
    keys: (Option<&str>, Option<&str>),
    session_token: Option<&str>,
    place: &str,
) -> Result<Option<Credentials>, AwsError> {
    match keys {
        (Some(id), Some(secret)) => credentials(id, secret, session_token, place).map(Some),
        (None, None) => Ok(None),
        _ => Err(AwsError::HalfCredentials { place: place.to_owned() }),
    }
}

/// Credentials of their texts.
pub(super) fn credentials(
    id: &str,
    secret: &str,
    session_token: Option<&str>,
    place: &str,
) -> Result<Credentials, AwsError> {
    Credentials::new(id.to_owned(), SecretKey::new(secret.to_owned()), session_token.map(str::to_owned)).map_err(|_| {
        AwsError::Sign {
            operation: format!("with the access key of {place}"),
            problem: "its id is not 1 to 128 letters and digits".to_owned(),
        }
    })
}

/// A way to credentials that only the aws CLI goes.
fn way(profile: &Profile) -> Option<&'static str> {
    let has = |key| profile.get(key).is_some();
    if has("sso_session") || has("sso_start_url") {
        Some("IAM Identity Center (SSO)")
    } else if has("login_session") {
        Some("`aws login`")
    } else if has("web_identity_token_file") {
        Some("`web_identity_token_file`")
    } else {
        None
    }
}

fn unsupported(profile: &str, kind: &'static str) -> AwsError {
    AwsError::Unsupported { profile: profile.to_owned(), kind }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::{AwsArgs, Environment};

    const CREDENTIALS: &str = "[base]\naws_access_key_id = AKBASE\naws_secret_access_key = s\n\
                               [default]\naws_access_key_id = AKDEFAULT\naws_secret_access_key = s\n";
    const CONFIG: &str = "\
        [profile a]\nrole_arn = arn:a\nsource_profile = b\nrole_session_name = me\n\
        [profile b]\nrole_arn = arn:b\nsource_profile = base\nexternal_id = x\n\
        [profile circle]\nrole_arn = arn:c\nsource_profile = circle2\n\
        [profile circle2]\nrole_arn = arn:c\nsource_profile = circle\n\
        [profile self]\nrole_arn = arn:s\nsource_profile = self\n\
        [profile lost]\nrole_arn = arn:l\nsource_profile = nobody\n\
        [profile alone]\nrole_arn = arn:l\n\
        [profile env]\nrole_arn = arn:e\ncredential_source = Environment\n\
        [profile ec2]\nrole_arn = arn:e\ncredential_source = Ec2InstanceMetadata\n\
        [profile sso]\nsso_session = corp\n\
        [profile process]\ncredential_process = /bin/x\n\
        [profile empty]\nregion = x\n\
        [profile half]\naws_access_key_id = AK\n";

    fn of<const N: usize>(profile: Option<&str>, variables: [(&str, &str); N]) -> Result<Chain, AwsError> {
        let flags = AwsArgs { profile: profile.map(str::to_owned), ..AwsArgs::default() };
        chain(&AwsSettings::of(Environment::from(variables), flags, CONFIG, CREDENTIALS))
    }

    fn key(chain: &Chain) -> String {
        format!("{:?}", chain.base)
    }

    const KEYS: [(&str, &str); 3] =
        [("AWS_ACCESS_KEY_ID", "AKENV"), ("AWS_SECRET_ACCESS_KEY", "s"), ("AWS_PROFILE", "base")];

    #[test]
    fn variables_go_before_aws_profile_and_behind_the_flag() {
        assert!(key(&of(None, KEYS).unwrap()).contains("AKENV"));
        assert!(key(&of(Some("base"), KEYS).unwrap()).contains("AKBASE"));
        assert!(key(&of(None, []).unwrap()).contains("AKDEFAULT"));
        assert!(key(&of(None, [("AWS_PROFILE", "base")]).unwrap()).contains("AKBASE"));
        assert!(matches!(of(None, [("AWS_ACCESS_KEY_ID", "A")]), Err(AwsError::HalfCredentials { .. })));
        assert!(matches!(of(Some("half"), []), Err(AwsError::HalfCredentials { .. })));
    }

    #[test]
    fn a_role_chain_is_assumed_from_the_key_on() {
        let chain = of(Some("a"), []).unwrap();
        assert!(key(&chain).contains("AKBASE"));
        let arns: Vec<_> = chain.roles.iter().map(|role| role.role_arn.as_str()).collect();
        assert_eq!(arns, ["arn:b", "arn:a"]);
        assert_eq!(chain.roles[0].external_id.as_deref(), Some("x"));
        assert_eq!(chain.roles[1].session_name, "me");
        let chain = of(Some("env"), KEYS).unwrap();
        assert!(key(&chain).contains("AKENV") && chain.roles.len() == 1);
    }

    #[test]
    fn a_profile_that_leads_nowhere_says_so() {
        for (profile, words) in [
            ("circle", "circle"),
            ("self", "names itself"),
            ("lost", "`nobody` is named as `source_profile` and is in no file"),
            ("alone", "no `source_profile`"),
            ("env", "`AWS_ACCESS_KEY_ID` (`credential_source = Environment`), which is not set"),
            ("ec2", "`credential_source`, which doorward cannot do itself"),
            ("sso", "(SSO), which doorward cannot do itself; get them with `eval \"$(aws configure export-credentials"),
            ("empty", "no AWS credentials"),
        ] {
            let error = of(Some(profile), []).unwrap_err().to_string();
            assert!(error.contains(words), "{profile}: {error}");
        }
        assert!(key(&of(Some("process"), []).unwrap()).contains("/bin/x"));
    }
}
