//! What the directory can be told, beyond what its aggregates decide: whose right it is, and what must hold elsewhere.

mod source;

use chrono::{DateTime, NaiveDate, Utc};
use eventlog::{Cause, CommandError, Done, Origin, Owner, Stream, execute};
use schema::{SchoolId, TrustId, Urn, directory::SchoolEvent};
use sqlx::PgPool;
use web::command::{Refusal, Rule};

use crate::{
    domain::{
        school::{School, SchoolCommand, SchoolError},
        source::SourceError,
        trust::TrustError,
    },
    views,
};
pub use source::{IssueKey, IssuedKey, RegisterSource, RevokeKey};

/// Why a command was not carried out.
pub type DirectoryError = CommandError<DirectoryRefusal>;

/// Why the directory refuses a command.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryRefusal {
    /// The trust's rules refuse it.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// The school's rules refuse it.
    #[error(transparent)]
    School(#[from] SchoolError),
    /// The source's rules refuse it.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// Two schools never share a URN.
    #[error("another school goes, or went, by this URN")]
    UrnTaken,
    /// A school tells its filters apart by their names.
    #[error("the school has a filter of this name")]
    NameTaken,
    /// No school has that many.
    #[error("the school has as many filters as a school may have")]
    TooManySources,
}

impl Refusal for DirectoryRefusal {
    fn rule(&self) -> Option<Rule> {
        match self {
            Self::School(SchoolError::NotRegistered)
            | Self::Source(SourceError::NotRegistered | SourceError::KeyUnknown) => None,
            Self::Source(SourceError::TooManyKeys) => Some(Rule::new("TOO_MANY_KEYS")),
            Self::Source(SourceError::KeyExists) => Some(Rule::new("KEY_EXISTS")),
            Self::Source(SourceError::RegisteredDifferently) => Some(Rule::new("REGISTERED_DIFFERENTLY")),
            Self::Source(SourceError::TooManyKeysEver) => Some(Rule::new("TOO_MANY_KEYS_EVER")),
            Self::NameTaken => Some(Rule::of("NAME_TAKEN", "name")),
            Self::TooManySources => Some(Rule::new("TOO_MANY_SOURCES")),
            Self::Trust(TrustError::UidDiffers) => Some(Rule::of("UID_DIFFERS", "uid")),
            Self::UrnTaken | Self::School(SchoolError::UrnDiffers | SchoolError::UrnHeldBefore) => {
                Some(Rule::of("URN_TAKEN", "urn"))
            }
            Self::School(SchoolError::BeforeLast { .. }) => Some(Rule::of("BEFORE_LAST", "from")),
            Self::School(SchoolError::InAnotherTrust | SchoolError::AlreadyMember { .. } | SchoolError::NotMember) => {
                Some(Rule::of("MEMBERSHIP", "trust"))
            }
        }
    }
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
    execute::<School>(pool, school_stream(school), command, at, Origin::Sender(cause))
        .await
        .map_err(CommandError::widen)
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
    execute::<School>(pool, school_stream(school), command, at, Origin::Sender(cause))
        .await
        .map_err(CommandError::widen)
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
    execute::<School>(pool, school_stream(school), command, at, Origin::Sender(cause))
        .await
        .map_err(CommandError::widen)
}

pub(crate) fn trust_stream(trust: TrustId) -> Stream {
    Stream { owner: Owner::Trust(trust), name: format!("trust-{trust}") }
}

pub(crate) fn school_stream(school: SchoolId) -> Stream {
    Stream { owner: Owner::School(school), name: format!("school-{school}") }
}
