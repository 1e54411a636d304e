//! A school's filters and their keys.

use async_graphql::{Context, Enum, InputObject, Object, SimpleObject};
use chrono::{DateTime, Utc};
use schema::{KeyId, SourceId};
use uuid::Uuid;
use web::{
    command::{Outcome, mutate},
    graphql::{COMMAND, bad_input},
};

use crate::{
    commands::{self, IssueKey, IssuedKey, RevokeKey},
    domain::name::Name,
    views::ingest_key,
};

/// One of a school's filters, as a sender.
#[derive(Debug, Clone, SimpleObject)]
pub struct Source {
    /// Its id.
    id: Uuid,
    /// What the school calls it.
    name: String,
    /// How its category labels are read.
    vocabulary: Vocabulary,
    /// Its keys, the oldest first.
    keys: Vec<Key>,
}

/// A key with which a filter sends. The key itself was shown once.
#[derive(Debug, Clone, SimpleObject)]
#[graphql(name = "IngestKey")]
pub struct Key {
    /// Its public id.
    id: Uuid,
    /// When it was issued.
    issued_at: DateTime<Utc>,
    /// When it was revoked; null while it is accepted.
    revoked_at: Option<DateTime<Utc>>,
}

/// How a filter's category labels are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "schema::Vocabulary")]
pub enum Vocabulary {
    /// The canonical words themselves, and the plain English names that most products use.
    #[graphql(name = "GENERAL")]
    General,
    /// The UT1 lists of Université Toulouse Capitole.
    #[graphql(name = "UT1")]
    Ut1,
    /// e2guardian's list categories.
    #[graphql(name = "E2GUARDIAN")]
    E2guardian,
}

impl From<ingest_key::Source> for Source {
    fn from(row: ingest_key::Source) -> Self {
        let key = |key: ingest_key::Key| Key { id: key.key_id, issued_at: key.issued_at, revoked_at: key.revoked_at };
        Self {
            id: row.source_id,
            name: row.name,
            vocabulary: row.vocabulary.into(),
            keys: row.keys.into_iter().map(key).collect(),
        }
    }
}

/// What a school's own staff can tell of its filters.
#[derive(Debug, Clone, Copy, Default)]
pub struct SourceMutations;

#[Object]
impl SourceMutations {
    /// Lets one of the school's filters send.
    #[graphql(complexity = "COMMAND + child_complexity")]
    async fn register_source(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Chosen by the caller for this command: sent again with the same id, it is not done twice.")]
        command_id: String,
        input: RegisterSourceInput,
    ) -> async_graphql::Result<Option<Outcome<RegisteredSource>>> {
        let RegisterSourceInput { school_id, name, vocabulary } = input;
        let name: Name = name.parse().map_err(|error: schema::IdError| bad_input("input.name", error.expected))?;
        let command = commands::RegisterSource { school: school_id.into(), name, vocabulary: vocabulary.into() };
        mutate(context, command_id, command).await
    }

    /// Makes one more key for a filter of the school. A filter has two live keys at most: the one in use and the one
    /// that replaces it.
    #[graphql(complexity = "COMMAND + child_complexity")]
    async fn issue_ingest_key(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Chosen by the caller for this command: sent again with the same id, it is not done twice.")]
        command_id: String,
        input: IssueIngestKeyInput,
    ) -> async_graphql::Result<Option<Outcome<IssuedIngestKey>>> {
        let command = IssueKey { school: input.school_id.into(), source: input.source_id.into() };
        mutate(context, command_id, command).await
    }

    /// Refuses a key, for ever. It is in force everywhere 5 seconds after a query with the outcome's token has answered.
    #[graphql(complexity = "COMMAND + child_complexity")]
    async fn revoke_ingest_key(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Chosen by the caller for this command: sent again with the same id, it is not done twice.")]
        command_id: String,
        input: RevokeIngestKeyInput,
    ) -> async_graphql::Result<Option<Outcome<RevokedIngestKey>>> {
        let RevokeIngestKeyInput { school_id, source_id, key_id } = input;
        let command = RevokeKey { school: school_id.into(), source: source_id.into(), key: key_id.into() };
        mutate(context, command_id, command).await
    }
}

/// A filter that is to send.
#[derive(Debug, InputObject)]
pub struct RegisterSourceInput {
    /// The school.
    school_id: Uuid,
    /// What the school calls the filter: 1 to 200 characters.
    name: String,
    /// How the filter's category labels are read.
    vocabulary: Vocabulary,
}

/// Whose key it is to be.
#[derive(Debug, InputObject)]
pub struct IssueIngestKeyInput {
    /// The school.
    school_id: Uuid,
    /// Its filter.
    source_id: Uuid,
}

/// The key that is to end.
#[expect(clippy::struct_field_names, reason = "the names that clients write")]
#[derive(Debug, InputObject)]
pub struct RevokeIngestKeyInput {
    /// The school.
    school_id: Uuid,
    /// Its filter.
    source_id: Uuid,
    /// The key's public id.
    key_id: Uuid,
}

/// A filter that may send, once it has a key.
#[derive(Debug, SimpleObject)]
pub struct RegisteredSource {
    /// Its id.
    source_id: Uuid,
}

/// A key that was made.
#[derive(SimpleObject)]
pub struct IssuedIngestKey {
    /// Its public id.
    key_id: Uuid,
    /// What the filter sends as `Authorization: Bearer …`. It is shown this once: null when the command came before, and
    /// then the way on is to revoke it and to issue another.
    key: Option<String>,
}

/// A key that is refused.
#[derive(Debug, SimpleObject)]
pub struct RevokedIngestKey {
    /// Its public id.
    key_id: Uuid,
}

impl From<SourceId> for RegisteredSource {
    fn from(source: SourceId) -> Self {
        Self { source_id: source.into() }
    }
}

impl From<IssuedKey> for IssuedIngestKey {
    fn from(issued: IssuedKey) -> Self {
        Self { key_id: issued.id.into(), key: issued.key }
    }
}

impl From<KeyId> for RevokedIngestKey {
    fn from(key: KeyId) -> Self {
        Self { key_id: key.into() }
    }
}
