//! A filter event as a sender states it, before it is checked: what every format's parser produces.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use schema::{Action, UserGroup};

/// One event, borrowed from the request's body where it can be. Texts are as sent: not yet checked for length.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilterEvent<'a> {
    /// The sender's id, unique within the source.
    pub id: Option<Cow<'a, str>>,
    /// When the request was made.
    pub time: DateTime<Utc>,
    /// What the filter did with it.
    pub action: Action,
    /// The host, lower-case and without port.
    pub host: Cow<'a, str>,
    /// The whole URL: personal where it says more than a host, and kept sealed or not at all.
    pub url: Option<Cow<'a, str>>,
    /// What was searched for: as personal.
    pub search: Option<Cow<'a, str>>,
    /// The filter's category labels, in its own vocabulary.
    pub labels: Vec<Cow<'a, str>>,
    /// The user's name, if the filter knows it.
    pub user: Option<Cow<'a, str>>,
    /// The group of users.
    pub group: UserGroup,
    /// The device's name.
    pub device: Option<Cow<'a, str>>,
    /// The client's address.
    pub address: Option<Cow<'a, str>>,
    /// The filter policy that applied.
    pub policy: Option<Cow<'a, str>>,
}

/// Why a line is not an event: the field, in the API's words, and the reason. Never the value, which may be personal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {reason}")]
pub struct Refusal {
    /// The field at fault, or `line` when it cannot be told.
    pub field: &'static str,
    /// What was expected.
    pub reason: &'static str,
}

impl Refusal {
    /// A refusal of `field` for `reason`.
    pub const fn new(field: &'static str, reason: &'static str) -> Self {
        Self { field, reason }
    }
}
