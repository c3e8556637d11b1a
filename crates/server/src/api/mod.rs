//! The API address: EKS, STS and IAM of one local AWS, told apart by path and by what the request was signed for.

mod entry;
mod error;
mod http;
mod query_services;

pub use entry::{Api, MAX_BODY};
pub use error::ApiError;
pub use http::{Answer, Incoming};

#[cfg(test)]
mod tests;
