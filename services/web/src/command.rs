//! The command side between a mutation and the log, once for all contexts.
//!
//! A context says what a command is, whose the record is and what it asks of it ([`Command`]). The way there is
//! here: the gateway's [`client`] sends it to the owning service's [`endpoint`], which carries it out ([`carry_out`]) and
//! answers; the mutation's [`Outcome`] says what became of it.

mod carry_out;
pub mod client;
pub mod endpoint;
mod outcome;
mod wire;

use std::error::Error;

use access::Facts;
use chrono::{DateTime, TimeDelta, Utc};
use eventlog::{Aggregate, CommandError, Done, Owner};
use schema::{MatterId, people::StaffRole};
use serde::{Serialize, de::DeserializeOwned};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;
use vault::{Secret, Vault, VaultError};

pub use carry_out::{CarriedOut, Sent, carry_out};
pub use client::Client;
pub use endpoint::Service;
pub use outcome::{Outcome, mutate};
pub use wire::Refused;

/// For how long after it was recorded something is shown again.
const SHOWN_AGAIN: TimeDelta = TimeDelta::minutes(1);

/// The events of a command's record.
pub type EventOf<C> = <<C as Command>::Record as Aggregate>::Event;

/// What a service can be told, as it is sent.
pub trait Command: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// The service that owns the record, as the audience of exchanged tokens.
    const SERVICE: &'static str;
    /// Its name there, in kebab case.
    const NAME: &'static str;
    /// What it changes.
    type Record: Aggregate;
    /// Why it is refused.
    type Refusal: Refusal + From<<Self::Record as Aggregate>::Error>;
    /// What the caller is told of what it led to.
    type Answer: Serialize + DeserializeOwned + Send + 'static;

    /// Whose the record is. Who may command it there, `schema/policies` say of the action of this name; whoever may not is
    /// answered as if there were no such record.
    fn owner(&self) -> Owner;

    /// What else that rests on.
    fn facts(&self) -> Facts {
        Facts::default()
    }

    /// The matter that it is done for: whoever is recused from it (R130) is answered as if there were no such matter.
    fn matter(&self) -> Option<MatterId> {
        None
    }

    /// The record's stream.
    fn stream(&self, given: &Given) -> String;

    /// What is asked of the record; what is personal in it is sealed here.
    fn ask(
        &self,
        given: &Given,
    ) -> impl Future<Output = Result<<Self::Record as Aggregate>::Command, CommandError<Self::Refusal>>> + Send;

    /// What must hold of other records: asked in the transaction of the decision, and not held to.
    fn check(
        &self,
        _given: &Given,
        _connection: &mut PgConnection,
    ) -> impl Future<Output = Result<(), CommandError<Self::Refusal>>> + Send {
        async { Ok(()) }
    }

    /// What the caller is told. Events that this command cannot have led to are another's of the same id:
    /// [`CommandError::CommandIdReused`].
    fn answer(
        &self,
        given: &Given,
        done: &Done<EventOf<Self>>,
    ) -> impl Future<Output = Result<Self::Answer, CommandError<Self::Refusal>>> + Send;
}

/// Why a command is refused, as a caller may know it.
pub trait Refusal: Error + Send + Sync + 'static {
    /// The rule that refuses it; none when there is no such record, or none that the caller may know of.
    fn rule(&self) -> Option<Rule>;
}

/// A rule, as clients may rely on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// Its name, such as `TOO_MANY_KEYS`.
    pub reason: &'static str,
    /// The field of the input that it is about, if it is about one.
    pub field: Option<&'static str>,
}

impl Rule {
    /// A rule about the record.
    pub const fn new(reason: &'static str) -> Self {
        Self { reason, field: None }
    }

    /// A rule about a field of the input.
    pub const fn of(reason: &'static str, field: &'static str) -> Self {
        Self { reason, field: Some(field) }
    }
}

/// Where a service keeps what it is told.
#[derive(Debug, Clone)]
pub struct Means {
    /// The log, and the views, as the service's own role.
    pub pool: PgPool,
    /// The keys of what it seals.
    pub vault: Vault,
    /// The secret under which it hashes names, to find them again; none where it finds nobody by name.
    pub secret: Option<Secret>,
}

impl Means {
    /// The log alone, for what seals nothing.
    pub const fn without_keys(pool: PgPool) -> Self {
        Self { pool, vault: Vault::none(), secret: None }
    }
}

/// What a command is carried out with, and must not make itself.
#[derive(Clone)]
pub struct Given {
    /// Whose the record is.
    pub owner: Owner,
    /// An id for what the command brings into being: the same when its sender sends it again.
    pub id: Uuid,
    /// 256 random bits: others each time.
    pub random: [u8; 32],
    /// Who sent it, as the log knows them.
    pub actor: String,
    /// The roles in which they did, there.
    pub roles: Vec<StaffRole>,
    /// When it came.
    pub at: DateTime<Utc>,
    /// The service's means.
    pub means: Means,
}

impl Given {
    pub(crate) fn new(means: &Means, owner: Owner, sent: &Sent, at: DateTime<Utc>) -> Self {
        let mut hash = blake3::Hasher::new_derive_key("Wardlog 2026 ids of what commands bring into being");
        hash.update(owner.id().as_bytes()).update(sent.cause.actor.as_bytes());
        hash.update(&[0]).update(sent.cause.command_id.as_str().as_bytes());
        let mut id = [0; 16];
        hash.finalize_xof().fill(&mut id);
        Self {
            owner,
            id: uuid::Builder::from_custom_bytes(id).into_uuid(),
            random: sent.random,
            actor: sent.cause.actor.clone(),
            roles: sent.roles.clone(),
            at,
            means: means.clone(),
        }
    }

    /// Whether what was recorded as shown may be shown for it: at once, and to whoever did not get the answer and asks again.
    /// Later it would be shown without anybody's knowing of it.
    pub fn may_show<E>(&self, done: &Done<E>) -> bool {
        done.appended.as_ref().is_none_or(|appended| self.at - appended.recorded_at <= SHOWN_AGAIN)
    }
}

/// What the keys' failing means for a command: it was not carried out, and may be later.
pub fn unsealed<R: Refusal>(error: VaultError) -> CommandError<R> {
    CommandError::Unprepared(Box::new(error))
}
