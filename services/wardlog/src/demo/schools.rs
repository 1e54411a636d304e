//! The trust and its schools as the register has them, each with a filter that may send.

use std::time::Instant;

use access::IngestKey;
use anyhow::{Context, Result, ensure};
use chrono::NaiveDate;
use database::{Role, connect};
use directory::{
    DirectoryView,
    commands::{IssueKey, RegisterSource},
    domain::name::Name,
};
use eventlog::{Owner, catch_up};
use schema::{SchoolId, TrustId, TrustUid, Urn, Vocabulary};
use sqlx::{PgPool, postgres::PgConnectOptions};
use uuid::Uuid;
use web::{
    clock,
    command::{Means, Sent, carry_out},
};

use super::progress::Progress;

/// The part of the register that the project carries (`services/directory/data/README.md`).
const REGISTER: &str = include_str!("../../../directory/data/gias_sample.csv");

/// What the generator knows of a school.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchoolFacts {
    /// Its id in this installation.
    pub id: SchoolId,
    /// Its URN.
    pub urn: Urn,
    /// Its name in the register.
    pub name: String,
    /// Its phase of education, in the register's words.
    pub phase: String,
    /// Whether it is open.
    pub open: bool,
    /// Pupils on roll, if the register says.
    pub pupils: Option<u32>,
}

/// A trust.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trust {
    /// Its id in this installation.
    pub id: TrustId,
    /// Its name in the register.
    pub name: String,
}

/// The directory of a demo: what an operator does by `wardlog import` and `wardlog key`.
pub struct Directory {
    pool: PgPool,
    projections: PgPool,
}

impl Directory {
    /// Opens the directory.
    pub async fn open(database: &PgConnectOptions) -> Result<Self> {
        Ok(Self {
            pool: connect(database, Role::Directory, 4).await?,
            projections: connect(database, Role::Projections, 2).await?,
        })
    }

    /// Imports the register as that of the London day `on`.
    pub async fn import_register(&self, on: NaiveDate) -> Result<()> {
        let began = Instant::now();
        let bar = Progress::new("schools imported");
        let (pool, projections) = (&self.pool, &self.projections);
        let imported =
            directory::import(pool, projections, REGISTER.as_bytes(), on, clock::now(), &mut clock::random_id, |at| {
                bar.set(at.done as u64, at.total as u64);
            })
            .await?;
        bar.finish();
        ensure!(imported.refused.is_empty(), "{} rows of the register were refused", imported.refused.len());
        let (schools, trusts) = (imported.schools_registered, imported.trusts_registered);
        println!("Register: {schools} schools and {trusts} trusts in {:.1} s.", began.elapsed().as_secs_f64());
        Ok(())
    }

    /// A trust and its schools, by URN.
    pub async fn trust(&self, uid: &TrustUid) -> Result<(Trust, Vec<SchoolFacts>)> {
        let trust = sqlx::query!(
            r#"SELECT trust_id AS "id!", name AS "name!" FROM directory.trust WHERE uid = $1"#,
            uid.to_string()
        )
        .fetch_optional(&self.pool)
        .await?
        .with_context(|| format!("no trust of the register has the uid {uid}"))?;
        let schools = self.schools(Some(trust.id)).await?;
        Ok((Trust { id: trust.id.into(), name: trust.name }, schools))
    }

    /// A school of no trust.
    pub async fn school_outside(&self) -> Result<SchoolFacts> {
        let mut outside = self.schools(None).await?.into_iter();
        outside.find(|school| school.open).context("no open school of the register is outside every trust")
    }

    async fn schools(&self, trust: Option<Uuid>) -> Result<Vec<SchoolFacts>> {
        let rows = sqlx::query!(
            r#"SELECT s.school_id AS "id!", u.urn AS "urn!", s.name AS "name!", s.phase AS "phase!", s.status LIKE 'Open%' AS "open!", s.pupils
             FROM directory.school s
             JOIN directory.school_urn u ON u.school_id = s.school_id AND u.to_day IS NULL
             LEFT JOIN directory.membership m ON m.school_id = s.school_id AND m.to_day IS NULL
             WHERE m.trust_id IS NOT DISTINCT FROM $1 ORDER BY u.urn"#,
            trust,
        )
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter()
            .map(|row| {
                Ok(SchoolFacts {
                    id: row.id.into(),
                    urn: u32::try_from(row.urn)?.try_into()?,
                    name: row.name,
                    phase: row.phase,
                    open: row.open,
                    pupils: row.pupils.map(u32::try_from).transpose()?,
                })
            })
            .collect()
    }

    /// Registers a filter for each of the schools and gives it a key.
    pub async fn issue_keys(
        &self,
        schools: &[SchoolFacts],
        filter: &str,
        vocabulary: Vocabulary,
    ) -> Result<Vec<IngestKey>> {
        let name: Name = filter.parse()?;
        let mut keys = Vec::with_capacity(schools.len());
        for school in schools {
            let (owner, sent) = (Owner::School(school.id), || Sent::here("demo"));
            let means = Means::without_keys(self.pool.clone());
            let register = RegisterSource { school: school.id, name: name.clone(), vocabulary };
            let source = carry_out(&means, owner, register, sent(), clock::now()).await?.answer;
            let issue = IssueKey { school: school.id, source };
            keys.push(
                carry_out(&means, owner, issue, sent(), clock::now())
                    .await?
                    .answer
                    .key
                    .context("a new key")?
                    .parse()?,
            );
        }
        // The door looks a key up in the view, and remembers for two seconds that one was not there.
        catch_up(&self.projections, &DirectoryView).await?;
        Ok(keys)
    }
}
