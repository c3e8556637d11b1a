//! AWS settings, from where the aws CLI takes them: flags, variables, then the profile of the shared files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Args;

use super::Environment;
use super::error::AwsError;
use super::ini::{Ini, Section};
use crate::data_dir;

/// Flags that say where an AWS API is and as whom to call it.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "AWS settings")]
pub(crate) struct AwsArgs {
    /// The profile of the shared AWS config and credentials files [default: $AWS_PROFILE, else `default`].
    #[arg(long, value_name = "NAME")]
    pub(crate) profile: Option<String>,
    /// The region [default: $AWS_REGION, $AWS_DEFAULT_REGION, else the profile's].
    #[arg(long, value_name = "REGION")]
    pub(crate) region: Option<String>,
    /// Where to send requests [default: $AWS_ENDPOINT_URL…, else the profile's, else AWS's own].
    #[arg(long, value_name = "URL")]
    pub(crate) endpoint_url: Option<String>,
}

/// Everything that decides whom to ask, and as whom.
#[derive(Clone, Debug)]
pub(crate) struct AwsSettings {
    pub(super) environment: Environment,
    pub(super) flags: AwsArgs,
    /// The name of the profile in force.
    pub(super) profile_name: String,
    pub(super) files: SharedFiles,
}

/// The shared config and credentials files, merged.
#[derive(Clone, Debug, Default)]
pub(super) struct SharedFiles {
    pub(super) profiles: BTreeMap<String, Profile>,
    /// By the section's name: service to keys.
    pub(super) services: BTreeMap<String, BTreeMap<String, BTreeMap<String, String>>>,
}

/// A profile: keys of both files; those of the credentials file go first.
#[derive(Clone, Debug, Default)]
pub(super) struct Profile {
    values: BTreeMap<String, String>,
}

impl Profile {
    /// A value that is set to something.
    pub(super) fn get(&self, key: &str) -> Option<&str> {
        self.values.get(key).map(|value| value.trim()).filter(|value| !value.is_empty())
    }
}

impl AwsSettings {
    /// Reads the files that the environment names.
    ///
    /// # Errors
    /// If a file is there and cannot be read, or the profile that was asked for is in none.
    pub(crate) fn load(environment: Environment, flags: &AwsArgs) -> Result<Self, AwsError> {
        let (config, credentials) = (config_path(&environment), credentials_path(&environment));
        let files = SharedFiles::merge(&read(&config)?, &read(&credentials)?);
        let from_variable = environment.get("AWS_PROFILE").or_else(|| environment.get("AWS_DEFAULT_PROFILE"));
        let asked = flags.profile.as_deref().or(from_variable).map(str::to_owned);
        let is_asked = asked.is_some();
        let profile_name = asked.unwrap_or_else(|| "default".to_owned());
        let settings = Self { profile_name, flags: flags.clone(), files, environment };
        if is_asked && !settings.files.profiles.contains_key(&settings.profile_name) {
            let (profile, hint) = (settings.profile_name.clone(), settings.hint());
            return Err(AwsError::NoProfile { profile, config, credentials, hint });
        }
        Ok(settings)
    }

    /// The region.
    ///
    /// # Errors
    /// If none is set, or it is not one.
    pub(crate) fn region(&self) -> Result<&str, AwsError> {
        self.region_if_any()?.ok_or_else(|| AwsError::NoRegion { profile: self.profile_name.clone() })
    }

    /// The region, where one is set.
    ///
    /// # Errors
    /// If it is not one.
    pub(crate) fn region_if_any(&self) -> Result<Option<&str>, AwsError> {
        let region = (self.flags.region.as_deref())
            .or_else(|| self.environment.get("AWS_REGION"))
            .or_else(|| self.environment.get("AWS_DEFAULT_REGION"))
            .or_else(|| self.profile().and_then(|profile| profile.get("region")));
        // It becomes part of a host's name.
        let is_region = |text: &str| {
            text.len() <= 63 && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        };
        match region {
            Some(region) if !is_region(region) => Err(AwsError::Region(region.escape_debug().to_string())),
            region => Ok(region),
        }
    }

    /// The name of the profile, if one was asked for by flag or variable: what a kubeconfig has to repeat.
    pub(crate) fn asked_profile(&self) -> Option<&str> {
        let is_asked = self.flags.profile.is_some()
            || self.environment.get("AWS_PROFILE").is_some()
            || self.environment.get("AWS_DEFAULT_PROFILE").is_some();
        is_asked.then_some(self.profile_name.as_str())
    }

    pub(super) fn profile(&self) -> Option<&Profile> {
        self.files.profiles.get(&self.profile_name)
    }

    /// What to do, for somebody who has started a server here and told nobody: empty if there is none here.
    pub(super) fn hint(&self) -> String {
        let folder = data_dir::default(&self.environment).join("aws");
        if !folder.join("credentials").exists() {
            return String::new();
        }
        let folder = std::path::absolute(&folder).unwrap_or(folder);
        format!(
            "; a Doorward server has its administrator's here: `export AWS_SHARED_CREDENTIALS_FILE={0}/credentials \
             AWS_CONFIG_FILE={0}/config AWS_PROFILE=doorward`",
            folder.display()
        )
    }
}

