//! A source: one of a school's filters as a sender, and the keys that it may send with.

use eventlog::Aggregate;
use schema::{
    KeyId, SchoolId, SourceId, Vocabulary,
    directory::{KeyIssued, KeyRevoked, SourceEvent, SourceRegistered},
};

use super::{
    keys::{self, KeysError},
    name::Name,
};
use access::KeyHash;

pub use super::keys::KeyState;

/// A source as its events leave it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Source {
    /// Nothing is known of it.
    #[default]
    Unknown,
    /// It may send, with any key that is live.
    Registered {
        /// What it was registered as.
        registered: SourceRegistered,
        /// Every key ever issued, the oldest first.
        keys: Vec<(KeyId, KeyState)>,
    },
}

/// What can be asked of a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SourceCommand {
    /// Let it send.
    Register(RegisterSource),
    /// Let it send with one more key.
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

/// See [`SourceCommand::Register`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegisterSource {
    /// The filter.
    pub source: SourceId,
    /// Its school.
    pub school: SchoolId,
    /// What the school calls it.
    pub name: Name,
    /// How its category labels are read.
    pub vocabulary: Vocabulary,
}

/// Why a source refuses a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    /// Register it first.
    #[error("the source is not registered")]
    NotRegistered,
    /// A source is registered once; another filter is another source.
    #[error("the source is registered with another school, name or vocabulary")]
    RegisteredDifferently,
    /// Revoke one first.
    #[error("the source has two live keys: revoke one before issuing a third")]
    TooManyKeys,
    /// It has had as many as a source may.
    #[error("the source has had 500 keys: register the filter as another source")]
    TooManyKeysEver,
    /// A key's id is used once.
    #[error("the key's id is already used by this source")]
    KeyExists,
    /// No key of this source has the id.
    #[error("the source has no such key")]
    KeyUnknown,
}

impl Aggregate for Source {
    type Command = SourceCommand;
    type Event = SourceEvent;
    type Error = SourceError;

    fn decide(&self, command: &SourceCommand) -> Result<Vec<SourceEvent>, SourceError> {
        match (self, command) {
            (Self::Unknown, SourceCommand::Register(wanted)) => {
                Ok(vec![SourceEvent::Registered(wanted.clone().into())])
            }
            (Self::Unknown, SourceCommand::IssueKey { .. } | SourceCommand::RevokeKey { .. }) => {
                Err(SourceError::NotRegistered)
            }
            (Self::Registered { registered, .. }, SourceCommand::Register(wanted)) => {
                if *registered == wanted.clone().into() { Ok(vec![]) } else { Err(SourceError::RegisteredDifferently) }
            }
            (Self::Registered { keys, .. }, SourceCommand::IssueKey { key, hash }) => issue(keys, *key, *hash),
            (Self::Registered { keys, .. }, SourceCommand::RevokeKey { key }) => revoke(keys, *key),
        }
    }

    fn evolve(self, event: &SourceEvent) -> Self {
        match (self, event) {
            (Self::Unknown, SourceEvent::Registered(registered)) => {
                Self::Registered { registered: registered.clone(), keys: vec![] }
            }
            (Self::Unknown, SourceEvent::KeyIssued(_) | SourceEvent::KeyRevoked(_)) => Self::Unknown,
            (known @ Self::Registered { .. }, SourceEvent::Registered(_)) => known,
            (Self::Registered { registered, mut keys }, SourceEvent::KeyIssued(KeyIssued { key, .. })) => {
                keys.push((*key, KeyState::Live));
                Self::Registered { registered, keys }
            }
            (Self::Registered { registered, mut keys }, SourceEvent::KeyRevoked(KeyRevoked { key })) => {
                keys::revoke(&mut keys, *key);
                Self::Registered { registered, keys }
            }
        }
    }
}

fn issue(keys: &[(KeyId, KeyState)], key: KeyId, hash: KeyHash) -> Result<Vec<SourceEvent>, SourceError> {
    keys::may_issue(keys, key)?;
    Ok(vec![SourceEvent::KeyIssued(KeyIssued { key, hash: hash.to_string() })])
}

fn revoke(keys: &[(KeyId, KeyState)], key: KeyId) -> Result<Vec<SourceEvent>, SourceError> {
    match keys::state(keys, key)? {
        KeyState::Revoked => Ok(vec![]),
        KeyState::Live => Ok(vec![SourceEvent::KeyRevoked(KeyRevoked { key })]),
    }
}

