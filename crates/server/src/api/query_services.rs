//! stub
use super::entry::Api; use super::http::{Answer, Incoming};
pub(super) async fn answer(_: &Api, _: &Incoming, _: jiff::Timestamp, _: &str) -> Answer { todo!() }
