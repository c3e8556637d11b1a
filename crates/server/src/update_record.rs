//! One update of a cluster, as DescribeUpdate shows it. Updates are done when they are answered.

use doorward_core::authentication_mode::AuthenticationMode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// How many updates of a cluster are kept; the oldest go first.
pub(crate) const KEPT_UPDATES: usize = 100;

/// A change of the authentication mode, the only update there is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UpdateRecord {
    /// A UUID.
    pub id: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// The mode after it.
    pub authentication_mode: AuthenticationMode,
    /// A digest of the request that made it; the same request again is answered with this update.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_by: Option<String>,
}
