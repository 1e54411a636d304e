//! Clients that each do one thing after another, and how long each thing took.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tokio::task::JoinSet;

use crate::{load::per_second, options::Effort};

/// What all clients together did in the window of a run.
pub struct Pace {
    /// Things done in a second.
    pub per_second: f64,
    /// The milliseconds that half of them did not exceed.
    pub p50: f64,
    /// The milliseconds that 99 of 100 did not exceed.
    pub p99: f64,
}

/// Has every client act for as long as `effort` says. It is told the client's number, and says how long the part of it
/// took that is measured.
pub async fn run<A, F>(clients: usize, effort: Effort, act: A) -> Result<Pace>
where
    A: Fn(usize) -> F + Clone + Send + 'static,
    F: Future<Output = Result<Duration>> + Send,
{
    let from = Instant::now() + effort.warm_up;
    let to = from + effort.window;
    let mut running = JoinSet::new();
    for client in 0..clients {
        let act = act.clone();
        running.spawn(async move {
            let mut times = Vec::new();
            while Instant::now() < to {
                let took = act(client).await?;
                if (from..to).contains(&Instant::now()) {
                    times.push(took);
                }
            }
            anyhow::Ok(times)
        });
    }
    let mut times = Vec::new();
    while let Some(ended) = running.join_next().await {
        times.extend(ended??);
    }
    let per_second = per_second(times.len() as u64, effort.window);
    let within = |percent| percentile(&mut times, percent).context("nothing was done in time");
    let [p50, p99] = [50, 99].map(within);
    Ok(Pace { per_second, p50: p50?, p99: p99? })
}

/// How long `work` takes.
pub async fn timed<T>(work: impl Future<Output = Result<T>>) -> Result<Duration> {
    let began = Instant::now();
    work.await?;
    Ok(began.elapsed())
}

/// The milliseconds that `percent` of 100 times do not exceed.
pub fn percentile(times: &mut [Duration], percent: usize) -> Option<f64> {
    times.sort_unstable();
    let at = (times.len() * percent).div_ceil(100).saturating_sub(1);
    times.get(at).map(|time| time.as_secs_f64() * 1_000.0)
}
