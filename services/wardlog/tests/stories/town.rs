//! What the stories start from: two trusts, their schools, filters with keys, tokens for people, and every role running.

use std::{collections::BTreeSet, net::SocketAddr, path::PathBuf};

use access::{IngestKey, Scope, Subject, dev_issuer::DevIssuer};
use chrono::{NaiveDate, TimeDelta};
use database::{Logins, Role, connect, scratch};
use directory::{DirectoryView, commands, domain::source::RegisterSource, views};
use eventlog::{Cause, catch_up};
use filtering::Secret;
use reqwest::{Client, StatusCode};
use schema::{SchoolId, SourceId, TrustId, Urn, Vocabulary};
use serde_json::{Value, json};
use sqlx::{PgPool, postgres::PgConnectOptions};
use tokio_util::sync::{CancellationToken, DropGuard};
use wardlog::serve::{self, Settings};
use web::clock;

/// Two trusts with two schools each, and a school of no trust.
pub const REGISTER: &str = "urn,name,la,phase,type,status,trust_uid,trust_name,pupils\n\
    100001,Ash Primary,Leeds,Primary,Academy converter,Open,11,NORTH TRUST,200\n\
    100002,Beech School,Leeds,Secondary,Academy converter,Open,11,NORTH TRUST,1000\n\
    100003,Cedar Primary,Kent,Primary,Academy converter,Open,22,SOUTH TRUST,300\n\
    100004,Damson School,Kent,Secondary,Academy converter,Open,22,SOUTH TRUST,900\n\
    100005,Elm Primary,Kent,Primary,Community school,Open,,,150\n";

/// A database with the register imported.
pub struct Records {
    pub database: PgConnectOptions,
    pub directory: PgPool,
    pub projections: PgPool,
}

/// Everything, running.
pub struct Town {
    pub records: Records,
    pub address: SocketAddr,
    pub issuer: DevIssuer,
    pub client: Client,
    _running: serve::Running,
    _stop: DropGuard,
}

impl Records {
    pub async fn import(database: PgConnectOptions, on: &str) -> Self {
        let directory = connect(&database, Role::Directory, 4).await.unwrap();
        let projections = connect(&database, Role::Projections, 4).await.unwrap();
        let records = Self { database, directory, projections };
        records.import_more(REGISTER, on).await;
        records
    }

    pub async fn import_more(&self, register: &str, on: &str) {
        let on: NaiveDate = on.parse().unwrap();
        let mut ids = clock::random_id;
        directory::import(&self.directory, &self.projections, register.as_bytes(), on, clock::now(), &mut ids, |_| {})
            .await
            .unwrap();
    }

    pub async fn school(&self, urn: u32) -> SchoolId {
        let urn = Urn::try_from(urn).unwrap();
        views::school::holder(&mut self.directory.acquire().await.unwrap(), urn).await.unwrap().unwrap()
    }

    pub async fn trust(&self, uid: &str) -> TrustId {
        views::trust::by_uid(&mut self.directory.acquire().await.unwrap()).await.unwrap()[&uid.parse().unwrap()]
    }

    /// Registers a filter of the school; its key.
    pub async fn filter(&self, urn: u32) -> String {
        let (school, source) = (self.school(urn).await, SourceId::from(clock::random_id()));
        let filter =
            RegisterSource { source, school, name: "filter".parse().unwrap(), vocabulary: Vocabulary::General };
        commands::register_source(&self.directory, filter, cause(), clock::now()).await.unwrap();
        let key = (clock::random_id().into(), IngestKey::from_random(rand::random()));
        let key = commands::issue_key(&self.directory, (school, source), key, cause(), clock::now()).await.unwrap();
        catch_up(&self.projections, &DirectoryView).await.unwrap();
        key.reveal()
    }
}

impl Town {
    pub async fn start() -> Self {
        Self::start_on(Records::import(scratch::database().await, "2026-09-01").await).await
    }

    pub async fn start_on(records: Records) -> Self {
        let stop = CancellationToken::new();
        let issuer = issuer();
        let settings = Settings {
            database: Logins::of_their_own(&records.database),
            listen: "127.0.0.1:0".parse().unwrap(),
            roles: BTreeSet::from([serve::Role::Gateway, serve::Role::Filtering, serve::Role::Projections]),
            issuers: vec![issuer.config()],
            secret: Secret::new([3; 32]),
            door_memory: 64 << 20,
        };
        let running = serve::start(settings, stop.clone()).await.unwrap();
        Self {
            records,
            address: running.address,
            issuer,
            client: Client::new(),
            _running: running,
            _stop: stop.drop_guard(),
        }
    }

    pub fn token(&self, scope: Scope) -> String {
        let subject: Subject = "somebody".parse().unwrap();
        self.issuer.mint(&subject, scope, clock::now(), TimeDelta::hours(1))
    }

    /// Asks; the bytes of the answer.
    pub async fn ask_bytes(&self, scope: Scope, query: &str, variables: Value) -> Vec<u8> {
        let request = self.client.post(format!("http://{}/graphql", self.address)).bearer_auth(self.token(scope));
        let response = request.json(&json!({ "query": query, "variables": variables })).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        response.bytes().await.unwrap().to_vec()
    }

    /// Asks; the data of an answer without errors.
    pub async fn ask(&self, scope: Scope, query: &str, variables: Value) -> Value {
        let answer: Value = serde_json::from_slice(&self.ask_bytes(scope, query, variables).await).unwrap();
        assert_eq!(answer.get("errors"), None, "{answer}");
        answer["data"].clone()
    }

    /// Sends events as one batch and waits until they are counted.
    pub async fn send(&self, key: &str, batch: &str, events: &[Value]) {
        let body = events.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
        let request = self.client.post(format!("http://{}/v1/filter-events", self.address)).bearer_auth(key);
        let request = request.header("Idempotency-Key", batch).header("Content-Type", "application/x-ndjson");
        let answer = request.body(body).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::ACCEPTED);
        assert_eq!(answer.json::<Value>().await.unwrap()["accepted"], events.len());
        let counted = async {
            loop {
                let status = self.client.get(format!("http://{}/v1/batches/{batch}", self.address)).bearer_auth(key);
                let status: Value = status.send().await.unwrap().json().await.unwrap();
                if !status["counted"].is_null() {
                    return;
                }
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(std::time::Duration::from_secs(30), counted).await.expect("counted within 30 s");
    }
}

/// A development issuer of its own.
pub fn issuer() -> DevIssuer {
    DevIssuer::open(&temporary("issuer"), "https://town.invalid".parse().unwrap(), "wardlog").unwrap()
}

/// A directory that nobody else uses.
pub fn temporary(purpose: &str) -> PathBuf {
    std::env::temp_dir().join(format!("wardlog-story-{purpose}-{}", clock::random_id()))
}

/// An event of now.
pub fn event(category: &str, action: &str) -> Value {
    json!({ "time": clock::now().to_rfc3339(), "action": action, "host": "a.example", "category": [category] })
}

/// A command of a test.
pub fn cause() -> Cause {
    let id = clock::random_id();
    Cause {
        command_id: id.to_string().parse().unwrap(),
        actor: "story".to_owned(),
        correlation_id: id,
        causation_id: None,
        traceparent: None,
    }
}

/// The month that events of now lie in.
pub fn this_month() -> String {
    schema::Month::of(schema::london_day(clock::now())).to_string()
}
