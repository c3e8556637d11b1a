//! Questions about a World: may this principal do that, who may, and why.
//!
//! Each is a function of values over [`crate::resolve`] and [`crate::permissions`], which hold the rules; here is only
//! how a question is read and what of the rules' answers is told. What cannot be decided from a World (an access policy
//! whose rules AWS does not print, what the Node authorizer lets a node do) is said as such and never taken for "no".

mod caller;
mod can_i;
mod near_miss;
mod request;
mod resources;
mod rows;
mod sessions;
mod who_can;
mod why;
mod words;

pub use caller::{Caller, CallerError, DEFAULT_SESSION};
pub use can_i::{Answer, Caveat, Decision, can_i, logins, may_do};
pub use request::{Place, Request, RequestError};
pub use who_can::{Ground, Holder, Undecided, WhoCan, who_can};
pub use why::{Step, Trace, why};
pub use words::{place, rule_about};
