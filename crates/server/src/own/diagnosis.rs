//! What is wrong with the server and the caller's clusters, for `doorward doctor`.

use std::sync::Arc;

use http::StatusCode;

use crate::api::ApiError;
use crate::diagnosis::diagnose;
use crate::eks::{Call, Outcome};
use crate::health::Signs;
use crate::view::View;

pub(super) fn diagnosis(view: &View, signs: &Signs, call: &Call<'_>) -> Outcome {
    let own = view.clusters().filter(|cluster| cluster.record.account == call.caller.account).map(Arc::as_ref);
    let own: Vec<_> = own.collect();
    let diagnosis = diagnose(view, &own, signs, call.now);
    let answer = serde_json::to_value(&diagnosis)
        .map_err(|error| ApiError::new("ServerException", StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))?;
    Ok((answer, Vec::new()))
}
