//! Flagged events, and opening what is sealed of them.

use async_graphql::{Context, Enum, InputObject, Object, SimpleObject};
use chrono::{DateTime, Utc};
use schema::{Category, FlaggedEventId, PseudonymId, SchoolId, filtering as said};
use uuid::Uuid;
use web::{
    command::{Outcome, mutate},
    graphql::{COMMAND, StaffRole, bad_input},
};

use super::pseudonym;
use crate::{
    commands::{OpenFlaggedEvents, Opened},
    domain::opening::MOST,
    views::{decisions, flagged},
};

/// A request that somebody may have to look at: the filter did not simply let it pass, or its category is of high concern.
/// Who made it and what exactly they asked for, `openFlaggedEvents` shows.
#[derive(Debug, Clone, SimpleObject)]
pub struct FlaggedEvent {
    /// Its id.
    id: Uuid,
    /// The filter that saw it.
    source_id: Uuid,
    /// When the request was made.
    at: DateTime<Utc>,
    /// The canonical category.
    category: String,
    /// What the filter did: blocked, warned, overridden, captured, allowed or `auth_challenge`.
    action: String,
    /// The group of users: learner, staff, guest or unknown.
    group: String,
    /// The host that was asked for.
    host: String,
    /// The user, by a name of our own: always the same for the same user. Null where the filter did not say.
    user: Option<String>,
    /// The device, by a name of our own.
    device: Option<String>,
    /// The client's address, by a name of our own.
    address: Option<String>,
    /// Whether more is kept of what was asked for than the host.
    has_more: bool,
}

/// Which of a school's flagged events; all that is given must be so.
#[derive(Debug, Default, InputObject)]
pub struct FlaggedEventsOnly {
    /// Of this canonical category.
    category: Option<String>,
    /// Of this user, as `FlaggedEvent.user` has it.
    user: Option<String>,
}

impl FlaggedEventsOnly {
    /// The category and the user's pseudonym.
    pub fn read(self) -> async_graphql::Result<(Option<Category>, Option<PseudonymId>)> {
        let category = self.category.map(|word| word.parse()).transpose();
        let user = self.user.map(|name| pseudonym("only.user", &name)).transpose();
        Ok((category.map_err(|_| bad_input("only.category", "expected a canonical category"))?, user?))
    }
}

/// An opening of what is sealed of filter events: of flagged ones, or of all that is held of whoever has a name.
#[derive(Debug, Clone, SimpleObject)]
pub struct FlaggedEventOpening {
    /// Its id.
    id: Uuid,
    /// Who opened: always the same name for the same login.
    reader: String,
    /// When.
    at: DateTime<Utc>,
    /// The roles that the reader held at the school; empty where nobody knows.
    roles: Vec<StaffRole>,
    /// What for.
    purpose: OpeningPurpose,
    /// Which flagged events; empty if all that is held of whoever has a name was disclosed.
    event_ids: Vec<Uuid>,
    /// Whose name that is, by a name of our own, and of which time; null for an opening of flagged events.
    disclosed: Option<NameAndTime>,
    /// The matter that it was done for; null if it was done for none. Whoever is recused from the matter is not shown the opening.
    matter_id: Option<Uuid>,
}

/// A name that a filter sends, and some time.
#[derive(Debug, Clone, SimpleObject)]
pub struct NameAndTime {
    /// The name, by a name of our own, as `FlaggedEvent` has it.
    name: String,
    /// From this instant on,
    from: DateTime<Utc>,
    /// and before this one.
    to: DateTime<Utc>,
}

/// What was sealed of a flagged event. Null is what the filter did not say, and what is no longer kept: of whoever is
/// forgotten, and 90 days after it came.
#[derive(Clone, SimpleObject)]
pub struct OpenedEvent {
    /// The event.
    id: Uuid,
    /// The whole URL.
    url: Option<String>,
    /// What was searched for.
    search: Option<String>,
    /// The user's name, as the filter knows it.
    user: Option<String>,
    /// The device's name.
    device: Option<String>,
    /// The client's address.
    address: Option<String>,
}

/// What somebody opens flagged events for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "said::OpeningPurpose")]
pub enum OpeningPurpose {
    /// To protect a child.
    Safeguarding,
    /// To see whether the filter did right.
    FilterReview,
    /// To find out about misuse by an adult.
    Misuse,
    /// To answer a person's or the regulator's request.
    DataProtection,
}

/// What a school's own staff can tell of its filter events.
#[derive(Debug, Clone, Copy, Default)]
pub struct FlaggedMutations;

#[Object]
impl FlaggedMutations {
    /// Shows who asked for what, and records that it was shown, to whom and what for.
    #[graphql(complexity = "COMMAND + child_complexity")]
    async fn open_flagged_events(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Chosen by the caller for this command: sent again with the same id, it is recorded once.")]
        command_id: String,
        input: OpenFlaggedEventsInput,
    ) -> async_graphql::Result<Option<Outcome<OpenedEvents>>> {
        if input.event_ids.is_empty() || input.event_ids.len() > MOST {
            return Err(bad_input("input.eventIds", "expected 1 to 100 events"));
        }
        let command = OpenFlaggedEvents {
            school: SchoolId::from(input.school_id),
            events: input.event_ids.into_iter().map(FlaggedEventId::from).collect(),
            purpose: input.purpose.into(),
            matter: input.matter_id.map(Into::into),
        };
        mutate(context, command_id, command).await
    }
}

/// Which events, and what for.
#[derive(Debug, InputObject)]
pub struct OpenFlaggedEventsInput {
    /// The school.
    school_id: Uuid,
    /// The events, 1 to 100, each once.
    event_ids: Vec<Uuid>,
    /// What for.
    purpose: OpeningPurpose,
    /// The matter that it is done for: whoever is recused from it is not shown that it was.
    matter_id: Option<Uuid>,
}

/// What was shown.
#[derive(Clone, SimpleObject)]
pub struct OpenedEvents {
    /// The events, in the order in which they were asked for.
    events: Vec<OpenedEvent>,
}

impl From<Vec<Opened>> for OpenedEvents {
    fn from(opened: Vec<Opened>) -> Self {
        let event = |Opened { event, url, search, user, device, address }| OpenedEvent {
            id: Uuid::from(event),
            url,
            search,
            user,
            device,
            address,
        };
        Self { events: opened.into_iter().map(event).collect() }
    }
}

impl From<flagged::FlaggedEvent> for FlaggedEvent {
    fn from(row: flagged::FlaggedEvent) -> Self {
        Self {
            id: row.event_id,
            source_id: row.source_id,
            at: row.at,
            category: row.category,
            action: row.action,
            group: row.user_group,
            host: row.host,
            user: name_of_our_own(row.user_is),
            device: name_of_our_own(row.device_is),
            address: name_of_our_own(row.address_is),
            has_more: row.is_sealed,
        }
    }
}

impl From<decisions::Opening> for FlaggedEventOpening {
    fn from(row: decisions::Opening) -> Self {
        let (roles, purpose) = (row.roles.into_iter().map(StaffRole::from).collect(), row.purpose.into());
        let disclosed = row.disclosed.map(|decisions::Disclosed { name, from, to }| NameAndTime {
            name: name.to_string(),
            from,
            to,
        });
        let (event_ids, matter_id) = (row.events, row.matter);
        Self { id: row.id, reader: row.reader, at: row.at, roles, purpose, event_ids, disclosed, matter_id }
    }
}

fn name_of_our_own(pseudonym: Option<i64>) -> Option<String> {
    pseudonym.map(|number| PseudonymId::from(number).to_string())
}
