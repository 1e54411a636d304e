//! `wardlog replay` and `wardlog skip`: a view rebuilt beside the one that is shown, and an event that it passes over.

use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Args, builder::PossibleValuesParser};
use eventlog::{Offset, Partition, skip};
use sqlx::{Connection, PgConnection};

use super::Place;
use crate::{contexts, replay::How};

/// `wardlog replay`.
#[derive(Debug, Args)]
pub(super) struct Replay {
    /// The view
    #[arg(value_parser = PossibleValuesParser::new(contexts::views().map(|view| view.name)))]
    view: String,
    /// Show the rebuilt view even if it differs from the one that is shown: for a view whose rules have changed
    #[arg(long, conflicts_with = "back")]
    accept_differences: bool,
    /// Show what was shown before the last replay instead, at once
    #[arg(long)]
    back: bool,
}

impl Replay {
    pub(super) async fn run(self, place: &Place) -> Result<ExitCode> {
        let view = contexts::views().find(|view| view.name == self.view).context("no such view")?;
        let how = match (self.back, self.accept_differences) {
            (true, _) => How::Back,
            (false, true) => How::AcceptDifferences,
            (false, false) => How::IfSame,
        };
        let database = place.database().await?;
        let outcome = view.replay(&database.options, how).await;
        database.close().await?;
        outcome
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
