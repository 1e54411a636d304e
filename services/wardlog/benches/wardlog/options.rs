//! What is measured, and how long.

use std::time::Duration;

use clap::Parser;

/// The benchmarks of Wardlog.
#[derive(Debug, Parser)]
pub struct Options {
    /// Measure these alone, by name: `ingest_door`, `ingest_sustained`, `append`, `command`, `token_wait`, `replay`, `seal`, `open`, `disclose`, `authorise`, `point_read`, `visible_latency`, `memory_idle`, `memory_full`
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// One short run of each: to see that it works, not to be quoted
    #[arg(long)]
    quick: bool,
    /// Given by `cargo bench`
    #[arg(long, hide = true)]
    bench: bool,
}

/// How much is done for one measurement.
#[derive(Debug, Clone, Copy)]
pub struct Effort {
    /// Runs of the value, and as many of its limit.
    pub runs: usize,
    /// How long a run goes before it is measured.
    pub warm_up: Duration,
    /// How long a run is measured.
    pub window: Duration,
}

impl Options {
    /// Whether `name` is to be measured.
    pub fn wants(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only == name)
    }

    /// The effort that was asked for.
    pub fn effort(&self) -> Effort {
        let seconds = Duration::from_secs;
        if self.quick {
            Effort { runs: 1, warm_up: seconds(1), window: seconds(2) }
        } else {
            Effort { runs: 5, warm_up: seconds(2), window: seconds(6) }
        }
    }
}
