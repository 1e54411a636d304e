//! What a demo can be told on the command line, and which day it is about.

use std::net::SocketAddr;

use anyhow::{Result, ensure};
use chrono::{DateTime, Datelike, Days, NaiveDate, TimeDelta, Utc, Weekday};
use clap::{Args, value_parser};
use schema::{TrustUid, london_day, london_day_bounds};

use super::generate::Shape;

/// `wardlog demo`.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// Where to listen
    #[arg(long, default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,
    /// The trust whose schools send, by its uid in the register
    #[arg(long, default_value = "5143")]
    pub trust_uid: TrustUid,
    /// Requests per pupil of a usual secondary school
    #[arg(long, default_value_t = 6, value_parser = value_parser!(u32).range(1..=500))]
    pub events_per_pupil: u32,
    /// Another seed is another day
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// The school day, at most 7 days ago; the latest one that is over, unless given
    #[arg(long)]
    pub date: Option<NaiveDate>,
    /// Events in a batch
    #[arg(long, default_value_t = 500, value_parser = value_parser!(u32).range(1..=10_000))]
    pub batch: u32,
    /// Requests of a category of concern, in percent of the usual
    #[arg(long, default_value_t = 100, value_parser = value_parser!(u32).range(0..=1_000))]
    pub concern: u32,
    /// Requests of high concern, in percent of the usual
    #[arg(long, default_value_t = 100, value_parser = value_parser!(u32).range(0..=1_000))]
    pub high_concern: u32,
    /// In percent: batches sent again under their own ids, and as many whose events are sent again under a new one
    #[arg(long, default_value_t = 2, value_parser = value_parser!(u32).range(0..=100))]
    pub duplicates: u32,
    /// Leave out the real filters, though they are installed
    #[arg(long)]
    pub no_real_filters: bool,
    /// Print, compare and stop: success only if what GraphQL answers is what was sent
    #[arg(long)]
    pub once: bool,
}

impl Options {
    /// How the day is to look.
    pub fn shape(&self) -> Shape {
        Shape { events_per_pupil: self.events_per_pupil, concern: self.concern, high_concern: self.high_concern }
    }

    /// The school day that is sent at `now`: one that is over, and that the door still takes.
    pub fn school_day(&self, now: DateTime<Utc>) -> Result<NaiveDate> {
        let Some(date) = self.date else { return Ok(latest_school_day(now)) };
        ensure!(is_school_day(date), "--date {date}: expected a Monday to Friday");
        let (begins, ends) = london_day_bounds(date);
        ensure!(ends <= now, "--date {date}: expected a day that is over in London");
        // Counted from midnight there are hours left for sending before the first lesson is too old.
        ensure!(
            begins >= now - TimeDelta::days(8),
            "--date {date}: expected a day of the last 7: the door takes nothing older"
        );
        Ok(date)
    }
}

fn is_school_day(date: NaiveDate) -> bool {
    !matches!(date.weekday(), Weekday::Sat | Weekday::Sun)
}

fn latest_school_day(now: DateTime<Utc>) -> NaiveDate {
    let today = london_day(now);
    (1..=3).map(|days| today - Days::new(days)).find(|&date| is_school_day(date)).unwrap_or(today)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Demo {
        #[command(flatten)]
        options: Options,
    }

    fn day(flags: &[&str], now: &str) -> Result<String> {
        let options = Demo::parse_from([&["demo"], flags].concat()).options;
        Ok(options.school_day(now.parse()?)?.to_string())
    }

    #[test]
    fn without_a_date_it_is_the_latest_school_day_that_is_over_in_london() {
        for (now, date) in [
            ("2026-11-22T12:00:00Z", "2026-11-20"), // Sunday
            ("2026-11-23T12:00:00Z", "2026-11-20"), // Monday
            ("2026-11-24T00:00:00Z", "2026-11-23"), // Tuesday
            ("2026-06-18T22:59:59Z", "2026-06-17"), // Thursday in London
            ("2026-06-18T23:00:00Z", "2026-06-18"), // Friday in London
        ] {
            assert_eq!(day(&[], now).unwrap(), date, "{now}");
        }
    }

    #[test]
    fn a_date_that_the_door_would_refuse_is_refused_with_the_reason() {
        let now = "2026-11-22T12:00:00Z";
        assert_eq!(day(&["--date", "2026-11-16"], now).unwrap(), "2026-11-16");
        for (date, reason) in [("2026-11-21", "Monday"), ("2026-11-23", "over"), ("2026-11-13", "last 7")] {
            let refused = day(&["--date", date], now).unwrap_err().to_string();
            assert!(refused.contains(reason), "{refused}");
        }
        assert!(day(&["--date", "2026-11-20"], "2026-11-20T23:59:59Z").unwrap_err().to_string().contains("over"));
    }
}
