//! Schools with one filter each, spread over the partitions, and a database of their own.

use std::{fs, path::PathBuf, sync::Arc};

use access::IngestKey;
use anyhow::Result;
use database::{Role, connect, scratch};
use eventlog::{Owner, join};
use schema::{SchoolId, SourceId};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, postgres::PgConnectOptions};
use uuid::Uuid;
use vault::{KeyFile, Vault};
use web::clock;

/// How many schools send.
const SCHOOLS: u128 = 16;

/// A filter that sends.
#[derive(Clone)]
pub struct Source {
    /// Its ingest key.
    pub key: String,
}

/// A migrated database with schools, their filters and keys.
pub struct Place {
    /// The database.
    pub database: PgConnectOptions,
    /// One filter of each school.
    pub sources: Vec<Source>,
    /// Where the wrapping keys are.
    keys: PathBuf,
}

impl Place {
    /// A new one. The schools' ids are always the same, and so are their partitions.
    pub async fn make() -> Result<Self> {
        let database = scratch::database().await;
        let directory = connect(&database, Role::Directory, 1).await?;
        let projections = connect(&database, Role::Projections, 1).await?;
        let mut sources = Vec::new();
        for number in 1..=SCHOOLS {
            let (school, source) = (SchoolId::from(Uuid::from_u128(number)), SourceId::from(clock::random_id()));
            join(&mut *directory.acquire().await?, Owner::School(school)).await?;
            sources.push(register(&mut *projections.acquire().await?, school, source).await?);
        }
        directory.close().await;
        projections.close().await;
        let keys = std::env::temp_dir().join(format!("wardlog-bench-{}", clock::random_id()));
        fs::create_dir(&keys)?;
        Ok(Self { database, sources, keys })
    }

    /// A context's keys; the key store is in the same database.
    pub async fn vault(&self, context: &'static str, role: Role) -> Result<Vault> {
        database::migrate_key_store(&self.database).await?;
        let wrapping = KeyFile::open(&self.keys.join("wrapping.keys"))?;
        Ok(Vault::open(context, connect(&self.database, role, 4).await?, Arc::new(wrapping)).await?)
    }

    /// Removes the database: a run leaves gigabytes in it.
    pub async fn remove(self) -> Result<()> {
        fs::remove_dir_all(self.keys)?;
        remove(self.database).await
    }
}

/// Removes a scratch database.
pub async fn remove(database: PgConnectOptions) -> Result<()> {
    if let Some(name) = database.get_database() {
        let drop = format!("DROP DATABASE {name} WITH (FORCE)");
        let mut connection = PgConnection::connect_with(&database.clone().database("postgres")).await?;
        connection.execute(AssertSqlSafe(drop)).await?;
        connection.close().await?;
    }
    Ok(())
}

/// Writes the source and its key as the directory's view would hold them.
async fn register(connection: &mut PgConnection, school: SchoolId, source: SourceId) -> Result<Source> {
    let key = IngestKey::from_random(rand::random());
    let hash = key.hash();
    sqlx::query!(
        "INSERT INTO directory.source (source_id, school_id, name, vocabulary) VALUES ($1, $2, 'filter', 'general')",
        Uuid::from(source),
        Uuid::from(school),
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "INSERT INTO directory.ingest_key (key_id, source_id, school_id, hash, issued_at) VALUES ($1, $2, $3, $4, now())",
        clock::random_id(),
        Uuid::from(source),
        Uuid::from(school),
        hash.as_bytes().as_slice(),
    )
    .execute(connection)
    .await?;
    Ok(Source { key: key.reveal() })
}
