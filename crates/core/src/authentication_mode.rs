//! Authentication modes: which of aws-auth and access entries a cluster believes.
//!
//! Source: Amazon EKS user guide, "Change authentication mode to use access entries". The order is a one-way street of
//! single steps: both directions other than the next one are refused by the service, the same value too.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Which sources of access count on a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum AuthenticationMode {
    /// The aws-auth ConfigMap alone.
    #[serde(rename = "CONFIG_MAP")]
    ConfigMap,
    /// Both; for a principal in both, the access entry alone counts.
    #[serde(rename = "API_AND_CONFIG_MAP")]
    ApiAndConfigMap,
    /// Access entries alone.
    #[serde(rename = "API")]
    Api,
}

impl AuthenticationMode {
    /// Parses the API's spelling.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::ConfigMap, Self::ApiAndConfigMap, Self::Api].into_iter().find(|mode| mode.name() == name)
    }

    /// The API's spelling.
    pub fn name(self) -> &'static str {
        match self {
            Self::ConfigMap => "CONFIG_MAP",
            Self::ApiAndConfigMap => "API_AND_CONFIG_MAP",
            Self::Api => "API",
        }
    }

    /// Whether access entries count.
    pub fn uses_access_entries(self) -> bool {
        self != Self::ConfigMap
    }

    /// Whether aws-auth counts.
    pub fn uses_aws_auth(self) -> bool {
        self != Self::Api
    }

    /// Checks a change of mode.
    ///
    /// # Errors
    /// For anything but the next step.
    pub fn change_to(self, to: Self) -> Result<Self, ModeTransitionError> {
        match (self, to) {
            (Self::ConfigMap, Self::ApiAndConfigMap) | (Self::ApiAndConfigMap, Self::Api) => Ok(to),
            (from, to) => Err(ModeTransitionError { from, to }),
        }
    }
}

impl fmt::Display for AuthenticationMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A change of mode that EKS does not make. The text is EKS's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Unsupported authentication mode update from {from} to {to}")]
pub struct ModeTransitionError {
    /// The mode in force.
    pub from: AuthenticationMode,
    /// The mode asked for.
    pub to: AuthenticationMode,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mode_changes_one_step_forward_and_never_otherwise() {
        use AuthenticationMode::{Api, ApiAndConfigMap, ConfigMap};
        let all = [ConfigMap, ApiAndConfigMap, Api];
        for from in all {
            for to in all {
                let legal = matches!((from, to), (ConfigMap, ApiAndConfigMap) | (ApiAndConfigMap, Api));
                assert_eq!(from.change_to(to).is_ok(), legal, "{from} to {to}");
            }
        }
        assert_eq!(
            ConfigMap.change_to(Api).unwrap_err().to_string(),
            "Unsupported authentication mode update from CONFIG_MAP to API"
        );
    }
}
