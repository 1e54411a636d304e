//! A view rebuilt beside the one that is shown, and shown instead; or the former one shown again.

use std::{process::ExitCode, time::Duration};

use anyhow::Result;
use database::{Role, connect};
use eventlog::{Projection, Rebuild, RebuildError, catch_up, go_back};
use indicatif::{ProgressBar, ProgressStyle};
use sqlx::postgres::PgConnectOptions;

/// What is to be shown in the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// The rebuilt view, if it is the same.
    IfSame,
    /// The rebuilt view, for its rules have changed.
    AcceptDifferences,
    /// What was shown before the last replay.
    Back,
}

/// Does it, with progress; fails if the rebuilt view differs and must not.
pub async fn run<P: Projection>(database: &PgConnectOptions, view: &P, how: How) -> Result<ExitCode> {
    if how == How::Back {
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
        Err(RebuildError::ShownIsBehind { .. }) if how == How::AcceptDifferences => Vec::new(),
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
    if !differences.is_empty() && how != How::AcceptDifferences {
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
