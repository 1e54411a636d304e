//! `wardlog import …`.

use std::{fs::File, path::PathBuf, time::Duration};

use anyhow::{Context, Result, bail, ensure};
use chrono::NaiveDate;
use clap::Subcommand;
use database::{Role, connect};
use directory::{
    domain::workplace::Workplace,
    import::{Refused, people::import_people},
    views::{school, trust},
};
use indicatif::{ProgressBar, ProgressStyle};
use schema::{TrustUid, Urn};
use sqlx::PgConnection;
use web::{clock, command::Means};

use super::{Place, keys};
use crate::{contexts::CONTEXTS, home};

/// What to import.
#[derive(Debug, Subcommand)]
pub(super) enum Import {
    /// The schools register, as a CSV file with the columns urn, name, la, phase, type, status, `trust_uid`, `trust_name`, pupils
    Register {
        /// The file
        file: PathBuf,
        /// The London day of which the register speaks; today without it
        #[arg(long)]
        on: Option<NaiveDate>,
    },
    /// A school's or trust's people, as a CSV file with the columns name, email, category, role, from; a row for each role
    People {
        /// The file
        file: PathBuf,
        #[command(flatten)]
        of: Of,
        /// Only tell what would be done
        #[arg(long)]
        dry_run: bool,
    },
}

/// Whose it is.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
pub(super) struct Of {
    /// The school's URN
    #[arg(long)]
    urn: Option<Urn>,
    /// The trust's uid in the register, for people of the trust itself
    #[arg(long)]
    trust: Option<TrustUid>,
}

impl Import {
    pub(super) async fn run(self, place: &Place) -> Result<()> {
        match self {
            Self::Register { file, on } => register(place, file, on).await,
            Self::People { file, of, dry_run } => people(place, file, of, dry_run).await,
        }
    }
}

async fn register(place: &Place, file: PathBuf, on: Option<NaiveDate>) -> Result<()> {
    let reader = File::open(&file).with_context(|| format!("cannot read {}", file.display()))?;
    let database = place.database().await?;
    let pool = connect(&database.options, Role::Directory, 4).await?;
    let projections = connect(&database.options, Role::Projections, 4).await?;
    let now = clock::now();
    let bar =
        ProgressBar::new(0).with_style(ProgressStyle::with_template("{wide_bar} {pos}/{len} schools, {eta} left")?);
    bar.enable_steady_tick(Duration::from_millis(200));
    let imported = directory::import(
        &pool,
        &projections,
        reader,
        on.unwrap_or_else(|| schema::london_day(now)),
        now,
        &mut clock::random_id,
        |progress| {
            bar.set_length(progress.total as u64);
            bar.set_position(progress.done as u64);
        },
    )
    .await?;
    bar.finish_and_clear();
    println!(
        "{} rows: {} trusts and {} schools registered, {} renamed, {} amended, {} joined and {} left a trust, {} unchanged",
        imported.rows,
        imported.trusts_registered,
        imported.schools_registered,
        imported.trusts_renamed,
        imported.schools_amended,
        imported.joined,
        imported.left,
        imported.unchanged
    );
    let refused = told(&imported.refused);
    pool.close().await;
    projections.close().await;
    database.close().await?;
    refused
}

async fn people(place: &Place, file: PathBuf, of: Of, dry_run: bool) -> Result<()> {
    let reader = File::open(&file).with_context(|| format!("cannot read {}", file.display()))?;
    let database = place.database().await?;
    let (key_store, server) =
        place.key_store(Some(&database)).await?.context("no key store: give VAULT_DATABASE_URL")?;
    let pool = connect(&database.options, Role::Directory, 2).await?;
    let context = CONTEXTS.iter().find(|context| context.name == directory::http::SERVICE).context("the directory")?;
    let means = Means { pool: pool.clone(), vault: key_store.vault(context).await?, secret: None };
    let projections = connect(&database.options, Role::Projections, 2).await?;
    keys::fold(&projections).await?;
    let at = of.workplace(&mut *pool.acquire().await?).await?;
    let imported = import_people(&means, at, reader, clock::now(), dry_run).await?;
    keys::fold(&projections).await?;
    println!(
        "{} rows: {} people {}recorded, {} amended, {} roles given; {} people who are known are not in the file",
        imported.rows,
        imported.recorded,
        if dry_run { "would be " } else { "" },
        imported.amended,
        imported.given,
        imported.absent
    );
    let refused = told(&imported.refused);
    pool.close().await;
    projections.close().await;
    drop(means);
    if let Some(server) = server {
        home::stop_if_unused(&server).await?;
    }
    database.close().await?;
    refused
}

impl Of {
    pub(super) async fn workplace(self, connection: &mut PgConnection) -> Result<Workplace> {
        match (self.urn, self.trust) {
            (Some(urn), _) => {
                let school = school::holder(connection, urn).await?;
                let school =
                    school.with_context(|| format!("no school has the URN {urn}: import the register first"))?;
                Ok(Workplace::School(school))
            }
            (None, Some(uid)) => {
                let trust = trust::by_uid(connection).await?.get(&uid).copied();
                let trust = trust.with_context(|| format!("no trust has the uid {uid}: import the register first"))?;
                Ok(Workplace::Trust(trust))
            }
            (None, None) => bail!("expected --urn or --trust"),
        }
    }
}

/// Tells which rows were refused; an error if there are any.
fn told(refused: &[Refused]) -> Result<()> {
    for Refused { line, field, reason } in refused {
        eprintln!("line {line}: {field}: {reason}");
    }
    ensure!(refused.is_empty(), "{} rows were refused; mend them and import the file again", refused.len());
    Ok(())
}
