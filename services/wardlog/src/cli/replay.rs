//! `wardlog replay` and `wardlog skip`: a view rebuilt beside the one that is shown, and an event that it passes over.

use std::{process::ExitCode, time::Duration};

use anyhow::Result;
use clap::{Args, ValueEnum};
use database::{Role, connect};
use directory::DirectoryView;
use eventlog::{Offset, Partition, Projection, Rebuild, RebuildError, catch_up, go_back, skip};
use filtering::views::Counts;
use indicatif::{ProgressBar, ProgressStyle};
use sqlx::{Connection, PgConnection, postgres::PgConnectOptions};

use super::Place;

/// A view that can be rebuilt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum View {
    /// Trusts, schools, sources and keys
    #[value(name = "directory")]
    Directory,
    /// Filter events by school, hour, category, action and group
    #[value(name = "filtering.counts")]
    FilteringCounts,
}

/// `wardlog replay`.
#[derive(Debug, Args)]
pub(super) struct Replay {
    /// The view
    #[arg(value_enum)]
    view: View,
    /// Show the rebuilt view even if it differs from the one that is shown: for a view whose rules have changed
    #[arg(long, conflicts_with = "back")]
    accept_differences: bool,
    /// Show what was shown before the last replay instead, at once
    #[arg(long)]
    back: bool,
}

impl Replay {
    pub(super) async fn run(self, place: &Place) -> Result<ExitCode> {
        let database = place.database().await?;
        let outcome = match self.view {
            View::Directory => self.of(&database.options, &DirectoryView).await,
            View::FilteringCounts => self.of(&database.options, &Counts).await,
        };
        database.close().await?;
        outcome
    }

    async fn of<P: Projection>(self, database: &PgConnectOptions, view: &P) -> Result<ExitCode> {
        if self.back {
            go_back::<P>(database).await?;
            // It shows what was so then, such as keys revoked since, until it has caught up.
            catch_up(&connect(database, Role::Projections, 2).await?, view).await?;
            println!("{}: what was shown before the last replay is shown again, and has caught up", P::NAME);
            return Ok(ExitCode::SUCCESS);
        }
        let bar = ProgressBar::new(0)
            .with_style(ProgressStyle::with_template("{wide_bar} {pos}/{len} records, {per_sec}, {eta} left")?);
        bar.enable_steady_tick(Duration::from_millis(200));
        let rebuild = Rebuild::begin(database, view).await?;
        let filled = rebuild.fill(|filled| {
            bar.set_length(filled.of.unsigned_abs());
            bar.set_position(filled.records.unsigned_abs());
        });
        if let Err(error) = filled.await {
            rebuild.abandon().await?;
            return Err(error.into());
        }
        bar.finish();
        let differences = match rebuild.compare().await {
            Err(RebuildError::ShownIsBehind { .. }) if self.accept_differences => Vec::new(),
            Err(error) => {
                rebuild.abandon().await?;
                return Err(error.into());
            }
            Ok(differences) => differences,
        };
        let count = |rows: Option<i64>| rows.map_or_else(|| "no such table".to_owned(), |rows| format!("{rows} rows"));
        for differing in &differences {
            let (was, is) = (count(differing.shown), count(differing.rebuilt));
            println!("{}.{} differs: shown {was}, rebuilt {is}", P::NAME, differing.table);
        }
        if !differences.is_empty() && !self.accept_differences {
            rebuild.abandon().await?;
            eprintln!(
                "{}: not taken over. If the view's rules have changed, say --accept-differences; otherwise this is a defect",
                P::NAME
            );
            return Ok(ExitCode::FAILURE);
        }
        rebuild.take_over().await?;
        println!("{}: the rebuilt view is shown; `wardlog replay {} --back` shows the former one", P::NAME, P::NAME);
        Ok(ExitCode::SUCCESS)
    }
}

/// `wardlog skip`.
#[derive(Debug, Args)]
pub(super) struct Skip {
    /// The view that waits before an event
    view: String,
    /// The partition in which it waits
    partition: i16,
    /// The event's offset
    offset: i64,
    /// Why it may be passed over; kept with the decision for ever
    #[arg(long)]
    reason: String,
    /// Who decides; kept with the decision
    #[arg(long)]
    by: String,
}

impl Skip {
    pub(super) async fn run(self, place: &Place) -> Result<()> {
        let database = place.database().await?;
        let mut connection = PgConnection::connect_with(&database.options).await?;
        let at = (Partition::of_row(self.partition), Offset::of_row(self.offset));
        skip(&mut connection, &self.view, at, &self.by, &self.reason).await?;
        println!("{} passes over offset {} of partition {} from now on", self.view, self.offset, self.partition);
        connection.close().await?;
        database.close().await
    }
}
