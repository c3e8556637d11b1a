//! Two Worlds, compared.
mod bits;
mod namespaces;
mod region;
mod request;
mod rights;
mod universe;
pub use request::Request;
pub use rights::ScopedRule;
