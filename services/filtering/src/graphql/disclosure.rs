//! Giving whoever has a name that a filter sends all that is held of them: as data, and as a page to read.

mod page;

use async_graphql::{ComplexObject, Context, Enum, InputObject, Object, SimpleObject};
use chrono::{DateTime, Utc};
use uuid::Uuid;
use web::{
    command::{Outcome, mutate},
    graphql::{COMMAND, StaffRole},
};

use super::pseudonym;
use crate::{
    commands::{Called, DiscloseName},
    disclosure,
};

/// What can be told of what whoever has a name is given.
#[derive(Debug, Clone, Copy, Default)]
pub struct NameDisclosureMutations;

#[Object]
impl NameDisclosureMutations {
    /// Puts together all that is held of whoever has a name that the school's filters send, such as a pupil, to be given to them
    /// (UK GDPR Art. 15), and records that it was. No name that the filter sends of anybody else is in it; but a device or an address may be used by several,
    /// and what is listed of one is for the school to look through before it gives it to anybody. Of what they asked for it is
    /// that of at most 31 days at a time; it is kept for 90 days.
    #[graphql(complexity = "COMMAND + child_complexity")]
    async fn disclose_name(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Chosen by the caller for this command: sent again with the same id, it is recorded once.")]
        command_id: String,
        input: DiscloseNameInput,
    ) -> async_graphql::Result<Option<Outcome<DisclosedName>>> {
        let of = match input.known_by {
            NameKind::User => Called::User(input.name),
            NameKind::Device => Called::Device(input.name),
            NameKind::Address => Called::Address(input.name),
            NameKind::Pseudonym => Called::Pseudonym(pseudonym("input.name", &input.name)?),
        };
        let command = DiscloseName { school: input.school_id.into(), of, from: input.from, to: input.to };
        mutate(context, command_id, command).await
    }
}

/// Of whom all that is held is to be put together, and of which time.
#[derive(InputObject)]
pub struct DiscloseNameInput {
    /// The school.
    school_id: Uuid,
    /// Their name.
    name: String,
    /// What kind of name that is.
    #[graphql(default_with = "NameKind::User")]
    known_by: NameKind,
    /// What they asked for from this instant on,
    from: DateTime<Utc>,
    /// and before this one, at most 31 days later.
    to: DateTime<Utc>,
}

/// By what kind of name somebody is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum NameKind {
    /// A user, as the filter names them; letter case does not matter.
    User,
    /// A device, as the filter names it: what was asked for by it while the filter knew no user.
    Device,
    /// A client's address, in the same way.
    Address,
    /// A name of our own, as `FlaggedEvent` has it.
    Pseudonym,
}

/// All that is held of whoever has a name, of what they asked for in some time. What was done for a matter is not in it.
#[derive(SimpleObject)]
#[graphql(complex)]
pub struct DisclosedName {
    /// The name, by a name of our own, as `FlaggedEvent` has it.
    pseudonym: String,
    /// The name as the filter sent it; null if it was never kept.
    name: Option<String>,
    /// When it was put together.
    made_at: DateTime<Utc>,
    #[graphql(skip)]
    requests: Vec<DisclosedRequest>,
    /// From when on there may be more requests than are listed, for 20,000, or 16 MiB, are the most: ask again from then on. Null
    /// if all are.
    continues_at: Option<DateTime<Utc>>,
    #[graphql(skip)]
    decisions: Vec<NameDecision>,
}

#[ComplexObject]
impl DisclosedName {
    /// What they asked for, the earliest first.
    #[graphql(complexity = "100 * child_complexity")]
    async fn requests(&self) -> &[DisclosedRequest] {
        &self.requests
    }

    /// What was decided about the name, and when somebody was shown what of it, the earliest first. Whether it is on hold, and for
    /// what, is not said.
    #[graphql(complexity = "100 * child_complexity")]
    async fn decisions(&self) -> &[NameDecision] {
        &self.decisions
    }

    /// The same to read: an HTML page in itself, that loads nothing.
    #[graphql(complexity = "1_000")]
    async fn page(&self) -> String {
        page::page(self)
    }
}

/// A request that somebody made.
#[derive(SimpleObject)]
pub struct DisclosedRequest {
    /// When.
    at: DateTime<Utc>,
    /// The filter that saw it.
    source_id: Uuid,
    /// What the filter did: blocked, warned, overridden, captured, allowed or `auth_challenge`.
    action: String,
    /// The canonical category.
    category: String,
    /// The labels of the category, as the filter has them.
    labels: Vec<String>,
    /// The filter's policy that decided it; null if it did not say so.
    policy: Option<String>,
    /// The group of users: learner, staff, guest or unknown.
    group: String,
    /// The host that was asked for.
    host: String,
    /// The whole URL; null where the host alone was kept.
    url: Option<String>,
    /// What was searched for; null where nothing was, or it was not kept.
    search: Option<String>,
    /// The device's name.
    device: Option<String>,
    /// The client's address.
    address: Option<String>,
}

/// Something that was decided about a name, or shown of it.
#[derive(SimpleObject)]
pub struct NameDecision {
    /// When it was recorded.
    at: DateTime<Utc>,
    /// What kind of event it is, such as `flagged-events-opened`.
    event: String,
    /// Why, such as `safeguarding`; null where nothing is said.
    why: Option<String>,
    /// In which roles whoever was shown it was; of what was decided, none.
    roles: Vec<StaffRole>,
}

impl From<disclosure::Disclosure> for DisclosedName {
    fn from(disclosed: disclosure::Disclosure) -> Self {
        let request = |request: disclosure::Request| DisclosedRequest {
            at: request.at,
            source_id: request.source.into(),
            action: request.action.as_str().to_owned(),
            category: request.category.as_str().to_owned(),
            labels: request.labels,
            policy: request.policy,
            group: request.group.as_str().to_owned(),
            host: request.host,
            url: request.url,
            search: request.search,
            device: request.device,
            address: request.address,
        };
        let decision = |disclosure::Decision { at, event, why, roles }| NameDecision {
            at,
            event,
            why,
            roles: roles.into_iter().map(Into::into).collect(),
        };
        Self {
            pseudonym: disclosed.pseudonym.to_string(),
            name: disclosed.name,
            made_at: disclosed.made_at,
            requests: disclosed.requests.into_iter().map(request).collect(),
            continues_at: disclosed.continues_at,
            decisions: disclosed.decisions.into_iter().map(decision).collect(),
        }
    }
}
