//! Days and months are London's; instants are UTC.

use std::{fmt, str::FromStr};

use chrono::{DateTime, Datelike, Days, Months, NaiveDate, NaiveTime, TimeZone, Utc};
use chrono_tz::Europe::London;

use crate::IdError;

/// The calendar day in London at `instant`.
pub fn london_day(instant: DateTime<Utc>) -> NaiveDate {
    instant.with_timezone(&London).date_naive()
}

/// A calendar month in London, such as `2026-11`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Month(NaiveDate);

impl Month {
    /// The month that `day` lies in.
    pub fn of(day: NaiveDate) -> Self {
        Self(day - Days::new(u64::from(day.day0())))
    }

    /// Its first day.
    pub fn first_day(self) -> NaiveDate {
        self.0
    }

    /// The first day of the month after it.
    pub fn end(self) -> NaiveDate {
        self.0 + Months::new(1)
    }
}

/// The instant at which `day` begins in London; midnight there is never skipped or doubled, for clocks change at 1 a.m.
fn london_midnight(day: NaiveDate) -> DateTime<Utc> {
    London
        .from_local_datetime(&day.and_time(NaiveTime::MIN))
        .earliest()
        .map_or_else(|| day.and_time(NaiveTime::MIN).and_utc(), |local| local.with_timezone(&Utc))
}

/// The instants at which a London day begins and ends: 23, 24 or 25 hours apart.
pub fn london_day_bounds(day: NaiveDate) -> (DateTime<Utc>, DateTime<Utc>) {
    (london_midnight(day), london_midnight(day + Days::new(1)))
}

impl FromStr for Month {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let wrong = IdError { expected: "a month as YYYY-MM" };
        if text.len() != 7 || !text.starts_with(|c: char| c.is_ascii_digit()) {
            return Err(wrong);
        }
        NaiveDate::parse_from_str(&format!("{text}-01"), "%Y-%m-%d").map(Self).map_err(|_| wrong)
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.format("%Y-%m"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_is_written_as_it_is_read() {
        let month: Month = "2026-02".parse().unwrap();
        assert_eq!(month.to_string(), "2026-02");
        assert_eq!(month.end(), NaiveDate::from_ymd_opt(2026, 3, 1).unwrap());
        for wrong in ["2026-13", "2026-2", "2026-02-01", "x", "+026-02"] {
            assert!(wrong.parse::<Month>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_last_hour_of_a_summer_month_in_utc_is_the_next_month_in_london() {
        let instant: DateTime<Utc> = "2026-06-30T23:30:00Z".parse().unwrap();
        assert_eq!(Month::of(london_day(instant)).to_string(), "2026-07");
    }

    #[test]
    fn the_days_on_which_clocks_change_have_23_and_25_hours() {
        let hours = |y, m, d| {
            let (from, to) = london_day_bounds(NaiveDate::from_ymd_opt(y, m, d).unwrap());
            (to - from).num_hours()
        };
        assert_eq!((hours(2026, 3, 29), hours(2026, 10, 25), hours(2026, 11, 20)), (23, 25, 24));
    }
}
