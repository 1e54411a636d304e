//! What the directory can be told, beyond what its aggregates decide: whose the record is, and what must hold elsewhere.

mod account;
mod disclosure;
mod forgetting;
mod people;
mod provisioning;
mod reading;
mod recusal;
mod source;
mod staffing;

use chrono::{DateTime, NaiveDate, Utc};
use eventlog::{Cause, CommandError, Done, Origin, Owner, Stream, execute};
pub(crate) use schema::people::person_stream;
use schema::{PersonId, SchoolId, TrustId, Urn, directory::SchoolEvent};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::{
    domain::{
        school::{School, SchoolCommand, SchoolError},
        trust::TrustError,
    },
    views,
};
pub use account::{AccountRefusal, Deprovision, Provision};
pub use disclosure::DiscloseRecord;
pub use forgetting::{
    ConfirmForgetting, LiftHold, PlaceHold, ProposeForgetting, WithdrawForgetting, destroy_left_over,
};
pub use people::{AmendPerson, ChangeLogin, PersonRefusal, RecordLeaving, RecordPerson};
pub use provisioning::{IssueScimKey, ProvisioningRefusal, RevokeScimKey};
pub use reading::{ReadIdentities, ReadingRefusal, Shown};
pub use recusal::{RecusalRefusal, Recuse};
pub use source::{IssueKey, IssuedKey, RegisterSource, RevokeKey, SourceRefusal};
pub use staffing::{Appoint, EndAppointment, NameSubstitutes, StaffingRefusal};

/// Why a command was not carried out.
pub type DirectoryError = CommandError<DirectoryRefusal>;

/// Why the directory refuses what is said of a trust or a school.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryRefusal {
    /// The trust's rules refuse it.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// The school's rules refuse it.
    #[error(transparent)]
    School(#[from] SchoolError),
    /// Two schools never share a URN.
    #[error("another school goes, or went, by this URN")]
    UrnTaken,
}

/// Records that a school goes by another URN from a day on.
pub async fn change_urn(
    pool: &PgPool,
    school: SchoolId,
    (urn, from): (Urn, NaiveDate),
    cause: Cause,
    at: DateTime<Utc>,
) -> Result<Done<SchoolEvent>, DirectoryError> {
    let holder = views::school::holder(&mut *pool.acquire().await?, urn).await?;
    if holder.is_some_and(|holder| holder != school) {
        return Err(CommandError::Refused(DirectoryRefusal::UrnTaken));
    }
    let command = SchoolCommand::ChangeUrn { urn, from };
    execute::<School, _>(pool, school_stream(school), command, at, Origin::Sender(cause)).await
}

/// Records that a school belongs to a trust from a day on.
pub async fn join_trust(
    pool: &PgPool,
    school: SchoolId,
    (trust, from): (TrustId, NaiveDate),
    cause: Cause,
    at: DateTime<Utc>,
) -> Result<Done<SchoolEvent>, DirectoryError> {
    let command = SchoolCommand::JoinTrust { trust, from };
    execute::<School, _>(pool, school_stream(school), command, at, Origin::Sender(cause)).await
}

/// Records that a school belongs to a trust up to, and not including, a day.
pub async fn leave_trust(
    pool: &PgPool,
    school: SchoolId,
    (trust, to): (TrustId, NaiveDate),
    cause: Cause,
    at: DateTime<Utc>,
) -> Result<Done<SchoolEvent>, DirectoryError> {
    let command = SchoolCommand::LeaveTrust { trust, to };
    execute::<School, _>(pool, school_stream(school), command, at, Origin::Sender(cause)).await
}

pub(crate) fn trust_stream(trust: TrustId) -> Stream {
    Stream { owner: Owner::Trust(trust), name: format!("trust-{trust}") }
}

pub(crate) fn school_stream(school: SchoolId) -> Stream {
    Stream { owner: Owner::School(school), name: format!("school-{school}") }
}

/// The stream of the roles held at a school or trust.
pub(crate) fn staffing_stream(owner: Owner) -> Stream {
    Stream { owner, name: format!("staffing-{}", owner.id()) }
}

/// Held until the transaction ends by whoever says that a person leaves, and by whoever gives them a role: each asks what the
/// other says, in another stream.
async fn lock_person(connection: &mut PgConnection, person: PersonId) -> Result<(), sqlx::Error> {
    let number = lock("Wardlog 2026 locks of people", person.into());
    sqlx::query!("SELECT pg_advisory_xact_lock($1)", number).fetch_one(connection).await.map(drop)
}

/// The number of a lock: another for each purpose, and than any that is locked for its keys, which may be in the same database.
fn lock(purpose: &'static str, of: Uuid) -> i64 {
    let mut hash = blake3::Hasher::new_derive_key(purpose);
    let mut number = [0; 8];
    hash.update(of.as_bytes()).finalize_xof().fill(&mut number);
    i64::from_le_bytes(number)
}
