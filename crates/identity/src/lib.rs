//! Who is calling: tokens, the local directory of IAM and STS, and AWS's own.
//!
//! [`Verifier`] is what a token webhook asks; behind it are two providers. The local one is a function of values: the
//! directory, the server's session key, the time and the randomness are arguments; what a mutation changes comes back as
//! a value that the caller has to store. [`aws`] asks AWS over the network, and remembers.

pub mod authenticate;
pub mod aws;
pub mod caller;
mod credentials;
pub mod directory;
pub mod hosts;
mod local;
pub mod node;
pub mod object;
pub mod policy;
mod printable;
mod proven;
pub mod random;
pub mod session;
pub mod sts;
pub mod token;
mod verifier;

pub use authenticate::{AuthError, authenticate, authenticate_presented};
pub use caller::{Caller, Identity};
pub use directory::Directory;
pub use hosts::{Endpoint, LocalEndpoint, StsHosts};
pub use local::LocalProvider;
pub use random::{OsRandom, Random};
pub use session::SessionKey;
pub use token::{Token, TokenError, verify_local};
pub use verifier::Verifier;