impl From<KeysError> for SourceError {
    fn from(error: KeysError) -> Self {
        match error {
            KeysError::TooMany => Self::TooManyKeys,
            KeysError::TooManyEver => Self::TooManyKeysEver,
            KeysError::Exists => Self::KeyExists,
            KeysError::Unknown => Self::KeyUnknown,
        }
    }
}

impl From<RegisterSource> for SourceRegistered {
    fn from(RegisterSource { source, school, name, vocabulary }: RegisterSource) -> Self {
        Self { source, school, name: name.into(), vocabulary }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn key(n: u128) -> KeyId {
        Uuid::from_u128(n).into()
    }

    fn hash(n: u8) -> KeyHash {
        KeyHash::from([n; 32])
    }

    fn filter(name: &str) -> RegisterSource {
        RegisterSource {
            source: Uuid::from_u128(10).into(),
            school: Uuid::from_u128(11).into(),
            name: name.parse().unwrap(),
            vocabulary: Vocabulary::Ut1,
        }
    }

    fn registered() -> SourceEvent {
        SourceEvent::Registered(filter("Main filter").into())
    }

    fn issued(n: u8) -> SourceEvent {
        SourceEvent::KeyIssued(KeyIssued { key: key(n.into()), hash: hash(n).to_string() })
    }

    fn revoked(n: u128) -> SourceEvent {
        SourceEvent::KeyRevoked(KeyRevoked { key: key(n) })
    }

    fn issue(n: u8) -> SourceCommand {
        SourceCommand::IssueKey { key: key(n.into()), hash: hash(n) }
    }

    #[test]
    fn a_source_is_registered_once() {
        assert_eq!(Source::Unknown.decide(&SourceCommand::Register(filter("Main filter"))), Ok(vec![registered()]));
        let source = Source::after(&[registered()]);
        assert_eq!(source.decide(&SourceCommand::Register(filter("Main filter"))), Ok(vec![]));
        assert_eq!(source.decide(&SourceCommand::Register(filter("Another"))), Err(SourceError::RegisteredDifferently));
    }

    #[test]
    fn an_unregistered_source_has_no_keys() {
        assert_eq!(Source::Unknown.decide(&issue(1)), Err(SourceError::NotRegistered));
        assert_eq!(Source::Unknown.decide(&SourceCommand::RevokeKey { key: key(1) }), Err(SourceError::NotRegistered));
    }

    #[test]
    fn a_third_live_key_is_refused() {
        let source = Source::after(&[registered(), issued(1)]);
        assert_eq!(source.decide(&issue(2)), Ok(vec![issued(2)]));
        let source = source.evolve(&issued(2));
        assert_eq!(source.decide(&issue(3)), Err(SourceError::TooManyKeys));
    }

    #[test]
    fn a_source_has_no_more_than_500_keys_ever() {
        let keys = (1..=500).flat_map(|n: u128| {
            let issued = KeyIssued { key: key(n), hash: hash(1).to_string() };
            [SourceEvent::KeyIssued(issued), revoked(n)]
        });
        let history: Vec<_> = [registered()].into_iter().chain(keys).collect();
        assert!(Source::after(&history[..history.len() - 2]).decide(&issue(0)).is_ok());
        assert_eq!(Source::after(&history).decide(&issue(0)), Err(SourceError::TooManyKeysEver));
    }

    #[test]
    fn a_revoked_key_makes_room_for_another_but_never_returns() {
        let source = Source::after(&[registered(), issued(1), issued(2), revoked(1)]);
        assert_eq!(source.decide(&issue(3)), Ok(vec![issued(3)]));
        assert_eq!(source.decide(&issue(1)), Err(SourceError::KeyExists));
    }

    #[test]
    fn a_live_key_is_revoked() {
        let source = Source::after(&[registered(), issued(1)]);
        assert_eq!(source.decide(&SourceCommand::RevokeKey { key: key(1) }), Ok(vec![revoked(1)]));
    }

    #[test]
    fn revoking_twice_is_no_event() {
        let source = Source::after(&[registered(), issued(1), revoked(1)]);
        assert_eq!(source.decide(&SourceCommand::RevokeKey { key: key(1) }), Ok(vec![]));
    }

    #[test]
    fn revoking_an_unknown_key_is_refused() {
        let source = Source::after(&[registered(), issued(1)]);
        assert_eq!(source.decide(&SourceCommand::RevokeKey { key: key(2) }), Err(SourceError::KeyUnknown));
    }
}
