//! Times that do not tell how much there was to look at.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// Many times what it takes to look for a matter, or through a list of what was done for some.
const STEP: Duration = Duration::from_millis(20);

/// Waits until a whole number of steps, each of 20 ms, has gone since `began`.
pub async fn whole(began: Instant) {
    sleep_until(began + in_steps(began.elapsed())).await;
}

fn in_steps(gone: Duration) -> Duration {
    let gone = gone.as_millis() / STEP.as_millis();
    STEP * u32::try_from(gone + 1).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_takes_longer_takes_as_long_as_the_next_step() {
        for (takes, in_all) in [(0, 20), (3, 20), (19, 20), (20, 40), (41, 60)] {
            assert_eq!(in_steps(Duration::from_millis(takes)), Duration::from_millis(in_all), "{takes}");
        }
    }
}
