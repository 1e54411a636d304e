//! Times that do not tell how much there was to look at.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// Many times what it takes to look for a matter, or through one list of what was done for some.
const STEP: Duration = Duration::from_millis(20);

/// Waits until a whole number of steps, each of 20 ms for each of as many lists as were looked through, has gone since `began`.
pub async fn whole(began: Instant, lists: u32) {
    if lists > 0 {
        sleep_until(began + in_steps(began.elapsed(), STEP * lists)).await;
    }
}

fn in_steps(gone: Duration, step: Duration) -> Duration {
    let gone = gone.as_millis() / step.as_millis();
    step * u32::try_from(gone + 1).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn what_takes_longer_takes_as_long_as_the_next_step() {
        for (takes, in_all) in [(0, 20), (3, 20), (19, 20), (20, 40), (41, 60)] {
            assert_eq!(in_steps(Duration::from_millis(takes), STEP), Duration::from_millis(in_all), "{takes}");
        }
        for (takes, in_all) in [(0, 60), (41, 60), (61, 120)] {
            assert_eq!(in_steps(Duration::from_millis(takes), 3 * STEP), Duration::from_millis(in_all), "{takes}");
        }
    }

    #[tokio::test]
    async fn nobody_waits_who_looked_through_no_list() {
        assert!(whole(Instant::now(), 0).now_or_never().is_some());
        assert!(whole(Instant::now(), 1).now_or_never().is_none());
    }
}
