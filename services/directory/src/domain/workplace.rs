//! Where people work.

use eventlog::Owner;
use schema::{SchoolId, TrustId, people::Site};
use serde::{Deserialize, Serialize};

/// A school, or a trust itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Workplace {
    /// A school.
    School(SchoolId),
    /// A trust.
    Trust(TrustId),
}

impl Workplace {
    /// The owner of its people's records.
    pub const fn owner(self) -> Owner {
        match self {
            Self::School(school) => Owner::School(school),
            Self::Trust(trust) => Owner::Trust(trust),
        }
    }

    /// What it is.
    pub const fn site(self) -> Site {
        match self {
            Self::School(_) => Site::School,
            Self::Trust(_) => Site::Trust,
        }
    }
}
