//! `token_wait`: how long a query takes that must show what a mutation has just done, beside the same query that need
//! not.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use access::dev_issuer::DevIssuer;
use anyhow::{Context, Result, ensure};
use chrono::TimeDelta;
use database::{connect, scratch};
use directory::DirectoryView;
use eventlog::catch_up;
use reqwest::Client;
use schema::SchoolId;
use serde_json::{Value, json};
use wardlog::serve::Role;
use web::clock;

use crate::{
    clients::{Pace, run},
    options::Effort,
    report::{Measurement, alternate},
    schools::{any_of, lead, limits::fill_the_log},
    serving::Serving,
    sources,
};

/// How many clients do one mutation and one query after another.
const CLIENTS: usize = 8;

/// How many schools they are of.
const SCHOOLS: u32 = 6_400;

const MUTATION: &str = "mutation($id: String!, $input: RegisterSourceInput!) {
    registerSource(commandId: $id, input: $input) { done { sourceId } refused { reason } token } }";
const QUERY: &str = "query($school: UUID!) { school(id: $school) { sources { id } } }";

/// Measures with the gateway, the directory and the projections in one process, as in `wardlog serve`.
pub async fn measure(effort: Effort) -> Result<[Measurement; 2]> {
    let database = scratch::database().await;
    fill_the_log(&database, SCHOOLS, 1).await?;
    let projections = connect(&database, database::Role::Projections, 2).await?;
    catch_up(&projections, &DirectoryView).await?;
    projections.close().await;
    let roles = [Role::Gateway, Role::Directory, Role::Projections];
    let serving = Serving::start(&database, roles).await?;
    let url = format!("http://{}/graphql", serving.running.address);
    let app = Arc::new(App { http: Client::new(), issuer: Arc::clone(&serving.issuer), url });
    let rounds = async |waits| {
        let app = Arc::clone(&app);
        run(CLIENTS, effort, move |_| {
            let app = Arc::clone(&app);
            async move { app.round(any_of(SCHOOLS), waits).await }
        })
        .await
    };
    let (runs, limit) = alternate(effort.runs, async || rounds(true).await, async || rounds(false).await).await?;
    serving.stop().await?;
    sources::remove(database).await?;
    let both = (runs.as_slice(), limit.as_slice());
    let what = "the same query after the same mutation, without its token";
    Ok([
        Measurement::of(("token_wait_p50", "ms (p50)"), both, what, |pace: &Pace| pace.p50),
        Measurement::of(("token_wait_p99", "ms (p99)"), both, what, |pace: &Pace| pace.p99),
    ])
}

struct App {
    http: Client,
    issuer: Arc<DevIssuer>,
    url: String,
}

impl App {
    /// Registers a filter and asks for the school's filters; how long the query took.
    async fn round(&self, school: SchoolId, waits: bool) -> Result<Duration> {
        let caller = lead(school)?;
        let token = self.issuer.mint(&caller.subject, caller.roles.clone(), clock::now(), TimeDelta::minutes(5));
        let input = json!({ "schoolId": school, "name": clock::random_id(), "vocabulary": "UT1" });
        let variables = json!({ "id": clock::random_id(), "input": input });
        let told = self.ask(&token, json!({ "query": MUTATION, "variables": variables })).await?;
        let told = &told["registerSource"];
        let source = told["done"]["sourceId"].as_str().with_context(|| format!("not registered: {told}"))?;
        let after = if waits { &told["token"] } else { &Value::Null };
        let query = json!({ "query": QUERY, "variables": { "school": school }, "extensions": { "after": after } });
        let began = Instant::now();
        let shown = self.ask(&token, query).await?;
        let took = began.elapsed();
        let sources = shown["school"]["sources"].as_array().context("expected the school's filters")?;
        ensure!(!waits || sources.iter().any(|shown| shown["id"] == source), "the answer does not show the filter");
        Ok(took)
    }

    async fn ask(&self, token: &str, body: Value) -> Result<Value> {
        let answer = self.http.post(&self.url).bearer_auth(token).json(&body).send().await?;
        let mut answer: Value = answer.json().await?;
        ensure!(answer.get("errors").is_none(), "the gateway answered {answer}");
        Ok(answer["data"].take())
    }
}
