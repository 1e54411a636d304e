//! When it is browsed: a school day in London time, busy in lessons and quieter between them.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use rand::{Rng, RngExt};
use schema::london_day_bounds;

/// Minutes since midnight: from, up to, and how busy a minute is.
const TIMETABLE: [(u32, u32, u32); 7] = [
    (510, 530, 6),  // registration
    (530, 650, 20), // lessons
    (650, 670, 7),  // break
    (670, 790, 20), // lessons
    (790, 840, 9),  // lunch
    (840, 920, 20), // lessons
    (920, 930, 5),  // home
];

/// Instants of `count` requests on a Monday to Friday, in order. Clocks change on Sundays: no such day has an odd length.
pub(super) fn instants(rng: &mut impl Rng, date: NaiveDate, count: u32) -> Vec<DateTime<Utc>> {
    let midnight = london_day_bounds(date).0;
    let mut millis: Vec<u32> = (0..count).map(|_| millisecond(rng)).collect();
    millis.sort_unstable();
    millis.into_iter().map(|millis| midnight + TimeDelta::milliseconds(millis.into())).collect()
}

fn millisecond(rng: &mut impl Rng) -> u32 {
    let all: u32 = TIMETABLE.iter().map(|(from, to, busy)| (to - from) * busy).sum();
    let mut drawn = rng.random_range(0..all);
    let mut minute = 0;
    for (from, to, busy) in TIMETABLE {
        minute = from + drawn / busy;
        let share = (to - from) * busy;
        if drawn < share {
            break;
        }
        drawn -= share;
    }
    minute * 60_000 + rng.random_range(0..60_000)
}

#[cfg(test)]
mod tests {
    use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};

    use super::*;

    #[test]
    fn a_day_runs_from_half_past_eight_to_half_past_three_in_london_and_is_busiest_in_lessons() {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
        let summer = NaiveDate::from_ymd_opt(2026, 6, 19).unwrap();
        let instants = instants(&mut rng, summer, 20_000);
        assert!(instants.is_sorted());
        assert!(instants[0] >= "2026-06-19T07:30:00Z".parse::<DateTime<Utc>>().unwrap());
        assert!(instants[19_999] < "2026-06-19T14:30:00Z".parse::<DateTime<Utc>>().unwrap());
        let in_20_minutes_from = |from: &str| {
            let from: DateTime<Utc> = from.parse().unwrap();
            instants.iter().filter(|t| (from..from + TimeDelta::minutes(20)).contains(t)).count()
        };
        let (lesson, pause) = (in_20_minutes_from("2026-06-19T09:00:00Z"), in_20_minutes_from("2026-06-19T09:50:00Z"));
        assert!(lesson > 2 * pause, "{lesson} in 20 minutes of a lesson, {pause} in the break");
    }
}
