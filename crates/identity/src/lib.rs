//! Who is calling: tokens, the local directory of IAM and STS.

pub mod directory;
pub mod policy;
pub mod random;
