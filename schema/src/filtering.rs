//! What is decided about filter events; the events themselves are in the telemetry log.

use serde::{Deserialize, Serialize};

use crate::{FlaggedEventId, envelope::family, vocabulary::vocabulary};

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
        Opened(FlaggedEventsOpened) = "flagged-events-opened" 1,
    }
);

/// See [`OpeningEvent::Opened`]. Who opened is the event's actor, when its instant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlaggedEventsOpened {
    /// Which, each once.
    pub events: Vec<FlaggedEventId>,
    /// What for.
    pub purpose: OpeningPurpose,
}
