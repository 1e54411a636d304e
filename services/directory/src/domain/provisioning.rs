//! With which keys a school's or trust's own directory may say who works there.

use access::KeyHash;
use eventlog::Aggregate;
use schema::{
    KeyId,
    provisioning::{ProvisioningEvent, ScimKeyIssued, ScimKeyRevoked},
};

use super::keys::{self, KeyState, KeysError};

/// Every key ever issued, the oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Provisioning {
    /// The keys.
    pub keys: Vec<(KeyId, KeyState)>,
}

/// What can be asked of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProvisioningCommand {
    /// Let it provision with one more key.
    IssueKey {
        /// The key's public id, never used before.
        key: KeyId,
        /// The key's hash.
        hash: KeyHash,
    },
    /// Refuse a key from now on.
    RevokeKey {
        /// The key's public id.
        key: KeyId,
    },
}

/// Why it is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProvisioningError {
    /// Revoke one first.
    #[error("the school or trust has two live SCIM keys: revoke one before another is issued")]
    TooManyKeys,
    /// More than anybody needs.
    #[error("the school or trust has had 500 SCIM keys")]
    TooManyKeysEver,
    /// A key's id is used once.
    #[error("the key's id is already used here")]
    KeyExists,
    /// No key here has the id.
    #[error("the school or trust has no such SCIM key")]
    KeyUnknown,
}

impl Aggregate for Provisioning {
    type Command = ProvisioningCommand;
    type Event = ProvisioningEvent;
    type Error = ProvisioningError;

    fn decide(&self, command: &ProvisioningCommand) -> Result<Vec<ProvisioningEvent>, ProvisioningError> {
        match command {
            ProvisioningCommand::IssueKey { key, hash } => {
                keys::may_issue(&self.keys, *key)?;
                Ok(vec![ProvisioningEvent::KeyIssued(ScimKeyIssued { key: *key, hash: hash.to_string() })])
            }
            ProvisioningCommand::RevokeKey { key } => match keys::state(&self.keys, *key)? {
                KeyState::Revoked => Ok(vec![]),
                KeyState::Live => Ok(vec![ProvisioningEvent::KeyRevoked(ScimKeyRevoked { key: *key })]),
            },
        }
    }

    fn evolve(mut self, event: &ProvisioningEvent) -> Self {
        match event {
            ProvisioningEvent::KeyIssued(issued) => self.keys.push((issued.key, KeyState::Live)),
            ProvisioningEvent::KeyRevoked(revoked) => keys::revoke(&mut self.keys, revoked.key),
        }
        self
    }
}

impl From<KeysError> for ProvisioningError {
    fn from(error: KeysError) -> Self {
        match error {
            KeysError::TooMany => Self::TooManyKeys,
            KeysError::TooManyEver => Self::TooManyKeysEver,
            KeysError::Exists => Self::KeyExists,
            KeysError::Unknown => Self::KeyUnknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn key(n: u128) -> KeyId {
        Uuid::from_u128(n).into()
    }

    fn issue(n: u8) -> ProvisioningCommand {
        ProvisioningCommand::IssueKey { key: key(n.into()), hash: KeyHash::from([n; 32]) }
    }

    fn issued(n: u8) -> ProvisioningEvent {
        let hash = KeyHash::from([n; 32]).to_string();
        ProvisioningEvent::KeyIssued(ScimKeyIssued { key: key(n.into()), hash })
    }

    fn revoked(n: u128) -> ProvisioningEvent {
        ProvisioningEvent::KeyRevoked(ScimKeyRevoked { key: key(n) })
    }

    #[test]
    fn a_third_live_key_is_refused_and_a_revoked_one_makes_room_but_never_returns() {
        assert_eq!(Provisioning::default().decide(&issue(1)), Ok(vec![issued(1)]));
        let two = Provisioning::after(&[issued(1), issued(2)]);
        assert_eq!(two.decide(&issue(3)), Err(ProvisioningError::TooManyKeys));
        let one = two.evolve(&revoked(1));
        assert_eq!(one.decide(&issue(3)), Ok(vec![issued(3)]));
        assert_eq!(one.decide(&issue(1)), Err(ProvisioningError::KeyExists));
    }

    #[test]
    fn a_key_is_revoked_once_and_one_that_was_never_made_not_at_all() {
        let revoke = |n| ProvisioningCommand::RevokeKey { key: key(n) };
        let one = Provisioning::after(&[issued(1)]);
        assert_eq!(one.decide(&revoke(1)), Ok(vec![revoked(1)]));
        assert_eq!(one.decide(&revoke(2)), Err(ProvisioningError::KeyUnknown));
        assert_eq!(one.evolve(&revoked(1)).decide(&revoke(1)), Ok(vec![]));
    }
}
