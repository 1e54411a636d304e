//! `wardlog import …`.

use std::{fs::File, path::PathBuf, time::Duration};

use anyhow::{Context, Result};
use chrono::NaiveDate;
use clap::Subcommand;
use database::{Role, connect};
use indicatif::{ProgressBar, ProgressStyle};
use web::clock;

use super::Place;

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
}

impl Import {
    pub(super) async fn run(self, place: &Place) -> Result<()> {
        let Self::Register { file, on } = self;
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
        for refused in &imported.refused {
            eprintln!("line {}: {}: {}", refused.line, refused.field, refused.reason);
        }
        pool.close().await;
        projections.close().await;
        database.close().await?;
        anyhow::ensure!(
            imported.refused.is_empty(),
            "{} rows were refused; mend them and import the file again",
            imported.refused.len()
        );
        Ok(())
    }
}
