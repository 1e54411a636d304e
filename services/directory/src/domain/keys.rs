//! The keys of one holder: how many it may have, and what has become of each.

use schema::KeyId;

/// How many keys may be live at once: the one in use and the one that replaces it.
const LIVE: usize = 2;

/// How many keys there may have been: with a new one each week, for nearly ten years.
const EVER: usize = 500;

/// What has become of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyState {
    /// It is accepted.
    Live,
    /// It is refused, for ever.
    Revoked,
}

/// Why a key is not made or revoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeysError {
    /// Two are live.
    TooMany,
    /// There were 500.
    TooManyEver,
    /// The id was used before.
    Exists,
    /// There is no such key.
    Unknown,
}

/// Whether one more may be made.
pub fn may_issue(keys: &[(KeyId, KeyState)], key: KeyId) -> Result<(), KeysError> {
    if keys.iter().any(|(id, _)| *id == key) {
        return Err(KeysError::Exists);
    }
    if keys.iter().filter(|(_, state)| *state == KeyState::Live).count() >= LIVE {
        return Err(KeysError::TooMany);
    }
    if keys.len() >= EVER {
        return Err(KeysError::TooManyEver);
    }
    Ok(())
}

/// What has become of a key.
pub fn state(keys: &[(KeyId, KeyState)], key: KeyId) -> Result<KeyState, KeysError> {
    keys.iter().find(|(id, _)| *id == key).map(|(_, state)| *state).ok_or(KeysError::Unknown)
}

/// Refuses a key from now on.
pub fn revoke(keys: &mut [(KeyId, KeyState)], key: KeyId) {
    for (_, state) in keys.iter_mut().filter(|(id, _)| *id == key) {
        *state = KeyState::Revoked;
    }
}
