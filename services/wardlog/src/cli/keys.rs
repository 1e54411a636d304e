//! `wardlog key …`.

use access::IngestKey;
use anyhow::{Context, Result, ensure};
use clap::Subcommand;
use database::{Role, connect};
use directory::{
    DirectoryView, commands,
    domain::{name::Name, source::RegisterSource},
    views::{ingest_key, school},
};
use eventlog::{Cause, catch_up, has_folded};
use schema::{CommandId, KeyId, SchoolId, SourceId, Urn, Vocabulary};
use sqlx::PgPool;
use web::clock;

use super::Place;

/// What to do with keys.
#[derive(Debug, Subcommand)]
pub(super) enum Key {
    /// Make an ingest key for one of a school's filters and show it, this once; the filter is registered if it is new
    Issue {
        /// The school
        #[arg(long)]
        urn: Urn,
        /// What the school calls the filter
        #[arg(long)]
        source: Name,
        /// How the filter's category labels are read: general, ut1 or e2guardian
        #[arg(long, default_value = "general")]
        vocabulary: Vocabulary,
    },
    /// Refuse a key from now on
    Revoke {
        /// The key's id, as shown when it was issued
        key: KeyId,
    },
}

impl Key {
    pub(super) async fn run(self, place: &Place) -> Result<()> {
        let database = place.database().await?;
        let pool = connect(&database.options, Role::Directory, 2).await?;
        let projections = connect(&database.options, Role::Projections, 2).await?;
        fold(&projections).await?;
        match self {
            Self::Issue { urn, source, vocabulary } => {
                issue(&pool, urn, source, vocabulary).await?;
                fold(&projections).await?;
            }
            Self::Revoke { key } => revoke(&pool, &projections, key).await?,
        }
        pool.close().await;
        projections.close().await;
        database.close().await
    }
}

/// Brings the view up to date; a partition of another school's that waits before an event is no reason to do nothing.
async fn fold(projections: &PgPool) -> Result<()> {
    match catch_up(projections, &DirectoryView).await {
        Err(error) if error.is_of_a_record() => {
            eprintln!("warning: the directory's view waits in a partition, see `wardlog doctor`: {error}");
            Ok(())
        }
        outcome => Ok(outcome?),
    }
}

async fn issue(pool: &PgPool, urn: Urn, name: Name, vocabulary: Vocabulary) -> Result<()> {
    let mut connection = pool.acquire().await?;
    let school = school::holder(&mut connection, urn)
        .await?
        .with_context(|| format!("no school has the URN {urn}: import the register first"))?;
    let source = match ingest_key::source_named(&mut connection, school, &name).await? {
        Some(source) => source,
        None => register(pool, school, name, vocabulary).await?,
    };
    drop(connection);
    let fresh = (KeyId::from(clock::random_id()), IngestKey::from_random(rand::random()));
    let id = fresh.0;
    let key = commands::issue_key(pool, (school, source), fresh, cause()?, clock::now()).await?;
    println!("{}", key.reveal());
    eprintln!("key {id} of source {source}: shown this once; revoke it with `wardlog key revoke {id}`");
    Ok(())
}

async fn register(pool: &PgPool, school: SchoolId, name: Name, vocabulary: Vocabulary) -> Result<SourceId> {
    let source = SourceId::from(clock::random_id());
    let command = RegisterSource { source, school, name, vocabulary };
    commands::register_source(pool, command, cause()?, clock::now()).await?;
    Ok(source)
}

async fn revoke(pool: &PgPool, projections: &PgPool, key: KeyId) -> Result<()> {
    let owner = ingest_key::owner(&mut *pool.acquire().await?, key)
        .await?
        .with_context(|| format!("no ingest key has the id {key}"))?;
    let done = commands::revoke_key(pool, owner, key, cause()?, clock::now()).await?;
    fold(projections).await?;
    if let Some(appended) = done.appended {
        let in_force = has_folded::<DirectoryView>(&mut *projections.acquire().await?, &appended).await?;
        ensure!(in_force, "recorded, but NOT in force: the view waits before an event of the school's partition");
    }
    println!("key {key} is refused from now on, everywhere within 5 seconds");
    Ok(())
}

/// A command of the operator's, typed once.
fn cause() -> Result<Cause> {
    let id = clock::ordered_id();
    Ok(Cause {
        command_id: id.to_string().parse::<CommandId>()?,
        actor: "operator".to_owned(),
        correlation_id: id,
        causation_id: None,
        traceparent: None,
    })
}
