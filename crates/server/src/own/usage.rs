//! Usage evidence of a cluster: how often each access entry and each row of aws-auth let somebody in, and when last.

use serde_json::{Value, json};

use crate::api::ApiError;
use crate::eks::{Call, Outcome};
use crate::view::View;

pub(super) fn usage(view: &View, call: &Call<'_>, name: &str) -> Outcome {
    let cluster = view.cluster(name).filter(|cluster| cluster.record.account == call.caller.account);
    let cluster = cluster.ok_or_else(|| ApiError::no_cluster(name))?;
    let record = cluster.usage.record(&cluster.world);
    let entries: Vec<Value> = record
        .entries
        .iter()
        .map(|(principal, evidence)| {
            json!({
                "principalArn": principal,
                "countingSince": evidence.counting_since,
                "logins": evidence.logins,
                "lastLoginAt": evidence.last_login_at,
            })
        })
        .collect();
    Ok((json!({ "cluster": name, "accessEntries": entries, "identityMappings": record.rows }), Vec::new()))
}
