//! Who may send now: a budget of memory for everyone, and a share of it that one source can hold.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use schema::SourceId;

/// One source holds at most this part of the budget, so that one noisy school cannot starve the others.
const SHARE: usize = 4;

/// The time over which the drain rate is measured.
const WINDOW: Duration = Duration::from_secs(10);

/// The longest wait that is asked for, in seconds.
const LONGEST: u64 = 60;

/// Too much is being read already; ask again after so many seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Busy {
    /// This source alone sends too much at once.
    Source {
        /// Seconds to wait.
        retry_after: u64,
    },
    /// Everyone together does.
    Everyone {
        /// Seconds to wait.
        retry_after: u64,
    },
}

/// The memory budget of the door, in bytes.
#[derive(Debug, Clone)]
pub struct Admission {
    budget: usize,
    held: Arc<Mutex<Held>>,
}

#[derive(Debug)]
struct Held {
    bytes: usize,
    by_source: HashMap<SourceId, usize>,
    window_began: Instant,
    drained: usize,
    rate: f64,
}

impl Admission {
    /// A door that holds at most `budget` bytes of requests in memory.
    pub fn new(budget: usize, now: Instant) -> Self {
        let held = Held { bytes: 0, by_source: HashMap::new(), window_began: now, drained: 0, rate: 0.0 };
        Self { budget, held: Arc::new(Mutex::new(held)) }
    }

    /// Admits a request that may need `bytes`; they are held until the ticket is dropped.
    pub fn admit(&self, source: SourceId, bytes: usize, now: Instant) -> Result<Ticket, Busy> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.roll(now);
        let of_source = held.by_source.get(&source).copied().unwrap_or(0);
        // A source that holds nothing is let in whatever its share, or a large batch could never be sent.
        if of_source > 0 && of_source + bytes > self.budget / SHARE {
            return Err(Busy::Source { retry_after: held.seconds_to_drain(of_source) });
        }
        if held.bytes > 0 && held.bytes + bytes > self.budget {
            return Err(Busy::Everyone { retry_after: held.seconds_to_drain(held.bytes) });
        }
        held.bytes += bytes;
        *held.by_source.entry(source).or_default() += bytes;
        drop(held);
        Ok(Ticket { held: Arc::clone(&self.held), source, bytes })
    }
}

impl Held {
    #[expect(clippy::cast_precision_loss, reason = "a rate for advice, not for accounts")]
    fn roll(&mut self, now: Instant) {
        let elapsed = now.saturating_duration_since(self.window_began);
        if elapsed >= WINDOW {
            self.rate = self.drained as f64 / elapsed.as_secs_f64();
            self.drained = 0;
            self.window_began = now;
        }
    }

    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped to 1 to 60 seconds"
    )]
    fn seconds_to_drain(&self, bytes: usize) -> u64 {
        if self.rate < 1.0 { 1 } else { (bytes as f64 / self.rate).ceil().clamp(1.0, LONGEST as f64) as u64 }
    }
}

/// Admission of one request; dropping it gives its memory back.
#[derive(Debug)]
pub struct Ticket {
    held: Arc<Mutex<Held>>,
    source: SourceId,
    bytes: usize,
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.bytes -= self.bytes;
        held.drained += self.bytes;
        if let Some(of_source) = held.by_source.get_mut(&self.source) {
            *of_source -= self.bytes;
            if *of_source == 0 {
                held.by_source.remove(&self.source);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn source(n: u128) -> SourceId {
        Uuid::from_u128(n).into()
    }

    #[test]
    fn a_noisy_source_is_turned_away_while_others_are_let_in() {
        let now = Instant::now();
        let door = Admission::new(1_000, now);
        let first = door.admit(source(1), 200, now).unwrap();
        assert_eq!(door.admit(source(1), 200, now).unwrap_err(), Busy::Source { retry_after: 1 });
        let others: Vec<_> = (2..6).map(|n| door.admit(source(n), 200, now).unwrap()).collect();
        assert_eq!(door.admit(source(9), 200, now).unwrap_err(), Busy::Everyone { retry_after: 1 });
        drop((first, others));
        assert!(door.admit(source(1), 200, now).is_ok());
    }

    #[test]
    fn the_wait_is_what_it_takes_to_drain_what_is_held() {
        let start = Instant::now();
        let door = Admission::new(100_000, start);
        drop(door.admit(source(1), 10_000, start).unwrap());
        let later = start + Duration::from_secs(10);
        let _held = door.admit(source(1), 20_000, later).unwrap();
        // 10,000 bytes drained in 10 seconds: 20,000 take 20.
        assert_eq!(door.admit(source(1), 20_000, later).unwrap_err(), Busy::Source { retry_after: 20 });
    }
}
