//! Who folds what: partitions that nobody holds, holders that are gone, shares that are uneven.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use sqlx::PgConnection;
use uuid::Uuid;

use super::{Finding, View, look, or_ok, views::Standing};
use crate::follower::CONNECTED;

const LEASES: &str = "leases";
const FOLLOWERS: &str = "followers";
const STUCK: &str = "stuck leases";

/// How long the living followers may take to find a lease that nobody holds any more; they look every second.
const TAKE_OVER: Duration = Duration::from_secs(3);

/// Partitions that nobody folds though there is something to fold.
pub(super) fn unheld(standings: &[Standing]) -> Vec<Finding> {
    let mut by_view = BTreeMap::<&str, usize>::new();
    for standing in standings.iter().filter(|s| s.is_shown && s.follower.is_none() && s.behind() > 0) {
        *by_view.entry(&standing.view).or_default() += 1;
    }
    let unheld = by_view.into_iter().map(|(view, partitions)| {
        let found = format!("{view}: nobody folds {partitions} partitions that have something to fold");
        Finding::warning(LEASES, format!("{found}: start `wardlog serve --roles projections`"))
    });
    or_ok(unheld.collect(), LEASES, "every partition with something to fold is held")
}

/// Followers that are gone without a word, and whether the living share the partitions evenly.
pub(super) async fn followers(
    connection: &mut PgConnection,
    standings: &[Standing],
) -> Result<Vec<Finding>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"SELECT f.view, f.follower, log.is_held($1, f.follower::text) AS "connected!"
           FROM log.follower f ORDER BY f.view, f.follower"#,
        CONNECTED,
    );
    let mut findings = Vec::new();
    let mut living = BTreeMap::<String, BTreeSet<Uuid>>::new();
    for row in rows.fetch_all(connection).await? {
        if row.connected {
            living.entry(row.view).or_default().insert(row.follower);
        } else {
            findings.push(Finding::warning(
                FOLLOWERS,
                format!(
                    "follower {} of {} has lost its connection: the others take over in a moment; if there are none, start \
                     `wardlog serve --roles projections`",
                    row.follower, row.view
                ),
            ));
        }
    }
    let all: usize = living.values().map(BTreeSet::len).sum();
    findings.extend(living.iter().filter_map(|(view, living)| uneven(view, living, standings)));
    Ok(or_ok(findings, FOLLOWERS, format!("{all} followers live and share evenly")))
}

fn uneven(view: &str, living: &BTreeSet<Uuid>, standings: &[Standing]) -> Option<Finding> {
    let mut held: BTreeMap<Uuid, usize> = living.iter().map(|follower| (*follower, 0)).collect();
    for standing in standings.iter().filter(|standing| standing.is_shown && standing.view == view) {
        if let Some(count) = standing.follower.and_then(|follower| held.get_mut(&follower)) {
            *count += 1;
        }
    }
    let (least, most) = (held.values().min()?, held.values().max()?);
    (most - least > 1).then(|| {
        let found = format!("{view}: one follower holds {most} partitions and another {least}");
        Finding::warning(FOLLOWERS, format!("{found}: look again; they even it out within seconds"))
    })
}

/// Leases of followers that are not there. One that is being taken over looks the same for a moment, so a lease is stuck
/// if a second look finds it as the first did.
pub(super) async fn stuck(connection: &mut PgConnection, views: &[View]) -> Result<Vec<Finding>, sqlx::Error> {
    let mut strays = strays(connection, views).await?;
    if !strays.is_empty() {
        tokio::time::sleep(TAKE_OVER).await;
        let again = self::strays(connection, views).await?;
        strays.retain(|stray| again.contains(stray));
    }
    let mut by_view = BTreeMap::<String, Vec<i16>>::new();
    for (view, partition, _) in strays {
        by_view.entry(view).or_default().push(partition);
    }
    let stuck = by_view.into_iter().map(|(view, partitions)| {
        let found = format!("{view}: followers that do not exist hold partitions {partitions:?}");
        Finding::wrong(
            STUCK,
            format!("{found}: restart the processes with the role projections; whoever starts takes them"),
        )
    });
    Ok(or_ok(stuck.collect(), STUCK, "every lease is of a follower that exists"))
}

/// View, partition and epoch of each lease whose follower has no row.
async fn strays(connection: &mut PgConnection, views: &[View]) -> Result<Vec<(String, i16, i64)>, sqlx::Error> {
    let names: Vec<String> = views.iter().map(|view| view.name.to_owned()).collect();
    let mut look = look(connection).await?;
    let rows = sqlx::query!(
        "SELECT c.view, c.partition, c.epoch FROM log.checkpoint c
         WHERE c.view = ANY($1) AND c.follower IS NOT NULL
           AND NOT EXISTS (SELECT FROM log.follower f WHERE f.view = c.view AND f.follower = c.follower)
         ORDER BY c.view, c.partition",
        &names,
    );
    let rows = rows.fetch_all(&mut *look).await?;
    look.rollback().await?;
    Ok(rows.into_iter().map(|row| (row.view, row.partition, row.epoch)).collect())
}
