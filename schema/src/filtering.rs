//! What is decided about filter events; the events themselves are in the telemetry log.

use serde::{Deserialize, Serialize};

use crate::{FlaggedEventId, MatterId, envelope::family, people::ForgettingGround, vocabulary::vocabulary};

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
    /// An opening of what is sealed of flagged events (R133); stream `opening-<id>`, owned by the school whose they are.
    OpeningEvent {
        /// Somebody was shown who asked for what.
        Opened(FlaggedEventsOpened) = "flagged-events-opened" 2 from { 1: FlaggedEventsOpenedV1 },
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
}

/// A [`FlaggedEventsOpened`] from before there were matters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlaggedEventsOpenedV1 {
    /// Which, each once.
    pub events: Vec<FlaggedEventId>,
    /// What for.
    pub purpose: OpeningPurpose,
}

impl From<FlaggedEventsOpenedV1> for FlaggedEventsOpened {
    fn from(FlaggedEventsOpenedV1 { events, purpose }: FlaggedEventsOpenedV1) -> Self {
        Self { events, purpose, matter: None }
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

/// See [`PseudonymEvent::Forgotten`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PseudonymForgotten {
    /// Why.
    pub ground: ForgettingGround,
}
