//! What can go wrong between here and an AWS API, AWS's own or Doorward's.

use std::path::PathBuf;

use super::ini::IniError;

/// Why AWS settings cannot be used, or a call failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AwsError {
    /// A file of settings cannot be opened.
    #[error("cannot read `{}`: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
    /// A file of settings cannot be understood.
    #[error("cannot read `{}`, {source}", path.display())]
    Ini {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        source: IniError,
    },
    /// The profile is in no file.
    #[error("the profile `{profile}` is neither in `{}` nor in `{}`{hint}", config.display(), credentials.display())]
    NoProfile {
        /// Its name.
        profile: String,
        /// The config file.
        config: PathBuf,
        /// The credentials file.
        credentials: PathBuf,
        /// What may help.
        hint: String,
    },
    /// Nowhere any credentials.
    #[error(
        "no AWS credentials: neither `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY` nor the profile `{profile}` give \
         any{hint}"
    )]
    NoCredentials {
        /// The profile that was looked at.
        profile: String,
        /// What may help.
        hint: String,
    },
    /// One half of a pair.
    #[error("{place} has only one of access key id and secret access key; give both")]
    HalfCredentials {
        /// Where.
        place: String,
    },
    /// No region.
    #[error("no region is set; use `--region`, `AWS_REGION`, or `region` in the profile `{profile}`")]
    NoRegion {
        /// The profile that was looked at.
        profile: String,
    },
    /// A region that cannot be part of a host.
    #[error("`{0}` is not a region; expected a name such as `us-west-2`")]
    Region(String),
    /// Doorward's own API has no address that everybody knows.
    #[error(
        "no endpoint is set for the Doorward server; use `--endpoint-url`, `AWS_ENDPOINT_URL`, or a profile with \
         `endpoint_url`{hint}"
    )]
    NoEndpoint {
        /// What may help.
        hint: String,
    },
    /// Something else than a URL.
    #[error("`{url}` ({place}) is not an endpoint: expected a URL such as `http://127.0.0.1:8090`")]
    Endpoint {
        /// What was given.
        url: String,
        /// Where.
        place: String,
    },
    /// A way to credentials that is not gone here.
    #[error(
        "the profile `{profile}` takes its credentials from {kind}, which doorward cannot do itself; get them with \
         `eval \"$(aws configure export-credentials --profile {profile} --format env)\"` and try again"
    )]
    Unsupported {
        /// The profile.
        profile: String,
        /// Which way.
        kind: &'static str,
    },
    /// Profiles that lead nowhere.
    #[error("the profile `{profile}` {problem}")]
    Chain {
        /// The profile.
        profile: String,
        /// What is wrong.
        problem: String,
    },
    /// A `credential_process` that did not give any.
    #[error("the `credential_process` of the profile `{profile}` {problem}")]
    Process {
        /// The profile.
        profile: String,
        /// What is wrong.
        problem: String,
    },
    /// Certificates that cannot be used.
    #[error("cannot use {place} to verify servers: {problem}")]
    Certificates {
        /// Which.
        place: String,
        /// What is wrong.
        problem: String,
    },
    /// A request that cannot be signed.
    #[error("cannot sign the request {operation}: {problem}")]
    Sign {
        /// What was asked.
        operation: String,
        /// What is wrong.
        problem: String,
    },
    /// The server cannot be reached.
    #[error("cannot reach {url} for {operation}: {problem}; is the server running, and is the address right?")]
    Connect {
        /// Where.
        url: String,
        /// What was asked.
        operation: String,
        /// Why not.
        problem: String,
    },
    /// The server does not answer.
    #[error("{url} did not answer {operation} within {seconds} s")]
    Timeout {
        /// Where.
        url: String,
        /// What was asked.
        operation: String,
        /// How long was waited.
        seconds: u64,
    },
    /// The server refuses.
    #[error("{operation} failed: {code}: {message}")]
    Api {
        /// What was asked.
        operation: String,
        /// The type of the error, such as `ResourceNotFoundException`.
        code: String,
        /// The server's words.
        message: String,
    },
    /// An answer that makes no sense.
    #[error("the answer of {url} to {operation} {problem}; is that an AWS endpoint?")]
    Answer {
        /// Where.
        url: String,
        /// What was asked.
        operation: String,
        /// What is wrong.
        problem: String,
    },
}
