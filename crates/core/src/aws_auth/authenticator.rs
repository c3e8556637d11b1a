//! Whose rules aws-auth is read by.

use std::fmt;

use serde::{Deserialize, Serialize};

/// An authenticator: what EKS runs, or Doorward's own, which keeps a row's mistakes to that row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Authenticator {
    /// AWS's authenticator, as it runs in EKS.
    Eks,
    /// Doorward.
    #[default]
    Doorward,
}

impl Authenticator {
    /// The name in documents and flags.
    pub fn name(self) -> &'static str {
        match self {
            Self::Eks => "eks",
            Self::Doorward => "doorward",
        }
    }

    /// The authenticator of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Eks, Self::Doorward].into_iter().find(|one| one.name() == name)
    }
}

impl fmt::Display for Authenticator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
