//! Keys as the store keeps them: each in a row, wrapped.

use std::collections::{HashMap, hash_map::Entry};

use schema::DataKeyId;
use uuid::Uuid;

use crate::{KeyFile, VaultError, aead::Aead, key_file::Holder};

/// A key as it is kept.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) key_id: Uuid,
    pub(crate) version: i32,
    /// None once the key is destroyed.
    pub(crate) wrapped: Option<Vec<u8>>,
}

impl Row {
    pub(crate) fn id(&self) -> DataKeyId {
        self.key_id.into()
    }
}

/// Opens wrapped keys. Each version of the wrapping key is looked for once: the file is not asked for every key.
pub(crate) struct Unwrapping<'k> {
    keys: &'k KeyFile,
    of: Holder,
    versions: HashMap<i32, Aead>,
}

impl<'k> Unwrapping<'k> {
    pub(crate) fn new(keys: &'k KeyFile, of: Holder) -> Self {
        Self { keys, of, versions: HashMap::new() }
    }

    pub(crate) fn open(&mut self, row: &Row) -> Result<[u8; 32], VaultError> {
        let wrapped = row.wrapped.as_deref().ok_or(VaultError::Destroyed)?;
        let cipher = match self.versions.entry(row.version) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(unknown) => unknown.insert(self.keys.version(self.of, row.version)?),
        };
        let key = cipher.open(&bound_to(self.of, row.id()), wrapped).map_err(|_| VaultError::Unwrapped)?;
        key.try_into().map_err(|_| VaultError::Unwrapped)
    }
}

/// The additional data of a wrapped key: moved to another row, it does not open.
pub(crate) fn bound_to(of: Holder, id: DataKeyId) -> Vec<u8> {
    [b"wardlog wrapped 1".as_slice(), of.owner.as_bytes(), Uuid::from(id).as_bytes(), of.context.as_bytes()].concat()
}

/// Another for each context: whoever wraps one's keys anew holds up no other.
pub(crate) fn lock(of: Holder) -> i64 {
    let mut hash = blake3::Hasher::new_derive_key("Wardlog 2026 locks of a holder's keys");
    hash.update(of.owner.as_bytes()).update(of.context.as_bytes());
    let mut lock = [0; 8];
    hash.finalize_xof().fill(&mut lock);
    i64::from_le_bytes(lock)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_context_and_each_owner_has_a_lock_of_its_own() {
        let of = |context, owner| lock(Holder { context, owner: Uuid::from_u128(owner) });
        assert_eq!(of("directory", 1), of("directory", 1));
        assert_ne!(of("directory", 1), of("filtering", 1));
        assert_ne!(of("directory", 1), of("directory", 2));
    }
}
