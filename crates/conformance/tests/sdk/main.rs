//! aws-sdk-eks, aws-sdk-iam and aws-sdk-sts, unmodified, against a running server: every operation that is served, from
//! creation to deletion, with its pages, its timestamps and its errors as the SDK's own types. Retries are off, so that
//! an answer that an SDK would ask for again is seen.
//!
//! Each test starts a server with the binary `$DOORWARD_BIN`, else the `doorward` that cargo built beside the test
//! (`cargo build` first). With `$DOORWARD_ENDPOINT` and an access key in the environment, all use the server there.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that fails here has found what it looks for")]

mod clusters;
mod entries;
mod permissions;
mod policies;
mod principals;
mod refusal;
mod server;
