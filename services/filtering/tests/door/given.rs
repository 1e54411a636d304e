//! What the tests start from: a school with one filter and its key, and a door that listens.

use std::{path::Path, sync::Arc};

use access::IngestKey;
use actix_web::{App, HttpServer, middleware::from_fn};
use chrono::{DateTime, Utc};
use database::{Role, connect, scratch};
use eventlog::{Owner, Partition, Wake, catch_up, join, telemetry::Writer};
use filtering::{Pipeline, Sender, Sink, commands::SERVICE, http::Door, views::Counts};
use schema::{SchoolId, SourceId, Vocabulary};
use serde_json::{Value, json};
use sqlx::{PgPool, postgres::PgConnectOptions};
use uuid::Uuid;
use vault::{KeyFile, Secret, Vault};
use web::command::Means;

/// A database, and the pools that the tests look with.
pub struct House {
    pub database: PgConnectOptions,
    pub filtering: PgPool,
    pub projections: PgPool,
    pub vault: Vault,
}

/// A filter of a school, and its key.
pub struct Filter {
    pub sender: Sender,
    pub key: String,
}

impl House {
    pub async fn build() -> Self {
        let database = scratch::database().await;
        let filtering = connect(&database, Role::Filtering, 8).await.unwrap();
        let projections = connect(&database, Role::Projections, 4).await.unwrap();
        let key_store = connect(&database, Role::Filtering, 2).await.unwrap();
        let vault = Vault::open(SERVICE, key_store, wrapping_keys(&database)).await.unwrap();
        Self { database, filtering, projections, vault }
    }

    pub fn means(&self) -> Means {
        Means { pool: self.filtering.clone(), vault: self.vault.clone(), secret: Some(secret()) }
    }

    pub fn pipeline(&self) -> Pipeline {
        let sink = Sink::Log(Writer::start(&self.filtering, 2, &Wake::default()));
        Pipeline::new(secret(), self.filtering.clone(), self.vault.clone(), sink)
    }

    /// A new school with one filter, as the directory's view would show it.
    pub async fn filter(&self) -> Filter {
        let (school, source) = (SchoolId::from(random_id()), SourceId::from(random_id()));
        let key = IngestKey::from_random(rand::random());
        let hash = key.hash();
        let directory = connect(&self.database, Role::Directory, 1).await.unwrap();
        let partition: Partition = join(&mut directory.acquire().await.unwrap(), Owner::School(school)).await.unwrap();
        directory.close().await;
        sqlx::query!(
            "INSERT INTO directory.source (source_id, school_id, name, vocabulary) VALUES ($1, $2, 'filter', 'general')",
            Uuid::from(source),
            Uuid::from(school),
        )
        .execute(&self.projections)
        .await
        .unwrap();
        sqlx::query!(
            "INSERT INTO directory.ingest_key (key_id, source_id, school_id, hash, issued_at) VALUES ($1, $2, $3, $4, now())",
            random_id(),
            Uuid::from(source),
            Uuid::from(school),
            hash.as_bytes().as_slice(),
        )
        .execute(&self.projections)
        .await
        .unwrap();
        Filter { sender: Sender { school, partition, source, vocabulary: Vocabulary::General }, key: key.reveal() }
    }

    /// A listening door; its address.
    pub fn open(&self) -> String {
        let door = Door::new(self.filtering.clone(), self.pipeline(), 64 * 1024 * 1024);
        let server = HttpServer::new(move || {
            let door = door.clone();
            App::new().wrap(from_fn(web::problem::complete)).configure(|cfg| filtering::http::routes(cfg, door))
        })
        .workers(2)
        .bind(("127.0.0.1", 0))
        .unwrap();
        let address = server.addrs()[0];
        tokio::spawn(server.run());
        format!("http://{address}")
    }

    /// Folds all that is in the log.
    pub async fn count(&self) {
        catch_up(&self.projections, &Counts).await.unwrap();
    }

    /// The school's counts by category and action.
    pub async fn counts(&self, school: SchoolId) -> Vec<(String, String, i64)> {
        sqlx::query!(
            r#"SELECT category AS "category!", action AS "action!", sum(events)::bigint AS "events!"
               FROM filtering.count_hourly
               WHERE school_id = $1 GROUP BY category, action ORDER BY category, action"#,
            Uuid::from(school),
        )
        .fetch_all(&self.projections)
        .await
        .unwrap()
        .into_iter()
        .map(|row| (row.category, row.action, row.events))
        .collect()
    }
}

/// The wrapping keys of the key store in this database: another's of the same school would be older or newer than they.
fn wrapping_keys(database: &PgConnectOptions) -> Arc<KeyFile> {
    let name = format!("{}-{}.keys", std::process::id(), database.get_database().unwrap());
    Arc::new(KeyFile::open(&Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)).unwrap())
}

/// An event of now.
pub fn event() -> Value {
    json!({ "time": now().to_rfc3339(), "action": "blocked", "url": "https://casino.example/a", "category": ["Gambling"],
            "user": "jsmith", "group": "learner", "device": "LT-204", "address": "10.1.2.3" })
}

#[expect(clippy::disallowed_methods, reason = "the door checks times against the real clock")]
pub fn now() -> DateTime<Utc> {
    Utc::now()
}

#[expect(clippy::disallowed_methods, reason = "each test has schools of its own")]
pub fn random_id() -> Uuid {
    Uuid::new_v4()
}

/// The secret under which the tests' doors hash names.
pub fn secret() -> Secret {
    Secret::new([7; 32])
}
