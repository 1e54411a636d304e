//! A key of one person, or of one record: it seals what is theirs, each thing to its place.

use std::fmt;

use data_encoding::BASE64URL_NOPAD;
use schema::{DataKeyId, Sealed, provisioning::Mark};
use serde::{Serialize, de::DeserializeOwned};
use uuid::Uuid;

use crate::{VaultError, aead::Aead};

/// What is sealed is filled up to a multiple of this many bytes: its length is not to tell a short name from a long one.
const BLOCK: usize = 64;

/// Where something sealed belongs; nowhere else does it open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place<'a> {
    /// The school or trust.
    pub owner: Uuid,
    /// The stream of the event that holds it.
    pub stream: &'a str,
    /// The field of the event.
    pub field: &'a str,
}

/// Why something sealed does not open: another key, another place, or bytes that were changed. Which, nobody can tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("what is sealed does not open: expected it in its own place, under its own key, and unchanged")]
pub struct Unopened;

/// A key that seals and opens.
pub struct DataKey {
    id: DataKeyId,
    aead: Aead,
    marks: [u8; 32],
}

impl DataKey {
    pub(crate) fn new(id: DataKeyId, bytes: &[u8; 32]) -> Result<Self, VaultError> {
        let marks = blake3::derive_key("Wardlog 2026 marks by which what is sealed is found again", bytes);
        Ok(Self { id, aead: Aead::new(bytes).map_err(|_| VaultError::Cipher)?, marks })
    }

    /// Seals a value to its place.
    pub fn seal<T: Serialize>(&self, place: Place<'_>, value: &T) -> Result<Sealed<T>, VaultError> {
        Ok(Sealed::new(self.id, BASE64URL_NOPAD.encode(&self.seal_to_bytes(place, value)?)))
    }

    /// Opens what was sealed to this place.
    pub fn open<T: DeserializeOwned>(&self, place: Place<'_>, sealed: &Sealed<T>) -> Result<T, Unopened> {
        self.open_bytes(place, &BASE64URL_NOPAD.decode(sealed.text().as_bytes()).map_err(|_| Unopened)?)
    }

    /// Seals a value to its place, for a record that is no text: nonce, ciphertext and tag. It does not say which key's it is.
    pub fn seal_to_bytes<T: Serialize + ?Sized>(&self, place: Place<'_>, value: &T) -> Result<Vec<u8>, VaultError> {
        let mut plain = serde_json::to_vec(value).map_err(|_| VaultError::Cipher)?;
        plain.resize(plain.len().next_multiple_of(BLOCK), b' ');
        self.aead.seal(&place.bound_to(self.id), plain).map_err(|_| VaultError::Cipher)
    }

    /// Opens what was sealed to bytes, in this place.
    pub fn open_bytes<T: DeserializeOwned>(&self, place: Place<'_>, sealed: &[u8]) -> Result<T, Unopened> {
        let plain = self.aead.open(&place.bound_to(self.id), sealed).map_err(|_| Unopened)?;
        serde_json::from_slice(&plain).map_err(|_| Unopened)
    }

    /// By what a text that is sealed to this place is found again without opening anything: it tells whoever has the key
    /// and the text that they belong together, and nobody else anything.
    pub fn mark(&self, place: Place<'_>, text: &str) -> Mark {
        let mut hash = blake3::Hasher::new_keyed(&self.marks);
        hash.update(&place.bound_to(self.id)).update(text.as_bytes());
        <[u8; 32]>::from(hash.finalize()).into()
    }
}

impl Place<'_> {
    /// The additional data: no two places and keys have the same.
    fn bound_to(self, key: DataKeyId) -> Vec<u8> {
        let mut bound = Vec::from(b"wardlog sealed 1");
        bound.extend(self.owner.as_bytes());
        bound.extend(Uuid::from(key).as_bytes());
        for text in [self.stream, self.field] {
            bound.extend((text.len() as u64).to_le_bytes());
            bound.extend(text.as_bytes());
        }
        bound
    }
}

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DataKey({})", self.id)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PLACE: Place<'static> = Place { owner: Uuid::from_u128(1), stream: "person-1", field: "identity" };

    fn key(id: u128) -> DataKey {
        DataKey::new(Uuid::from_u128(id).into(), &[9; 32]).unwrap()
    }

    proptest! {
        #[test]
        fn what_is_sealed_opens_in_its_place_as_it_was(text: String) {
            let sealed = key(1).seal(PLACE, &text).unwrap();
            prop_assert_eq!(key(1).open(PLACE, &sealed).unwrap(), text);
        }
    }

    #[test]
    fn it_opens_in_no_other_place_and_under_no_other_name_of_its_key() {
        let sealed = key(1).seal(PLACE, &"Alex Example").unwrap();
        let sealed = Sealed::<String>::new(sealed.key(), sealed.text().to_owned());
        let elsewhere = [
            Place { owner: Uuid::from_u128(2), ..PLACE },
            Place { stream: "person-2", ..PLACE },
            Place { field: "email", ..PLACE },
            Place { stream: "person-", field: "1identity", ..PLACE },
        ];
        for place in elsewhere {
            assert_eq!(key(1).open(place, &sealed), Err(Unopened), "{place:?}");
        }
        assert_eq!(key(2).open(PLACE, &sealed), Err(Unopened));
    }

    #[test]
    fn a_mark_is_of_one_text_in_one_place_under_one_key() {
        let mark = key(1).mark(PLACE, "alex");
        assert_eq!(mark, key(1).mark(PLACE, "alex"));
        let other = DataKey::new(Uuid::from_u128(1).into(), &[8; 32]).unwrap();
        for another in [
            key(1).mark(PLACE, "alexa"),
            key(1).mark(Place { field: "email", ..PLACE }, "alex"),
            key(2).mark(PLACE, "alex"),
            other.mark(PLACE, "alex"),
        ] {
            assert_ne!(another, mark);
        }
    }

    #[test]
    fn names_of_common_lengths_are_sealed_to_one_length() {
        let length = |name: &str| key(1).seal(PLACE, &name).unwrap().text().len();
        assert_eq!(length("Bo Li"), length("Alexandrina Featherstonehaugh-Cholmondeley"));
    }

    #[test]
    fn neither_a_key_nor_what_is_sealed_is_shown_by_debug() {
        let sealed = key(1).seal(PLACE, &"Alex Example").unwrap();
        assert!(!format!("{sealed:?}").contains(sealed.text()));
        assert!(!format!("{:?}", key(1)).contains('9'));
    }
}
