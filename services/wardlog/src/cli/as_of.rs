//! `wardlog as-of`: a school as it was known at an instant, beside what is known of it now.

use std::fmt::Display;

use anyhow::{Context, Result, bail};
use chrono::{DateTime, NaiveDate, SecondsFormat, Utc};
use clap::Args;
use comfy_table::{Table, presets::UTF8_FULL_CONDENSED};
use database::{Role, connect};
use directory::views::{
    record::{self, Key, Period, Record},
    school,
};
use eventlog::AsOfError;
use schema::Urn;
use sqlx::PgPool;

use super::{Place, keys::fold};

/// `wardlog as-of`.
#[derive(Debug, Args)]
pub(super) struct AsOf {
    /// A URN that the school goes or went by
    #[arg(long)]
    urn: Urn,
    /// The instant, such as 2026-09-01T08:00:00Z: what had been recorded by then is shown, whenever it happened
    #[arg(long, value_parser = instant)]
    at: DateTime<Utc>,
}

impl AsOf {
    pub(super) async fn run(self, place: &Place) -> Result<()> {
        let database = place.database().await?;
        let projections = connect(&database.options, Role::Projections, 2).await?;
        fold(&projections).await?;
        projections.close().await;
        let pool = connect(&database.options, Role::Directory, 2).await?;
        let compared = self.compare(&pool).await;
        pool.close().await;
        database.close().await?;
        println!("{}", compared?);
        Ok(())
    }

    async fn compare(&self, pool: &PgPool) -> Result<Table> {
        let Self { urn, at } = *self;
        let mut connection = pool.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
        let unknown = || format!("no school has the URN {urn}: import the register first");
        let school = school::holder(&mut connection, urn).await?.with_context(unknown)?;
        let now = record::of(&mut connection, school).await?.with_context(unknown)?;
        connection.rollback().await?;
        let then = match record::as_of(pool, school, at).await {
            Err(error @ AsOfError::Projection(_)) => bail!("{error}: see `wardlog doctor`"),
            outcome => outcome?,
        };
        if let Some(then) = then {
            return Ok(table(at, &then, &now));
        }
        match record::known_since(&mut *pool.acquire().await?, school).await? {
            Some(since) => {
                bail!("--at: nothing was known of the school before {}: ask for then or later", exact(since))
            }
            None => bail!("nothing is recorded of the school, and yet it is shown: see `wardlog doctor`"),
        }
    }
}

fn instant(text: &str) -> Result<DateTime<Utc>, &'static str> {
    text.parse().map_err(|_| "expected an instant with its zone, such as 2026-09-01T08:00:00Z")
}

/// An instant as it can be asked for: to the microsecond, as the log keeps it.
fn exact(instant: DateTime<Utc>) -> String {
    instant.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

fn table(at: DateTime<Utc>, then: &Record, now: &Record) -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED).set_header(["", &format!("As recorded by\n{}", exact(at)), "Now", ""]);
    for ((what, then), (_, now)) in lines(then).into_iter().zip(lines(now)) {
        let differs = if then == now { "" } else { "differs" };
        table.add_row([what, &then, &now, differs]);
    }
    table
}

/// All that a record says, each kind of fact under its name.
fn lines(record: &Record) -> [(&'static str, String); 10] {
    let details = &record.details;
    let trusts = record.memberships.iter().map(|Period { of, from, to }| {
        let name = of.name.clone().unwrap_or_else(|| of.trust.to_string());
        period(&name, *from, *to)
    });
    [
        ("Name", details.name.clone()),
        ("Local authority", details.local_authority.clone()),
        ("Phase", details.phase.clone()),
        ("Type", details.kind.clone()),
        ("Status", details.status.clone()),
        ("Pupils", details.pupils.map_or_else(|| "not known".to_owned(), |pupils| pupils.to_string())),
        ("URN", list(record.urns.iter().map(|Period { of, from, to }| period(of, *from, *to)))),
        ("Trust", list(trusts)),
        ("Filters", list(record.sources.iter().map(|(name, vocabulary)| format!("{name} ({vocabulary})")))),
        ("Keys", list(record.keys.iter().map(key))),
    ]
}

fn list(lines: impl Iterator<Item = String>) -> String {
    let lines: Vec<String> = lines.collect();
    if lines.is_empty() { "none".to_owned() } else { lines.join("\n") }
}

fn period(of: impl Display, from: NaiveDate, to: Option<NaiveDate>) -> String {
    match to {
        None => format!("{of} from {from}"),
        Some(to) => format!("{of} from {from}, no longer from {to}"),
    }
}

fn key(Key { key, source, issued_at, revoked_at }: &Key) -> String {
    match revoked_at {
        None => format!("{source}: live since {}\n{key}", exact(*issued_at)),
        Some(revoked_at) => format!("{source}: revoked {}\n{key}", exact(*revoked_at)),
    }
}

#[cfg(test)]
mod tests {
    use directory::views::record::Trust;
    use schema::{KeyId, TrustId, directory::SchoolDetails};
    use uuid::Uuid;

    use super::*;

    fn a_school() -> Record {
        Record {
            details: SchoolDetails {
                name: "Ash".to_owned(),
                local_authority: "Leeds".to_owned(),
                phase: "Primary".to_owned(),
                kind: "Community school".to_owned(),
                status: "Open".to_owned(),
                pupils: None,
            },
            urns: vec![Period { of: "100001".parse().unwrap(), from: "2026-09-01".parse().unwrap(), to: None }],
            memberships: vec![],
            sources: vec![("Main".to_owned(), "ut1".to_owned())],
            keys: vec![Key {
                key: KeyId::from(Uuid::from_u128(7)),
                source: "Main".to_owned(),
                issued_at: "2026-09-01T08:00:00Z".parse().unwrap(),
                revoked_at: None,
            }],
        }
    }

    #[test]
    fn what_was_known_stands_beside_what_is_known_and_differences_are_marked() {
        let (then, mut now) = (a_school(), a_school());
        let trust = Trust { trust: TrustId::from(Uuid::from_u128(1)), name: Some("NORTH".to_owned()) };
        now.memberships = vec![Period { of: trust, from: "2026-12-01".parse().unwrap(), to: None }];
        now.keys[0].revoked_at = Some("2026-10-01T08:00:00Z".parse().unwrap());
        let told = table("2026-09-02T00:00:00Z".parse().unwrap(), &then, &now).to_string();
        let line = |of: &str| told.lines().find(|line| line.contains(of)).unwrap().to_owned();
        assert!(told.contains("2026-09-02T00:00:00Z"));
        assert!(line("Name").matches("Ash").count() == 2 && !line("Name").contains("differs"), "{told}");
        assert!(line("Trust").contains("none") && line("Trust").contains("NORTH from 2026-12-01"), "{told}");
        assert!(line("Trust").contains("differs") && line("Keys").contains("differs"), "{told}");
        assert!(told.contains("live since 2026-09-01T08:00:00Z") && told.contains("revoked 2026-10-01T08:00:00Z"));
    }

    #[test]
    fn an_instant_needs_its_zone() {
        assert_eq!(instant("2026-09-01T09:00:00+01:00"), Ok("2026-09-01T08:00:00Z".parse().unwrap()));
        for wrong in ["2026-09-01", "2026-09-01T08:00:00", "yesterday"] {
            assert!(instant(wrong).unwrap_err().contains("with its zone"), "{wrong}");
        }
    }
}
