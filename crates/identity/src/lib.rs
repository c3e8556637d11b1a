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
