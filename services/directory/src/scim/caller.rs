//! Whoever provisions: a key, and the school or trust whose it is.

use access::KeyHash;
use chrono::{DateTime, NaiveDate, Utc};
use eventlog::Aggregate;
use schema::{KeyId, people::StaffingEvent};
use uuid::Uuid;
use web::command::{Command, Sent, carry_out};

use super::{error::ScimError, http::Scim};
use crate::{
    accounts::Accounts,
    commands::staffing_stream,
    domain::{staffing::Staffing, workplace::Workplace},
};

/// One request of a school's or trust's directory.
pub(super) struct Caller<'a> {
    pub(super) scim: &'a Scim,
    /// The key as it was shown.
    pub(super) shown: KeyHash,
    pub(super) key: KeyId,
    /// Whose people it speaks of, and of nobody else's.
    pub(super) at: Workplace,
    pub(super) now: DateTime<Utc>,
    /// Ties together all that the request leads to.
    pub(super) correlation: Uuid,
    /// What addresses of resources begin with.
    pub(super) base: String,
}

impl Caller<'_> {
    /// The London day.
    pub(super) fn today(&self) -> NaiveDate {
        schema::london_day(self.now)
    }

    /// In the log and among the readings it is the key that acts.
    pub(super) fn sent(&self) -> Sent {
        let mut sent = Sent::here(&format!("scim-key-{}", self.key));
        sent.cause.correlation_id = self.correlation;
        sent
    }

    /// Carries out a command, unless the key has been revoked meanwhile, more than some seconds ago.
    pub(super) async fn tell<C: Command>(&self, command: C) -> Result<C::Answer, ScimError> {
        self.scim.holder(self.shown).await?;
        let done = carry_out(&self.scim.means, self.at.owner(), command, self.sent(), self.now).await;
        self.scim.wake.all();
        Ok(done.map_err(ScimError::of_command)?.answer)
    }

    pub(super) async fn accounts(&self) -> Result<Accounts, ScimError> {
        Ok(Accounts::load(&mut *self.scim.means.pool.acquire().await?, self.at.owner()).await?)
    }

    pub(super) async fn staffing(&self) -> Result<Staffing, ScimError> {
        let stream = staffing_stream(self.at.owner());
        let mut connection = self.scim.means.pool.acquire().await?;
        let events = eventlog::load::<StaffingEvent>(&mut connection, stream.owner, &stream.name).await?;
        Ok(Staffing::after(events.iter().map(|stored| &stored.event)))
    }
}
