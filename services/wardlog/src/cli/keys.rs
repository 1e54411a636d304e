//! `wardlog key …`.

use anyhow::{Context, Result, bail, ensure};
use clap::Subcommand;
use database::{Role, connect};
use directory::{
    DirectoryView, PeopleView, ProvisioningView,
    commands::{IssueKey, IssueScimKey, IssuedKey, RegisterSource, RevokeKey, RevokeScimKey},
    domain::{name::Name, workplace::Workplace},
    views::{ingest_key, school, scim_key},
};
use eventlog::{Position, Projection, catch_up, has_reached};
use schema::{KeyId, Urn, Vocabulary};
use sqlx::PgPool;
use web::{
    clock,
    command::{self, CarriedOut, Command, Means, Sent},
};

use super::{Place, import::Of};

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
    /// Make a key with which a school's or trust's own directory says who works there (SCIM), and show it, this once
    IssueScim {
        #[command(flatten)]
        of: Of,
    },
    /// Refuse a key from now on, of a filter or of a directory
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
            Self::IssueScim { of } => {
                let at = of.workplace(&mut *pool.acquire().await?).await?;
                issue_scim(&pool, at).await?;
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
    fold_one(projections, &PeopleView).await?;
    fold_one(projections, &ProvisioningView).await
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
        None => carry_out(pool, RegisterSource { school, name, vocabulary }).await?.answer,
    };
    drop(connection);
    let IssuedKey { id, key } = carry_out(pool, IssueKey { school, source }).await?.answer;
    println!("{}", key.context("a new command has a new key")?);
    eprintln!("key {id} of source {source}: shown this once; revoke it with `wardlog key revoke {id}`");
    Ok(())
}

async fn issue_scim(pool: &PgPool, at: Workplace) -> Result<()> {
    let IssuedKey { id, key } = carry_out(pool, IssueScimKey { at }).await?.answer;
    println!("{}", key.context("a new command has a new key")?);
    eprintln!(
        "key {id}: shown this once; who has it gives and ends roles there. Revoke it with `wardlog key revoke {id}`"
    );
    Ok(())
}

async fn revoke(pool: &PgPool, projections: &PgPool, key: KeyId) -> Result<()> {
    let mut connection = pool.acquire().await?;
    let source = ingest_key::owner(&mut connection, key).await?;
    let directory = scim_key::owner(&mut connection, key).await?;
    drop(connection);
    let (view, position) = match (source, directory) {
        (Some((school, source)), _) => {
            (DirectoryView::NAME, carry_out(pool, RevokeKey { school, source, key }).await?.position)
        }
        (None, Some(at)) => (ProvisioningView::NAME, carry_out(pool, RevokeScimKey { at, key }).await?.position),
        (None, None) => bail!("no ingest key has the id {key}, and no SCIM key"),
    };
    fold(projections).await?;
    in_force(projections, view, position).await?;
    println!("key {key} is refused from now on, everywhere within 5 seconds");
    Ok(())
}

async fn in_force(projections: &PgPool, view: &str, position: Option<Position>) -> Result<()> {
    let Some(position) = position else { return Ok(()) };
    let in_force = has_reached(&mut *projections.acquire().await?, view, position).await?;
    ensure!(in_force, "recorded, but NOT in force: the view waits before an event of the same partition");
    Ok(())
}

/// A command of the operator's, typed once.
async fn carry_out<C: Command>(pool: &PgPool, command: C) -> Result<CarriedOut<C::Answer>> {
    let (means, owner) = (Means::without_keys(pool.clone()), command.owner());
    Ok(command::carry_out(&means, owner, command, Sent::here("operator"), clock::now()).await?)
}
