//! `disclose`: how many events of a school are looked through in a second for whoever asks what is held of them.

use std::{pin::pin, sync::Arc, time::Instant};

use anyhow::{Result, ensure};
use chrono::{Days, TimeDelta};
use database::{Role, connect};
use eventlog::{Owner, Wake, telemetry, telemetry::Writer};
use filtering::{
    Sink,
    commands::{Called, DiscloseName},
};
use futures_util::TryStreamExt;
use schema::SchoolId;
use uuid::Uuid;
use vault::Secret;
use web::{
    clock,
    command::{Means, Sent, carry_out},
};

use crate::{
    body::{Body, EVENTS},
    door::Door,
    load::{Load, per_second},
    options::Effort,
    report::{Limit, Measurement, alternate},
    sources::Place,
};

/// What is sent before: as much as a large school's filter sends in a day.
const BATCHES: u64 = 2_000;

/// What the command looks through at most has to be done in the ten seconds that it may take.
const PROMISE: f64 = 2_500_000.0;

/// Measures a whole command, beside the same batches read and not looked at.
pub async fn measure(effort: Effort) -> Result<Measurement> {
    let place = Place::make().await?;
    let vault = place.vault("filtering", Role::Filtering).await?;
    let door = Door::open(&place.database, vault, |pool| Sink::Log(Writer::start(pool, 2, &Wake::default()))).await?;
    let load = Load::new(door.address, place.sources[..1].to_vec(), Arc::new(Body::make_all(clock::now())?));
    load.send(BATCHES).await?;
    door.close().await;
    ensure!(load.accepted() == BATCHES * EVENTS as u64, "the door refused something");

    let (school, now) = (SchoolId::from(Uuid::from_u128(1)), clock::now());
    let pool = connect(&place.database, Role::Filtering, 2).await?;
    // The door's own connections have gone with it.
    let vault = place.vault("filtering", Role::Filtering).await?;
    let means = Means { pool: pool.clone(), vault, secret: Some(Secret::new([7; 32])) };
    let disclose = async || {
        let (from, to) = (now - TimeDelta::days(1), now + TimeDelta::hours(1));
        let command = DiscloseName { school, of: Called::User("pupil.123".to_owned()), from, to };
        let began = Instant::now();
        let told = carry_out(&means, Owner::School(school), command, Sent::here("bench"), clock::now()).await?;
        ensure!(!told.answer.requests.is_empty(), "nothing was found");
        Ok(per_second(load.accepted(), began.elapsed()))
    };
    let read = async || {
        let (today, began) = (now.date_naive(), Instant::now());
        let mut connection = pool.acquire().await?;
        let slices = telemetry::slices(&mut connection, school, (today - Days::new(1), today + Days::new(1)));
        let mut slices = pin!(slices);
        while slices.try_next().await?.is_some() {}
        Ok(per_second(load.accepted(), began.elapsed()))
    };
    let (runs, limit) = alternate(effort.runs, disclose, read).await?;
    drop(means);
    pool.close().await;
    place.remove().await?;
    let limit = Limit { what: "the same batches read and not looked at", runs: limit };
    Ok(Measurement::new("disclose", "events/s", runs, &limit).at_least(PROMISE))
}
