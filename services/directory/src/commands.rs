//! What the directory can be told: load the stream, decide, append, in one transaction.

use std::fmt;

use access::IngestKey;
use chrono::{DateTime, NaiveDate, Utc};
use eventlog::{Aggregate, Cause, CommandError, Done, Origin, Owner, Stream, StreamError, execute};
use schema::{
    KeyId, SchoolId, SourceId, TrustId, Urn,
    directory::{SchoolEvent, SourceEvent},
};
use sqlx::PgPool;

use crate::{
    domain::{
        school::{School, SchoolCommand, SchoolError},
        source::{RegisterSource, Source, SourceCommand, SourceError},
        trust::TrustError,
    },
    views,
};

/// Why a command was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
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
    /// The command was carried out before; its key was shown then and cannot be shown again.
    #[error("the key was issued and shown by an earlier call: revoke it and issue another")]
    KeyShownBefore,
    /// Others kept changing the same stream; nothing was recorded.
    #[error("others are changing the same record: try again")]
    Contended,
    /// The command id was used for something else.
    #[error("the command id was used before, for another record")]
    CommandIdReused,
    /// The record cannot be read.
    #[error(transparent)]
    Unreadable(StreamError),
    /// The database refused or could not be reached. If this happened on commit, the outcome is unknown: send the
    /// command again with the same id.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

impl From<StreamError> for DirectoryError {
    fn from(error: StreamError) -> Self {
        match error {
            StreamError::Database(error) => Self::Database(error),
            StreamError::Decode { .. } => Self::Unreadable(error),
        }
    }
}

impl<R: fmt::Debug + fmt::Display> From<CommandError<R>> for DirectoryError
where
    Self: From<R>,
{
    fn from(error: CommandError<R>) -> Self {
        match error {
            CommandError::Refused(rule) => rule.into(),
            CommandError::Contended => Self::Contended,
            CommandError::CommandIdReused => Self::CommandIdReused,
            CommandError::Unreadable(error) => Self::Unreadable(error),
            CommandError::Database(error) => Self::Database(error),
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
        return Err(DirectoryError::UrnTaken);
    }
    let command = SchoolCommand::ChangeUrn { urn, from };
    Ok(execute::<School>(pool, school_stream(school), command, at, Origin::Sender(cause)).await?)
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
    Ok(execute::<School>(pool, school_stream(school), command, at, Origin::Sender(cause)).await?)
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
    Ok(execute::<School>(pool, school_stream(school), command, at, Origin::Sender(cause)).await?)
}

/// Lets a filter send for a registered school.
pub async fn register_source(
    pool: &PgPool,
    source: RegisterSource,
    cause: Cause,
    at: DateTime<Utc>,
) -> Result<Done<SourceEvent>, DirectoryError> {
    let school = school_stream(source.school);
    let events = eventlog::load::<SchoolEvent>(&mut *pool.acquire().await?, school.owner, &school.name).await?;
    match School::after(events.iter().map(|stored| &stored.event)) {
        School::Unknown => Err(SchoolError::NotRegistered.into()),
        School::Registered(_) => {
            let stream = source_stream(source.school, source.source);
            Ok(execute::<Source>(pool, stream, SourceCommand::Register(source), at, Origin::Sender(cause)).await?)
        }
    }
}

/// Makes `key` a key of the source and gives it back, this once, to be shown; `key` is fresh from a random generator.
pub async fn issue_key(
    pool: &PgPool,
    (school, source): (SchoolId, SourceId),
    (id, key): (KeyId, IngestKey),
    cause: Cause,
    at: DateTime<Utc>,
) -> Result<IngestKey, DirectoryError> {
    let command = SourceCommand::IssueKey { key: id, hash: key.hash() };
    let done = execute::<Source>(pool, source_stream(school, source), command, at, Origin::Sender(cause)).await?;
    if done.appended.is_some_and(|appended| appended.replayed) { Err(DirectoryError::KeyShownBefore) } else { Ok(key) }
}

/// Refuses a key of the source from now on.
pub async fn revoke_key(
    pool: &PgPool,
    (school, source): (SchoolId, SourceId),
    key: KeyId,
    cause: Cause,
    at: DateTime<Utc>,
) -> Result<Done<SourceEvent>, DirectoryError> {
    let command = SourceCommand::RevokeKey { key };
    Ok(execute::<Source>(pool, source_stream(school, source), command, at, Origin::Sender(cause)).await?)
}

pub(crate) fn trust_stream(trust: TrustId) -> Stream {
    Stream { owner: Owner::Trust(trust), name: format!("trust-{trust}") }
}

pub(crate) fn school_stream(school: SchoolId) -> Stream {
    Stream { owner: Owner::School(school), name: format!("school-{school}") }
}

fn source_stream(school: SchoolId, source: SourceId) -> Stream {
    Stream { owner: Owner::School(school), name: format!("source-{source}") }
}
