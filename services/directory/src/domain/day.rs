//! The days that something here may be about.

use chrono::{Datelike, NaiveDate};

/// The day, if it is of this century: any other is a slip, and an event keeps it for ever.
pub fn of_this_century(day: NaiveDate) -> Option<NaiveDate> {
    (2000..2100).contains(&day.year()).then_some(day)
}
