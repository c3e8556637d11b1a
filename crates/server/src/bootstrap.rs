//! The first start: an account, its administrator, and the administrator's access key in files that the `aws` CLI
//! reads.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::sync::Arc;

use doorward_core::partition::Partition;
use doorward_identity::directory::{AccessKey, KeyStatus, NewUser};
use doorward_identity::random::OsRandom;
use doorward_identity::session::SessionKey;
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use zeroize::Zeroizing;

use crate::change::Change;
use crate::config::Config;
use crate::engine::{Engine, Event};
use crate::error::ServerError;
use crate::view::View;

/// The administrator's user name.
const ADMINISTRATOR: &str = "administrator";

/// Makes the account and its administrator if there is no account yet, and writes the profile files.
///
/// The files are written before the key is stored: a start that is cut off in between makes another key at the next
/// start, and never leaves a stored key that nobody has.
///
/// # Errors
/// If files or store cannot be written.
pub async fn ensure_account(engine: &Engine, config: &Config) -> Result<(), ServerError> {
    if engine.view().directory.accounts().next().is_some() {
        let has_profile = config.data_dir.join("aws").join("credentials").exists();
        // A server that joins others starts in an empty folder.
        return if engine.store().is_shared() && !has_profile {
            write_existing_profile(engine, config)
        } else {
            Ok(())
        };
    }
    let now = Timestamp::now();
    let made = first_objects(&engine.view_owned(), config, now)?;
    write_profile(config, &made.key_id, made.secret.expose_secret())?;
    let event = Event {
        by: "doorward:first-start".to_owned(),
        access_key_id: String::new(),
        action: "doorward:FirstStart".to_owned(),
        request_id: random_id()?,
        at: now,
    };
    let plan = |view: &View| {
        // Another server of the same store may have started first.
        let is_first = view.directory.accounts().next().is_none();
        Ok::<_, ServerError>((is_first, if is_first { made.changes.clone() } else { Vec::new() }))
    };
    if engine.write(event, plan).await? {
        tracing::info!(account = %config.account, profile = %config.data_dir.join("aws").display(), "made the account and its administrator");
        Ok(())
    } else {
        write_existing_profile(engine, config)
    }
}

struct FirstObjects {
    changes: Vec<Change>,
    key_id: String,
    secret: SecretString,
}

fn first_objects(view: &View, config: &Config, now: Timestamp) -> Result<FirstObjects, ServerError> {
    let directory = view.directory.clone();
    let failed = |problem: String| ServerError::Bootstrap { problem };
    let create_account =
        directory.create_account(config.account, Partition::Aws, now).map_err(|error| failed(error.to_string()))?.0;
    let directory = directory.apply(&create_account);
    let request =
        NewUser { account: config.account, path: "/", name: ADMINISTRATOR, tags: &[], is_administrator: true };
    let (create_user, _) =
        directory.create_user(&request, now, &mut OsRandom).map_err(|error| failed(error.to_string()))?;
    let directory = directory.apply(&create_user);
    let (create_key, key) = directory
        .create_access_key(config.account, ADMINISTRATOR, now, &mut OsRandom)
        .map_err(|error| failed(error.to_string()))?;
    let changes = [create_account, create_user, create_key].map(Change::Directory).to_vec();
    Ok(FirstObjects { changes, key_id: key.id.clone(), secret: key.secret.clone() })
}

/// Writes the profile of the administrator whom another server of the same store made, if that is still there.
fn write_existing_profile(engine: &Engine, config: &Config) -> Result<(), ServerError> {
    let view = engine.view_owned();
    let administrator = view.directory.user(config.account, ADMINISTRATOR);
    let is_active = |key: &&Arc<AccessKey>| key.status == KeyStatus::Active;
    match administrator.and_then(|user| view.directory.access_keys_of(user).find(is_active)) {
        Some(key) => write_profile(config, &key.id, key.secret.expose_secret()),
        None => Ok(()),
    }
}

/// The key of session tokens, made at the first start.
///
/// # Errors
/// If the file cannot be read or written, or is not a key.
pub fn session_key(data_dir: &Path) -> Result<SessionKey, ServerError> {
    let path = data_dir.join("session.key");
    if let Some(bytes) = read_private(&path)? {
        let bytes: [u8; 32] = bytes.as_slice().try_into().map_err(|_| ServerError::Bootstrap {
            problem: format!("`{}` is not a key of 32 bytes; restore it from a backup", path.display()),
        })?;
        return Ok(SessionKey::from_bytes(bytes));
    }
    let key = SessionKey::generate(&mut OsRandom).map_err(|error| ServerError::Random(error.to_string()))?;
    write_private(&path, key.expose_bytes())?;
    Ok(key)
}

/// What this server is called among several of one store: made at its first start, and kept in its data folder.
///
/// # Errors
/// If the file cannot be read or written, or does not hold a name.
pub(crate) fn server_name(data_dir: &Path) -> Result<String, ServerError> {
    let path = data_dir.join("server");
    let Some(bytes) = read_private(&path)? else {
        let name = random_id()?;
        write_private(&path, name.as_bytes())?;
        return Ok(name);
    };
    let is_name =
        |name: &&str| (1..=64).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    let name = std::str::from_utf8(&bytes).ok().map(str::trim).filter(is_name);
    name.map(str::to_owned).ok_or_else(|| ServerError::Bootstrap {
        problem: format!("`{}` does not hold a name of letters, digits and `-`; remove it", path.display()),
    })
}

/// Makes the data folder, for nobody else to look into.
///
/// # Errors
/// If it cannot be made.
pub fn make_folder(path: &Path) -> Result<(), ServerError> {
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(|source| ServerError::File { action: "make the folder", path: path.to_owned(), source })
}

fn write_profile(config: &Config, id: &str, secret: &str) -> Result<(), ServerError> {
    let folder = config.data_dir.join("aws");
    make_folder(&folder)?;
    let credentials = format!("[doorward]\naws_access_key_id = {id}\naws_secret_access_key = {secret}\n");
    write_private(&folder.join("credentials"), credentials.as_bytes())?;
    let profile = format!(
        "[profile doorward]\nregion = {}\nendpoint_url = http://{}\noutput = json\n",
        config.region, config.api
    );
    write_private(&folder.join("config"), profile.as_bytes())
}

/// Reads a file that may be a secret; `None` if there is none.
pub(crate) fn read_private(path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>, ServerError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(Zeroizing::new(bytes))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(ServerError::File { action: "read", path: path.to_owned(), source }),
    }
}

/// Writes a file that only its owner can read, as a whole or not at all.
pub(crate) fn write_private(path: &Path, bytes: &[u8]) -> Result<(), ServerError> {
    let partial = path.with_extension("part");
    let written = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&partial)
        .and_then(|mut file| {
            file.write_all(bytes)?;
            file.sync_all()
        })
        .and_then(|()| fs::rename(&partial, path));
    written.map_err(|source| ServerError::File { action: "write", path: path.to_owned(), source })
}

/// An id that nothing else has: a random UUID.
///
/// # Errors
/// If the operating system gives no random bytes.
pub(crate) fn random_id() -> Result<String, ServerError> {
    Ok(uuid::Builder::from_random_bytes(random()?).into_uuid().to_string())
}

/// Random bytes of the operating system.
///
/// # Errors
/// If it gives none.
pub fn random() -> Result<[u8; 16], ServerError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| ServerError::Random(error.to_string()))?;
    Ok(bytes)
}
