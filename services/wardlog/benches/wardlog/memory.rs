//! `memory_idle` and `memory_full`: the resident memory of a `wardlog serve` of its own, with every role.

use std::sync::Arc;

use anyhow::Result;
use web::clock;

use crate::{
    body::Body,
    door::MEMORY,
    load::Load,
    options::Effort,
    process::Process,
    report::{Limit, Measurement},
    sources::Place,
};

/// Measures both in each run: at rest after the start, and the most under full load.
pub async fn measure(effort: Effort) -> Result<[Measurement; 2]> {
    let bodies = Arc::new(Body::make_all(clock::now())?);
    let (mut idle, mut full) = (Vec::new(), Vec::new());
    for _ in 0..effort.runs {
        let place = Place::make().await?;
        let process = Process::start(&place.database).await?;
        tokio::time::sleep(effort.warm_up).await;
        idle.push(process.memory("VmRSS")?);
        Load::new(process.address(), place.sources.clone(), Arc::clone(&bodies)).rate(effort).await?;
        full.push(process.memory("VmHWM")?);
        process.stop()?;
        place.remove().await?;
    }
    let budget = f64::from(u32::try_from(MEMORY >> 20)?);
    let limit = || Limit { what: "the door's budget for requests", runs: vec![budget] };
    Ok([
        Measurement::new("memory_idle", "MiB", idle, &limit()),
        Measurement::new("memory_full", "MiB (peak)", full, &limit()).below(budget),
    ])
}
