//! `command`: whole commands per second, sent to the directory's listener as the gateway sends them, beside the bare
//! append of the same event.

use std::sync::Arc;

use access::Exchange;
use anyhow::{Result, ensure};
use database::scratch;
use directory::{commands::RegisterSource, http::SERVICE};
use eventlog::Owner;
use reqwest::{Client, StatusCode, Url};
use schema::{
    SchoolId, SourceId, Vocabulary,
    directory::{SourceEvent, SourceRegistered},
};
use sqlx::PgPool;
use wardlog::serve::Role;
use web::{clock, command::Command};

use crate::{
    append::{CONNECTIONS, log::append_one, with_connections},
    clients::{Pace, run, timed},
    options::Effort,
    report::{Measurement, alternate},
    schools::{any_of, lead, limits::fill_the_log},
    serving::{Serving, secret},
    sources,
};

/// How many schools register filters.
const SCHOOLS: u32 = 640;

/// Measures as many clients as the limit has connections: each registers one filter after another, each of any school.
pub async fn measure(effort: Effort) -> Result<[Measurement; 2]> {
    let database = scratch::database().await;
    fill_the_log(&database, SCHOOLS, 1).await?;
    let serving = Serving::start(&database, [Role::Gateway, Role::Directory]).await?;
    let mut to = serving.running.internal_address.clone();
    to.set_path(&format!("/{SERVICE}/commands/{}", RegisterSource::NAME));
    let sender = Arc::new(Sender { http: Client::new(), exchange: Exchange::new(&secret())?, to });
    let (runs, limit) = alternate(
        effort.runs,
        async || {
            let sender = Arc::clone(&sender);
            run(CONNECTIONS, effort, move |_| {
                let sender = Arc::clone(&sender);
                async move { timed(sender.register(any_of(SCHOOLS))).await }
            })
            .await
        },
        async || {
            with_connections(&database, CONNECTIONS, async |pool| {
                run(CONNECTIONS, effort, move |_| {
                    let pool = pool.clone();
                    async move { timed(append(&pool, any_of(SCHOOLS))).await }
                })
                .await
            })
            .await
        },
    )
    .await?;
    serving.stop().await?;
    sources::remove(database).await?;
    let what = "the bare append of the same event, by as many connections";
    let both = (runs.as_slice(), limit.as_slice());
    Ok([
        Measurement::of(("command", "commands/s"), both, what, |pace: &Pace| pace.per_second),
        Measurement::of(("command_p99", "ms (p99)"), both, what, |pace: &Pace| pace.p99),
    ])
}

struct Sender {
    http: Client,
    exchange: Exchange,
    to: Url,
}

impl Sender {
    async fn register(&self, school: SchoolId) -> Result<()> {
        let command =
            RegisterSource { school, name: clock::random_id().to_string().parse()?, vocabulary: Vocabulary::Ut1 };
        let token = self.exchange.exchange(&lead(school)?, SERVICE, clock::now());
        let request = self.http.post(self.to.clone()).bearer_auth(token).json(&command);
        let ids = [("Idempotency-Key", clock::random_id()), ("Correlation-Id", clock::random_id())];
        let request = ids.into_iter().fold(request, |request, (name, id)| request.header(name, id.to_string()));
        let answer = request.send().await?;
        let (status, text) = (answer.status(), answer.text().await?);
        ensure!(status == StatusCode::OK, "the directory answered {status}: {text}");
        Ok(())
    }
}

async fn append(pool: &PgPool, school: SchoolId) -> Result<()> {
    let source = SourceId::from(clock::random_id());
    let event = SourceRegistered { source, school, name: clock::random_id().to_string(), vocabulary: Vocabulary::Ut1 };
    append_one(pool, Owner::School(school), format!("source-{source}"), 0, SourceEvent::Registered(event)).await
}
