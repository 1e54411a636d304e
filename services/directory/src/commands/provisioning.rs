//! The keys with which a school's or trust's own directory provisions.

use access::ScimKey;
use eventlog::{Aggregate, CommandError, Done, Owner};
use schema::{
    KeyId,
    directory::{SchoolEvent, TrustEvent},
    provisioning::ProvisioningEvent,
};
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use web::command::{Command, Given, Refusal, Rule};

use super::{IssuedKey, school_stream, trust_stream};
use crate::{
    domain::{
        provisioning::{Provisioning, ProvisioningCommand, ProvisioningError},
        school::School,
        trust::Trust,
        workplace::Workplace,
    },
    http::SERVICE,
};

/// Makes a school or trust one more SCIM key.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct IssueScimKey {
    /// Whose people may be provisioned with it.
    pub at: Workplace,
}

/// Refuses a SCIM key from now on.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RevokeScimKey {
    /// Whose it is.
    pub at: Workplace,
    /// The key, by its public id.
    pub key: KeyId,
}

type Error = CommandError<ProvisioningRefusal>;

/// Why a command about SCIM keys is refused.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProvisioningRefusal {
    /// The rules of keys refuse it.
    #[error(transparent)]
    Provisioning(#[from] ProvisioningError),
    /// The register does not know it.
    #[error("the school or trust is not registered")]
    WorkplaceUnknown,
}

impl Refusal for ProvisioningRefusal {
    fn rule(&self) -> Option<Rule> {
        match self {
            Self::WorkplaceUnknown | Self::Provisioning(ProvisioningError::KeyUnknown) => None,
            Self::Provisioning(ProvisioningError::TooManyKeys) => Some(Rule::new("TOO_MANY_KEYS")),
            Self::Provisioning(ProvisioningError::TooManyKeysEver) => Some(Rule::new("TOO_MANY_KEYS_EVER")),
            Self::Provisioning(ProvisioningError::KeyExists) => Some(Rule::new("KEY_EXISTS")),
        }
    }
}

impl Command for IssueScimKey {
    const SERVICE: &'static str = SERVICE;
    const NAME: &'static str = "issue-scim-key";
    type Record = Provisioning;
    type Refusal = ProvisioningRefusal;
    type Answer = IssuedKey;

    fn owner(&self) -> Owner {
        self.at.owner()
    }

    fn stream(&self, _: &Given) -> String {
        stream(self.at)
    }

    async fn ask(&self, given: &Given) -> Result<ProvisioningCommand, Error> {
        Ok(ProvisioningCommand::IssueKey { key: given.id.into(), hash: ScimKey::from_random(given.random).hash() })
    }

    async fn check(&self, _: &Given, connection: &mut PgConnection) -> Result<(), Error> {
        if is_registered(connection, self.at).await? {
            Ok(())
        } else {
            Err(CommandError::Refused(ProvisioningRefusal::WorkplaceUnknown))
        }
    }

    async fn answer(&self, given: &Given, done: &Done<ProvisioningEvent>) -> Result<IssuedKey, Error> {
        let key = ScimKey::from_random(given.random);
        match done.events.as_slice() {
            [ProvisioningEvent::KeyIssued(issued)] => {
                let is_this_one = issued.hash == key.hash().to_string();
                Ok(IssuedKey { id: issued.key, key: is_this_one.then(|| key.reveal()) })
            }
            _ => Err(CommandError::CommandIdReused),
        }
    }
}

impl Command for RevokeScimKey {
    const SERVICE: &'static str = SERVICE;
    const NAME: &'static str = "revoke-scim-key";
    type Record = Provisioning;
    type Refusal = ProvisioningRefusal;
    type Answer = KeyId;

    fn owner(&self) -> Owner {
        self.at.owner()
    }

    fn stream(&self, _: &Given) -> String {
        stream(self.at)
    }

    async fn ask(&self, _: &Given) -> Result<ProvisioningCommand, Error> {
        Ok(ProvisioningCommand::RevokeKey { key: self.key })
    }

    async fn answer(&self, _: &Given, done: &Done<ProvisioningEvent>) -> Result<KeyId, Error> {
        match done.events.as_slice() {
            [] => Ok(self.key),
            [ProvisioningEvent::KeyRevoked(revoked)] if revoked.key == self.key => Ok(self.key),
            _ => Err(CommandError::CommandIdReused),
        }
    }
}

fn stream(at: Workplace) -> String {
    format!("provisioning-{}", at.owner().id())
}

async fn is_registered(connection: &mut PgConnection, at: Workplace) -> Result<bool, Error> {
    match at {
        Workplace::School(school) => {
            let stream = school_stream(school);
            let events = eventlog::load::<SchoolEvent>(connection, stream.owner, &stream.name).await?;
            Ok(School::after(events.iter().map(|stored| &stored.event)) != School::Unknown)
        }
        Workplace::Trust(trust) => {
            let stream = trust_stream(trust);
            let events = eventlog::load::<TrustEvent>(connection, stream.owner, &stream.name).await?;
            Ok(Trust::after(events.iter().map(|stored| &stored.event)) != Trust::Unknown)
        }
    }
}
