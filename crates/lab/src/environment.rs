//! `DIR/env`: to be sourced by sh, after which the walkthrough's commands work as they are printed.

use std::ffi::OsString;
use std::os::unix::fs::symlink;
use std::path::Path;

use crate::binaries::{find_binary, find_pinned_binary};
use crate::layout::write_private;
use crate::objects::{ACCOUNT_ID, ADMINS_ROLE, CARTS_TEAM_ROLE, DEVELOPERS_ROLE, READ_ONLY_ROLE, REGION, role_arn};
use crate::{Addresses, CLUSTER_NAME, LabDir, LabError};

/// Writes `DIR/env` and the links in `DIR/bin`.
pub(crate) fn write(dir: &LabDir, addresses: &Addresses, doorward: &Path) -> Result<(), LabError> {
    let links =
        [("aws", find_pinned_binary("aws")?), ("kubectl", find_binary("kubectl")?), ("doorward", doorward.to_owned())];
    for (name, target) in links {
        let link = dir.bin().join(name);
        symlink(&target, &link).map_err(LabError::file("link", &link))?;
    }
    write_private(&dir.env(), render(dir, addresses).as_bytes())
}

fn render(dir: &LabDir, addresses: &Addresses) -> String {
    let mut text = String::from("# To be sourced by sh: makes aws, kubectl and doorward speak to this lab.\n");
    for (name, value) in variables(dir, addresses) {
        text.push_str(&format!("export {name}={}\n", shell_quote(&value)));
    }
    text.push_str(&format!("export PATH={}\"${{PATH:+:$PATH}}\"\n", shell_quote(&dir.bin().to_string_lossy())));
    // Left over from a session with real credentials, these would win over the profile.
    text.push_str("unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN AWS_DEFAULT_PROFILE\n");
    text
}

fn variables(dir: &LabDir, addresses: &Addresses) -> Vec<(&'static str, String)> {
    let path = |path: &Path| path.to_string_lossy().into_owned();
    let aws = dir.doorward_data().join("aws");
    let webhook = dir.webhook();
    vec![
        ("AWS_ENDPOINT_URL", format!("http://{}", addresses.api)),
        ("AWS_CONFIG_FILE", path(&aws.join("config"))),
        ("AWS_SHARED_CREDENTIALS_FILE", path(&aws.join("credentials"))),
        ("AWS_PROFILE", "doorward".to_owned()),
        ("AWS_REGION", REGION.to_owned()),
        ("AWS_DEFAULT_REGION", REGION.to_owned()),
        ("AWS_ACCOUNT_ID", ACCOUNT_ID.to_owned()),
        ("EKS_CLUSTER_NAME", CLUSTER_NAME.to_owned()),
        ("ADMINS_IAM_ROLE", role_arn(ADMINS_ROLE)),
        ("READ_ONLY_IAM_ROLE", role_arn(READ_ONLY_ROLE)),
        ("CARTS_TEAM_IAM_ROLE", role_arn(CARTS_TEAM_ROLE)),
        ("DEVELOPERS_IAM_ROLE", role_arn(DEVELOPERS_ROLE)),
        ("KUBECONFIG", path(&dir.kubeconfig())),
        ("DOORWARD_WEBHOOK_URL", format!("https://{}", addresses.webhook)),
        ("DOORWARD_WEBHOOK_CA", path(&webhook.join("ca.crt"))),
        ("DOORWARD_WEBHOOK_CERT", path(&webhook.join("client.crt"))),
        ("DOORWARD_WEBHOOK_KEY", path(&webhook.join("client.key"))),
        ("DOORWARD_OPS_URL", format!("http://{}", addresses.ops)),
        ("DOORWARD_LAB_DIR", path(dir.root())),
        ("DOORWARD_MIGRATIONS_DIR", path(&dir.migrations())),
    ]
}

/// Settings of the caller's own that must not reach the lab's programs: they are told everything by their arguments.
pub(crate) fn foreign_variables() -> impl Iterator<Item = OsString> {
    let names = std::env::vars_os().map(|(name, _)| name);
    names.filter(|name| {
        ["AWS_", "DOORWARD_", "ETCD_"].iter().any(|prefix| name.as_encoded_bytes().starts_with(prefix.as_bytes()))
    })
}

/// A folder or file as somebody can type it into sh: quoted only where it has to be.
pub fn shell_path(path: &Path) -> String {
    let text = path.to_string_lossy();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:@%,".contains(c);
    if !text.is_empty() && text.chars().all(plain) { text.into_owned() } else { shell_quote(&text) }
}

/// Quotes a word for sh.
pub(crate) fn shell_quote(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_to_be_typed_is_quoted_only_where_sh_would_read_something_else() {
        assert_eq!(shell_path(Path::new("/tmp/lab-1")), "/tmp/lab-1");
        assert_eq!(shell_path(Path::new("/tmp/the lab")), "'/tmp/the lab'");
        assert_eq!(shell_path(Path::new("/tmp/a lab's $HOME")), r"'/tmp/a lab'\''s $HOME'");
        assert_eq!(shell_path(Path::new("")), "''");
    }

    #[test]
    fn sh_reads_every_variable_back_from_a_folder_with_odd_letters() {
        let dir = LabDir::new("/tmp/a lab's $HOME").unwrap();
        let script = format!("{}printf '%s|%s' \"$KUBECONFIG\" \"$PATH\"", render(&dir, &Addresses::default()));
        let output =
            std::process::Command::new("/bin/sh").args(["-euc", &script]).env("PATH", "/bin").output().unwrap();
        assert_eq!(
            String::from_utf8(output.stdout).unwrap(),
            "/tmp/a lab's $HOME/kubeconfig|/tmp/a lab's $HOME/bin:/bin"
        );
    }
}