impl SharedFiles {
    fn merge(config: &Ini, credentials: &Ini) -> Self {
        let mut files = Self::default();
        // `[profile default]` goes before `[default]`.
        if let Some(section) = config.sections.get("default") {
            files.add("default", section);
        }
        for (header, section) in &config.sections {
            match header.split_once(' ') {
                Some(("profile", "default")) => {
                    files.profiles.remove("default");
                    files.add("default", section);
                }
                Some(("profile", name)) => files.add(name, section),
                Some(("services", name)) => {
                    files.services.insert(name.to_owned(), section.nested.clone());
                }
                _ => {}
            }
        }
        for (name, section) in &credentials.sections {
            files.add(name, section);
        }
        files
    }

    fn add(&mut self, name: &str, section: &Section) {
        let profile = self.profiles.entry(name.to_owned()).or_default();
        profile.values.extend(section.values.clone());
    }
}

fn config_path(environment: &Environment) -> PathBuf {
    environment.path(environment.get("AWS_CONFIG_FILE").unwrap_or("~/.aws/config"))
}

fn credentials_path(environment: &Environment) -> PathBuf {
    environment.path(environment.get("AWS_SHARED_CREDENTIALS_FILE").unwrap_or("~/.aws/credentials"))
}

/// A file that is not there is an empty one.
fn read(path: &Path) -> Result<Ini, AwsError> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ini::parse(&text).map_err(|source| AwsError::Ini { path: path.to_owned(), source }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Ini::default()),
        Err(source) => Err(AwsError::File { path: path.to_owned(), source }),
    }
}

#[cfg(test)]
impl AwsSettings {
    /// Settings of these texts, without files.
    pub(super) fn of(environment: Environment, flags: AwsArgs, config: &str, credentials: &str) -> Self {
        let files = SharedFiles::merge(&Ini::parse(config).unwrap(), &Ini::parse(credentials).unwrap());
        let profile_name = flags.profile.clone().or(environment.get("AWS_PROFILE").map(str::to_owned));
        Self { profile_name: profile_name.unwrap_or("default".to_owned()), environment, flags, files }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_region_is_that_of_the_flag_then_the_variables_then_the_profile() {
        let config = "[default]\nregion = eu-west-1\n";
        let flag = AwsArgs { region: Some("us-east-2".to_owned()), ..AwsArgs::default() };
        let both = Environment::from([("AWS_REGION", "us-west-1"), ("AWS_DEFAULT_REGION", "us-west-2")]);
        let one = Environment::from([("AWS_REGION", ""), ("AWS_DEFAULT_REGION", "us-west-2")]);
        let none = Environment::default();
        for (environment, flags, expected) in [
            (&both, flag, "us-east-2"),
            (&both, AwsArgs::default(), "us-west-1"),
            (&one, AwsArgs::default(), "us-west-2"),
            (&none, AwsArgs::default(), "eu-west-1"),
        ] {
            let settings = AwsSettings::of(environment.clone(), flags, config, "");
            assert_eq!(settings.region().unwrap(), expected);
        }
        let bad = Environment::from([("AWS_REGION", "evil.example/")]);
        assert!(matches!(AwsSettings::of(bad, AwsArgs::default(), "", "").region(), Err(AwsError::Region(_))));
        assert!(matches!(AwsSettings::of(none, AwsArgs::default(), "", "").region(), Err(AwsError::NoRegion { .. })));
    }

    #[test]
    fn profiles_of_both_files_are_one_and_the_credentials_file_goes_first() {
        let config = "[default]\nregion = a\n[profile default]\nregion = b\n[profile x]\nregion = c\noutput = text\n[y]\na = b\n";
        let settings =
            AwsSettings::of(Environment::default(), AwsArgs::default(), config, "[x]\nregion = d\n[z]\nregion = e\n");
        let of = |profile: &str, key: &str| settings.files.profiles.get(profile).and_then(|profile| profile.get(key));
        assert_eq!(
            (of("default", "region"), of("x", "region"), of("x", "output")),
            (Some("b"), Some("d"), Some("text"))
        );
        assert_eq!((of("y", "a"), of("z", "region")), (None, Some("e")));
    }

    #[test]
    fn a_profile_that_is_nowhere_is_an_error_and_a_missing_default_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().to_str().unwrap();
        let environment = Environment::from([("HOME", home), ("AWS_PROFILE", "nobody")]);
        let error = AwsSettings::load(environment, &AwsArgs::default()).unwrap_err();
        assert!(error.to_string().starts_with("the profile `nobody` is neither in"), "{error}");
        assert!(AwsSettings::load(Environment::from([("HOME", home)]), &AwsArgs::default()).is_ok());
    }

    #[test]
    fn whoever_has_a_server_here_and_no_settings_is_told_what_to_export() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().to_str().unwrap();
        std::fs::create_dir_all(folder.path().join("doorward/aws")).unwrap();
        std::fs::write(folder.path().join("doorward/aws/credentials"), "").unwrap();
        let hint = |variables| AwsSettings::of(variables, AwsArgs::default(), "", "").hint();
        let hinted = hint(Environment::from([("XDG_STATE_HOME", state)]));
        assert!(
            hinted.contains(&format!("AWS_CONFIG_FILE={state}/doorward/aws/config AWS_PROFILE=doorward")),
            "{hinted}"
        );
        assert_eq!(hint(Environment::from([("XDG_STATE_HOME", "/nowhere")])), "");
    }
}
