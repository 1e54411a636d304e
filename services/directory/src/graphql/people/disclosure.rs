//! Giving somebody all that is held about them: as data, and as a page to read.

mod page;

use async_graphql::{ComplexObject, Context, Enum, InputObject, Object, SimpleObject};
use chrono::{DateTime, Utc};
use uuid::Uuid;
use web::{
    command::{Outcome, mutate},
    graphql::COMMAND,
};

use super::mutations::WorkplaceInput;
use crate::{commands, disclosure};

/// What can be told of what people are given.
#[derive(Debug, Clone, Copy, Default)]
pub struct DisclosureMutations;

#[Object]
impl DisclosureMutations {
    /// Puts together all that is held about somebody, to be given to them (UK GDPR Art. 15), and records that it was: as a
    /// reading for `DATA_PROTECTION`. Nobody else's name or login is in it.
    #[graphql(complexity = "COMMAND + child_complexity")]
    async fn disclose_record(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Chosen by the caller for this command: sent again with the same id, it is recorded once.")]
        command_id: String,
        input: DiscloseRecordInput,
    ) -> async_graphql::Result<Option<Outcome<DisclosedRecord>>> {
        let (at, person) = (input.at.workplace()?, input.person_id.into());
        mutate(context, command_id, commands::DiscloseRecord { at, person }).await
    }
}

/// Of whom all that is held is to be put together.
#[derive(Debug, InputObject)]
pub struct DiscloseRecordInput {
    /// Where the person is recorded.
    at: WorkplaceInput,
    /// The person.
    person_id: Uuid,
}

/// All that is held about somebody at a school, or at a trust and, where the person is named there, at its schools. What was done
/// for a matter is not in it.
#[derive(SimpleObject)]
#[graphql(complex)]
pub struct DisclosedRecord {
    /// The person.
    person_id: Uuid,
    /// When it was put together.
    made_at: DateTime<Utc>,
    #[graphql(skip)]
    entries: Vec<DisclosedEntry>,
}

#[ComplexObject]
impl DisclosedRecord {
    /// Each event that has to do with the person, the oldest first. Whether the record is on hold, and for what, is not said.
    #[graphql(complexity = "100 * child_complexity")]
    async fn entries(&self) -> &[DisclosedEntry] {
        &self.entries
    }

    /// The same to read: an HTML page in itself, that loads nothing.
    #[graphql(complexity = "1_000")]
    async fn page(&self) -> String {
        page::page(self)
    }
}

/// An event that has to do with a person.
#[derive(SimpleObject)]
pub struct DisclosedEntry {
    /// When it was recorded.
    at: DateTime<Utc>,
    /// How it has to do with the person.
    concern: Concern,
    /// What kind of event it is, such as `role-given`.
    event: String,
    /// Whether the person did it.
    by_the_person: bool,
    /// What it says of the person.
    details: Vec<DisclosedDetail>,
}

/// A fact about a person.
#[derive(SimpleObject)]
pub struct DisclosedDetail {
    /// What it is, such as `name`.
    name: String,
    /// The fact; null if it is forgotten.
    value: Option<String>,
}

/// How an event has to do with a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "disclosure::Concern")]
pub enum Concern {
    /// It is of the person's own record.
    Record,
    /// It is of a role of theirs.
    Role,
    /// Somebody was shown who they are.
    Reading,
    /// They did it; it is about something else.
    Act,
    /// They are named in it.
    Mention,
}

impl From<disclosure::Disclosure> for DisclosedRecord {
    fn from(disclosed: disclosure::Disclosure) -> Self {
        let entries = disclosed.entries.into_iter().map(DisclosedEntry::from).collect();
        Self { person_id: disclosed.person.into(), made_at: disclosed.made_at, entries }
    }
}

impl From<disclosure::Entry> for DisclosedEntry {
    fn from(entry: disclosure::Entry) -> Self {
        let disclosure::Entry { at, concern, event, by_the_person, details } = entry;
        let detail = |disclosure::Detail { name, value }| DisclosedDetail { name, value };
        Self { at, concern: concern.into(), event, by_the_person, details: details.into_iter().map(detail).collect() }
    }
}
