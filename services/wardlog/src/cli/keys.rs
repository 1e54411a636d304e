//! `wardlog key …`.

use anyhow::{Context, Result, ensure};
use clap::Subcommand;
use database::{Role, connect};
use directory::{
    DirectoryView, PeopleView,
    commands::{IssueKey, IssuedKey, RegisterSource, RevokeKey},
    domain::name::Name,
    views::{ingest_key, school},
};
use eventlog::{Owner, Projection, catch_up, has_reached};
use schema::{KeyId, SchoolId, Urn, Vocabulary};
use sqlx::PgPool;
use web::{
    clock,
    command::{self, CarriedOut, Command, Means, Sent},
};

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

/// Brings the directory's views up to date; a partition of another school's that waits before an event is no reason to do
/// nothing.
pub(super) async fn fold(projections: &PgPool) -> Result<()> {
    fold_one(projections, &DirectoryView).await?;
    fold_one(projections, &PeopleView).await
}

async fn fold_one<P: Projection>(projections: &PgPool, view: &P) -> Result<()> {
    match catch_up(projections, view).await {
        Err(error) if error.is_of_a_record() => {
            eprintln!("warning: the view {} waits in a partition, see `wardlog doctor`: {error}", P::NAME);
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
        Some((source, read_as)) => {
            ensure!(read_as == vocabulary, "the filter's labels are read as {read_as}: say --vocabulary {read_as}");
            source
        }
        None => carry_out(pool, school, RegisterSource { school, name, vocabulary }).await?.answer,
    };
    drop(connection);
    let IssuedKey { id, key } = carry_out(pool, school, IssueKey { school, source }).await?.answer;
    println!("{}", key.context("a new command has a new key")?);
    eprintln!("key {id} of source {source}: shown this once; revoke it with `wardlog key revoke {id}`");
    Ok(())
}

async fn revoke(pool: &PgPool, projections: &PgPool, key: KeyId) -> Result<()> {
    let (school, source) = ingest_key::owner(&mut *pool.acquire().await?, key)
        .await?
        .with_context(|| format!("no ingest key has the id {key}"))?;
    let done = carry_out(pool, school, RevokeKey { school, source, key }).await?;
    fold(projections).await?;
    if let Some(position) = done.position {
        let in_force = has_reached(&mut *projections.acquire().await?, DirectoryView::NAME, position).await?;
        ensure!(in_force, "recorded, but NOT in force: the view waits before an event of the school's partition");
    }
    println!("key {key} is refused from now on, everywhere within 5 seconds");
    Ok(())
}

/// A command of the operator's, typed once.
async fn carry_out<C: Command>(pool: &PgPool, school: SchoolId, command: C) -> Result<CarriedOut<C::Answer>> {
    let means = Means::without_keys(pool.clone());
    Ok(command::carry_out(&means, Owner::School(school), command, Sent::here("operator"), clock::now()).await?)
}
