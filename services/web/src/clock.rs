//! The one place that reads the clock and makes ids; everything else is handed them.

use chrono::{DateTime, Utc};
use uuid::Uuid;

/// The time now.
#[expect(clippy::disallowed_methods, reason = "the edge, where time enters the program")]
pub fn now() -> DateTime<Utc> {
    Utc::now()
}

/// A fresh id that begins with the time (version 7): ids made later sort later.
#[expect(clippy::disallowed_methods, reason = "the edge, where ids enter the program")]
pub fn ordered_id() -> Uuid {
    Uuid::now_v7()
}

/// A fresh id of nothing but randomness (version 4), for one that must not tell when it was made.
#[expect(clippy::disallowed_methods, reason = "the edge, where ids enter the program")]
pub fn random_id() -> Uuid {
    Uuid::new_v4()
}
