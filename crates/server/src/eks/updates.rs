//! UpdateClusterConfig (`accessConfig` only), DescribeUpdate, ListUpdates.

use std::sync::Arc;

use doorward_core::access_entry::AccessEntry;
use doorward_core::authentication_mode::AuthenticationMode;
use serde_json::json;

use super::access_entries::with_token;
use super::clusters::creator_entry;
use super::page::Page;
use super::parameters::{cluster, cluster_name, fingerprint, query};
use super::requests::UpdateConfig;
use super::{Call, Outcome, json};
use crate::api::ApiError;
use crate::change::Change;
use crate::cluster_record::ClusterRecord;
use crate::update_record::{KEPT_UPDATES, UpdateRecord};
use crate::view::{ClusterView, View};

pub(super) fn update_config(view: &View, call: &Call<'_>, name: &str, update: &UpdateConfig) -> Outcome {
    cluster_name(name)?;
    if let Some((other, _)) = update.other.iter().find(|(_, value)| !value.is_null()) {
        return Err(ApiError::invalid_parameter(format!(
            "The parameter {other} cannot be updated here, only accessConfig can"
        )));
    }
    let mode = update.access_config.as_ref().and_then(|config| config.authentication_mode.as_deref());
    let mode = AuthenticationMode::from_name(mode.unwrap_or_default()).ok_or_else(|| {
        ApiError::invalid_parameter("The authenticationMode must be one of [API, API_AND_CONFIG_MAP, CONFIG_MAP]")
    })?;
    let cluster = cluster(view, name)?;
    let fingerprint = update.client_request_token.as_deref().map(|token| fingerprint(token, mode.name()));
    let sent_before = |update: &&UpdateRecord| fingerprint.is_some() && update.created_by == fingerprint;
    if let Some(update) = cluster.updates.values().find(sent_before) {
        return Ok((json!({ "update": json::update(update, "InProgress") }), Vec::new()));
    }
    let mode = cluster.world.mode().change_to(mode)?;
    let record = ClusterRecord { authentication_mode: mode, ..cluster.record.clone() };
    let update = UpdateRecord {
        id: call.new_id.to_owned(),
        created_at: call.now,
        authentication_mode: mode,
        created_by: fingerprint,
    };
    let answer = json!({ "update": json::update(&update, "InProgress") });
    let mut changes = vec![Change::PutCluster(Box::new(record))];
    changes.extend(appearing_creator(cluster, mode, call)?);
    changes.extend(oldest_update(cluster).map(|id| Change::DeleteUpdate(cluster.record.name.clone(), id)));
    changes.push(Change::PutUpdate(cluster.record.name.clone(), update));
    Ok((answer, changes))
}

/// When a cluster leaves CONFIG_MAP its hidden administrator appears as an entry.
fn appearing_creator(
    cluster: &ClusterView,
    mode: AuthenticationMode,
    call: &Call<'_>,
) -> Result<Option<Change>, ApiError> {
    let appears = mode == AuthenticationMode::ApiAndConfigMap
        && cluster.record.bootstrap_creator_admin
        && cluster.world.entry(&cluster.record.creator).is_none();
    if !appears {
        return Ok(None);
    }
    let entry: AccessEntry = creator_entry(&cluster.record, call)?;
    Ok(Some(Change::PutEntry(cluster.record.name.clone(), Arc::new(entry))))
}

fn oldest_update(cluster: &ClusterView) -> Option<String> {
    if cluster.updates.len() < KEPT_UPDATES {
        return None;
    }
    cluster.updates.values().min_by_key(|update| update.created_at).map(|update| update.id.clone())
}

pub(super) fn describe(view: &View, name: &str, update: &str) -> Outcome {
    let cluster = cluster(view, name)?;
    let update = cluster
        .updates
        .get(update)
        .ok_or_else(|| ApiError::not_found(format!("No update found for ID: {}", update.escape_debug())))?;
    Ok((json!({ "update": json::update(update, "Successful") }), Vec::new()))
}

pub(super) fn list(view: &View, call: &Call<'_>, name: &str) -> Outcome {
    let query = query(call.query)?;
    let page = Page::parse(&query, &format!("updates {name}"))?;
    let cluster = cluster(view, name)?;
    let rest = cluster.updates.keys().filter(|id| page.after().is_none_or(|after| id.as_str() > after));
    let (ids, token) = page.take(rest, |id| (*id).clone());
    Ok((with_token(json!({ "updateIds": ids }), token), Vec::new()))
}
