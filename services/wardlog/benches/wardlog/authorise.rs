//! `authorise_p50`, `authorise_p99`: what a decision costs. `point_read`: what deciding and row-level security add to a read.

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use access::{Caller, Facts, HeldRole, HeldRoles, tenant};
use anyhow::{Context, Result, ensure};
use comparison::views::schools::{School, school};
use database::{connect, scratch, transact};
use directory::DirectoryView;
use eventlog::{Owner, catch_up};
use schema::{SchoolId, people::StaffRole};
use sqlx::{PgPool, postgres::PgPoolOptions};
use uuid::Uuid;

use crate::{
    options::Effort,
    report::{Limit, Measurement, alternate},
    schools::{any_of, lead, limits::fill_the_log},
    sources,
};

/// What a decision may take, in microseconds.
const PROMISE: f64 = 50.0;

/// By what a read may take longer for being decided, in milliseconds.
const DEARER: f64 = 0.2;

/// How many schools there are to read.
const SCHOOLS: u32 = 6_400;

/// Measures decisions about somebody with three roles, as the gateway asks for each field.
pub fn decisions(effort: Effort) -> Result<[Measurement; 2]> {
    let school: SchoolId = Uuid::from_u128(1).into();
    let at = Owner::School(school);
    let roles: HeldRoles = [StaffRole::Headteacher, StaffRole::Dsl, StaffRole::Dpo]
        .into_iter()
        .map(|role| HeldRole { role, at })
        .collect();
    let caller = Caller { roles, ..lead(school)? };
    ensure!(access::may(&caller, "read-days", at, &Facts::default()), "a DSL may read days");
    let (mut medians, mut tails) = (Vec::new(), Vec::new());
    for _ in 0..effort.runs {
        let (began, mut took) = (Instant::now(), Vec::new());
        while began.elapsed() < effort.window {
            let asked = Instant::now();
            black_box(access::may(&caller, "read-days", at, &Facts::default()));
            took.push(asked.elapsed());
        }
        took.sort_unstable();
        medians.push(percentile(&took, 50)?.as_secs_f64() * 1e6);
        tails.push(percentile(&took, 99)?.as_secs_f64() * 1e6);
    }
    let limit = || Limit { what: "a decision's promise", runs: vec![PROMISE] };
    Ok([
        Measurement::new("authorise_p50", "µs (p50)", medians, &limit()),
        Measurement::new("authorise_p99", "µs (p99)", tails, &limit()).below(PROMISE),
    ])
}

/// Measures one school's row, read by its DSL, beside the same by a login that no policy holds, asked of nobody.
pub async fn reads(effort: Effort) -> Result<Measurement> {
    let database = scratch::database().await;
    fill_the_log(&database, SCHOOLS, 1).await?;
    let projections = connect(&database, database::Role::Projections, 2).await?;
    catch_up(&projections, &DirectoryView).await?;
    projections.close().await;
    let gateway = connect(&database, database::Role::Gateway, 1).await?;
    let owner = PgPoolOptions::new().max_connections(1).connect_with(database.clone()).await?;
    let (runs, limit) = alternate(
        effort.runs,
        async || median(effort, async || decided(&gateway, any_of(SCHOOLS)).await).await,
        async || median(effort, async || undecided(&owner, any_of(SCHOOLS)).await).await,
    )
    .await?;
    gateway.close().await;
    owner.close().await;
    sources::remove(database).await?;
    let dearest = limit.iter().copied().fold(f64::INFINITY, f64::min) + DEARER;
    let limit = Limit { what: "the same read without policy and row-level security", runs: limit };
    Ok(Measurement::new("point_read", "ms (p50)", runs, &limit).below(dearest))
}

async fn decided(gateway: &PgPool, id: SchoolId) -> Result<()> {
    let caller = lead(id)?;
    let row = tenant::read(gateway, caller.roles.scopes(), move |c| Box::pin(school(c, id))).await?;
    row.filter(|_| access::may(&caller, "view-school", Owner::School(id), &Facts::default()))
        .context("expected the school")?;
    Ok(())
}

/// The same row, by whoever may have every row.
async fn undecided(owner: &PgPool, id: SchoolId) -> Result<()> {
    let row = transact(owner, move |c| {
        Box::pin(async move {
            sqlx::query_as!(
                School,
                r#"SELECT school_id AS "school_id!", urn AS "urn!", name AS "name!", phase AS "phase!", status AS "status!",
                          pupils,
                          ARRAY(SELECT DISTINCT m.trust_id FROM published.membership_v1 m WHERE m.school_id = $1) AS "trusts!"
                   FROM published.school_v1 WHERE school_id = $1"#,
                Uuid::from(id),
            )
            .fetch_optional(c)
            .await
        })
    });
    row.await?.context("expected the school")?;
    Ok(())
}

/// The median of what one takes, in milliseconds.
async fn median(effort: Effort, mut one: impl AsyncFnMut() -> Result<()>) -> Result<f64> {
    let (began, mut took) = (Instant::now(), Vec::new());
    while began.elapsed() < effort.window {
        let asked = Instant::now();
        one().await?;
        took.push(asked.elapsed());
    }
    took.sort_unstable();
    Ok(percentile(&took, 50)?.as_secs_f64() * 1e3)
}

fn percentile(sorted: &[Duration], percent: usize) -> Result<Duration> {
    sorted.get(sorted.len() * percent / 100).copied().context("nothing was measured")
}
