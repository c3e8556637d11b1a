//! Who is calling: tokens, the local directory of IAM, and STS.
//!
//! Everything here is a function of values. The directory, the server's session key, the time and the randomness are
//! arguments; what a mutation changes comes back as a value that the caller has to store.

pub mod authenticate;
pub mod caller;
mod credentials;
pub mod directory;
pub mod hosts;
pub mod node;
pub mod policy;
pub mod random;
pub mod session;
pub mod sts;
pub mod token;

pub use authenticate::{AuthError, authenticate, authenticate_presented};
pub use caller::{Caller, Identity};
pub use directory::Directory;
pub use hosts::{Endpoint, LocalEndpoint, StsHosts};
pub use node::with_private_dns_name;
pub use random::{OsRandom, Random};
pub use session::SessionKey;
pub use token::{Token, TokenError, verify_local};
