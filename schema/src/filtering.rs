//! What is decided about filter events; the events themselves are in the telemetry log.

use serde::{Deserialize, Serialize};

use chrono::{DateTime, Utc};

use crate::{
    FlaggedEventId, MatterId, PseudonymId,
    envelope::family,
    people::{ForgettingGround, HoldReason, StaffRole},
    vocabulary::vocabulary,
};

vocabulary!(
    /// What somebody opens flagged events for. A closed list: words of the reader's own could name a child.
    OpeningPurpose {
        /// To protect a child.
        Safeguarding = "safeguarding",
        /// To see whether the filter did right.
        FilterReview = "filter-review",
        /// To find out about misuse by an adult.
        Misuse = "misuse",
        /// To answer a person's or the regulator's request.
        DataProtection = "data-protection",
    }
);

family!(
    /// An opening of what is sealed of filter events (R133); stream `opening-<id>`, owned by the school whose they are.
    OpeningEvent {
        /// Somebody was shown who asked for what.
        Opened(FlaggedEventsOpened) = "flagged-events-opened" 3 from { 2: FlaggedEventsOpenedV2, 1: FlaggedEventsOpenedV1 },
        /// Somebody was given all that is held of whoever has a name.
        Disclosed(NameDisclosed) = "name-disclosed" 1,
    }
);

/// See [`OpeningEvent::Opened`]. Who opened is the event's actor, when its instant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlaggedEventsOpened {
    /// Which, each once.
    pub events: Vec<FlaggedEventId>,
    /// What for.
    pub purpose: OpeningPurpose,
    /// The matter that it was done for, from which some are recused (R130).
    pub matter: Option<MatterId>,
    /// The roles that the reader held at the school; none where nobody knows.
    pub roles: Vec<StaffRole>,
}

/// See [`OpeningEvent::Disclosed`]. Who was given it is the event's actor, when its instant; it is for whoever has the name
/// (UK GDPR Art. 15).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NameDisclosed {
    /// The name, by its pseudonym.
    pub name: PseudonymId,
    /// What was asked for from this instant on,
    pub from: DateTime<Utc>,
    /// and before this one.
    pub to: DateTime<Utc>,
    /// The roles that the reader held at the school.
    pub roles: Vec<StaffRole>,
}

/// A [`FlaggedEventsOpened`] from before it was kept in which roles somebody opened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlaggedEventsOpenedV2 {
    /// Which, each once.
    pub events: Vec<FlaggedEventId>,
    /// What for.
    pub purpose: OpeningPurpose,
    /// The matter that it was done for, from which some are recused (R130).
    pub matter: Option<MatterId>,
}

/// A [`FlaggedEventsOpened`] from before there were matters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlaggedEventsOpenedV1 {
    /// Which, each once.
    pub events: Vec<FlaggedEventId>,
    /// What for.
    pub purpose: OpeningPurpose,
}

impl From<FlaggedEventsOpenedV1> for FlaggedEventsOpenedV2 {
    fn from(FlaggedEventsOpenedV1 { events, purpose }: FlaggedEventsOpenedV1) -> Self {
        Self { events, purpose, matter: None }
    }
}

impl From<FlaggedEventsOpenedV2> for FlaggedEventsOpened {
    fn from(FlaggedEventsOpenedV2 { events, purpose, matter }: FlaggedEventsOpenedV2) -> Self {
        Self { events, purpose, matter, roles: vec![] }
    }
}

family!(
    /// What is decided about a name that a filter sends, known by its pseudonym; stream `pseudonym-<16 hex digits>`, owned by
    /// the school.
    PseudonymEvent {
        /// Somebody says that the name is to be forgotten; it takes a second one.
        ForgettingProposed(PseudonymForgettingProposed) = "pseudonym-forgetting-proposed" 1,
        /// The name is not to be forgotten after all.
        ForgettingWithdrawn(PseudonymForgettingWithdrawn) = "pseudonym-forgetting-withdrawn" 1,
        /// The name must not be forgotten from now on (R276).
        HoldPlaced(PseudonymHoldPlaced) = "pseudonym-hold-placed" 1,
        /// Nothing stands in the way of forgetting the name any more.
        HoldLifted(PseudonymHoldLifted) = "pseudonym-hold-lifted" 1,
        /// The name is forgotten: the key of it, and of what was asked for under it, is destroyed.
        Forgotten(PseudonymForgotten) = "pseudonym-forgotten" 1,
    }
);

/// See [`PseudonymEvent::ForgettingProposed`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PseudonymForgettingProposed {
    /// Why.
    pub ground: ForgettingGround,
    /// Who says so, as the log knows them.
    pub by: String,
}

/// See [`PseudonymEvent::ForgettingWithdrawn`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PseudonymForgettingWithdrawn {}

/// See [`PseudonymEvent::HoldPlaced`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PseudonymHoldPlaced {
    /// Why.
    pub reason: HoldReason,
}

/// See [`PseudonymEvent::HoldLifted`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PseudonymHoldLifted {}

/// See [`PseudonymEvent::Forgotten`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PseudonymForgotten {
    /// Why.
    pub ground: ForgettingGround,
}
