//! One row after another: find or make the trust and the school, and tell them what the register says.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, NaiveDate, Utc};
use eventlog::{CommandError, Done, Origin, execute};
use schema::{
    TrustId, TrustUid, Urn,
    directory::{SchoolEvent, TrustEvent},
};
use sqlx::PgPool;
use uuid::Uuid;

use super::{
    ImportError, Imported, Progress, Refused,
    register::{Register, Row},
};
use crate::{
    DirectoryError,
    commands::{DirectoryRefusal, school_stream, trust_stream},
    domain::{
        name::Name,
        school::{RegisterSchool, School, SchoolCommand, SchoolError},
        trust::{Trust, TrustCommand},
    },
    views::{
        school::{UrnHolder, by_urn},
        trust::by_uid,
    },
};

/// What the directory knows, and what the import has to say.
pub(super) struct Rows<'a, I> {
    pool: &'a PgPool,
    on: NaiveDate,
    now: DateTime<Utc>,
    ids: &'a mut I,
    correlation: Uuid,
    urns: HashMap<Urn, UrnHolder>,
    trusts: HashMap<TrustUid, TrustId>,
    told: HashSet<TrustUid>,
    imported: Imported,
}

impl<'a, I: FnMut() -> Uuid> Rows<'a, I> {
    pub(super) async fn known(
        pool: &'a PgPool,
        on: NaiveDate,
        now: DateTime<Utc>,
        ids: &'a mut I,
    ) -> Result<Self, sqlx::Error> {
        let mut connection = pool.acquire().await?;
        let (urns, trusts) = (by_urn(&mut connection).await?, by_uid(&mut connection).await?);
        let correlation = ids();
        Ok(Self { pool, on, now, ids, correlation, urns, trusts, told: HashSet::new(), imported: Imported::default() })
    }

    pub(super) async fn import(
        mut self,
        register: Register,
        mut progress: impl FnMut(Progress),
    ) -> Result<Imported, ImportError> {
        let total = register.rows.len() + register.refused.len();
        let before = register.refused.len();
        self.imported.rows = total;
        self.imported.refused = register.refused;
        for (done, row) in (before + 1..).zip(register.rows) {
            let line = row.line;
            match self.row(row).await {
                Ok(()) => {}
                Err(CommandError::Refused(DirectoryRefusal::School(error))) => {
                    self.refuse(line, field_of(error), error.to_string());
                }
                Err(CommandError::Refused(DirectoryRefusal::Trust(error))) => {
                    self.refuse(line, "trust_uid", error.to_string());
                }
                Err(error) => return Err(error.into()),
            }
            progress(Progress { done, total });
        }
        self.imported.refused.sort_by_key(|refused| refused.line);
        Ok(self.imported)
    }

    fn origin(&self) -> Origin {
        Origin::Content { actor: "register-import", correlation_id: self.correlation }
    }

    fn refuse(&mut self, line: u64, field: &'static str, reason: String) {
        self.imported.refused.push(Refused { line, field, reason });
    }

    async fn row(&mut self, row: Row) -> Result<(), DirectoryError> {
        let school = match self.urns.get(&row.urn) {
            Some(UrnHolder { holds: false, .. }) => {
                self.imported.former += 1;
                return Ok(());
            }
            Some(UrnHolder { school, holds: true }) => *school,
            None => (self.ids)().into(),
        };
        let trust = match row.trust {
            Some((uid, name)) => Some(self.trust(uid, name).await?),
            None => None,
        };
        let said = RegisterSchool { school, urn: row.urn, details: row.details, trust, on: self.on };
        let done = execute::<School, DirectoryRefusal>(
            self.pool,
            school_stream(school),
            SchoolCommand::Register(said),
            self.now,
            self.origin(),
        )
        .await?;
        self.count(&done);
        Ok(())
    }

    /// The trust with this uid, told once per import what it is called.
    async fn trust(&mut self, uid: TrustUid, name: Name) -> Result<TrustId, DirectoryError> {
        let trust = *self.trusts.entry(uid.clone()).or_insert_with(|| (self.ids)().into());
        if self.told.contains(&uid) {
            return Ok(trust);
        }
        let command = TrustCommand::Register { trust, uid: uid.clone(), name };
        let done = execute::<Trust, DirectoryRefusal>(self.pool, trust_stream(trust), command, self.now, self.origin())
            .await?;
        for event in &done.events {
            match event {
                TrustEvent::Registered(_) => self.imported.trusts_registered += 1,
                TrustEvent::Renamed(_) => self.imported.trusts_renamed += 1,
            }
        }
        self.told.insert(uid);
        Ok(trust)
    }

    fn count(&mut self, done: &Done<SchoolEvent>) {
        if done.events.is_empty() {
            self.imported.unchanged += 1;
        }
        for event in &done.events {
            match event {
                SchoolEvent::Registered(_) => self.imported.schools_registered += 1,
                SchoolEvent::Amended(_) => self.imported.schools_amended += 1,
                SchoolEvent::JoinedTrust(_) => self.imported.joined += 1,
                SchoolEvent::LeftTrust(_) => self.imported.left += 1,
                SchoolEvent::UrnChanged(_) => {}
            }
        }
    }
}

fn field_of(error: SchoolError) -> &'static str {
    match error {
        SchoolError::NotRegistered | SchoolError::UrnDiffers | SchoolError::UrnHeldBefore => "urn",
        SchoolError::BeforeLast { .. }
        | SchoolError::InAnotherTrust
        | SchoolError::AlreadyMember { .. }
        | SchoolError::NotMember => "trust_uid",
    }
}
