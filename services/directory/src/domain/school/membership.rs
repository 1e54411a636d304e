//! A school's membership of a trust: one at a time, each from a day and up to a day.

use chrono::NaiveDate;
use schema::{
    TrustId,
    directory::{JoinedTrust, LeftTrust, SchoolEvent},
};

use super::SchoolError;

/// Whether a school belongs to a trust.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Membership {
    /// It never has.
    None,
    /// It does.
    Member {
        /// The trust.
        trust: TrustId,
        /// The first day of membership.
        from: NaiveDate,
    },
    /// It did.
    Former {
        /// The last trust.
        trust: TrustId,
        /// The first day that was no longer one of membership.
        to: NaiveDate,
    },
}

impl Membership {
    pub(super) fn joined(&JoinedTrust { trust, from }: &JoinedTrust) -> Self {
        Self::Member { trust, from }
    }

    pub(super) fn left(&LeftTrust { trust, to }: &LeftTrust) -> Self {
        Self::Former { trust, to }
    }

    pub(super) fn join(self, trust: TrustId, from: NaiveDate) -> Result<Vec<SchoolEvent>, SchoolError> {
        match self {
            Self::Member { trust: other, .. } if other != trust => Err(SchoolError::InAnotherTrust),
            Self::Member { from: since, .. } if since != from => Err(SchoolError::AlreadyMember { since }),
            Self::Member { .. } => Ok(vec![]),
            Self::Former { to, .. } if from < to => Err(SchoolError::BeforeLast { last: to }),
            Self::Former { .. } | Self::None => Ok(vec![SchoolEvent::JoinedTrust(JoinedTrust { trust, from })]),
        }
    }

    pub(super) fn leave(self, trust: TrustId, to: NaiveDate) -> Result<Vec<SchoolEvent>, SchoolError> {
        match self {
            Self::Member { trust: of, from } if of == trust => {
                if to < from {
                    return Err(SchoolError::BeforeLast { last: from });
                }
                Ok(vec![SchoolEvent::LeftTrust(LeftTrust { trust, to })])
            }
            Self::Former { trust: of, to: since } if of == trust && since == to => Ok(vec![]),
            Self::Member { .. } | Self::Former { .. } | Self::None => Err(SchoolError::NotMember),
        }
    }

    /// What has to happen on day `on` for the school to belong to `wanted` and to nothing else.
    pub(super) fn follow(self, wanted: Option<TrustId>, on: NaiveDate) -> Result<Vec<SchoolEvent>, SchoolError> {
        let (mut events, rest) = match self {
            Self::Member { trust, .. } if wanted == Some(trust) => return Ok(vec![]),
            Self::Member { trust, .. } => (self.leave(trust, on)?, Self::Former { trust, to: on }),
            Self::Former { .. } | Self::None => (vec![], self),
        };
        if let Some(trust) = wanted {
            events.extend(rest.join(trust, on)?);
        }
        Ok(events)
    }
}
