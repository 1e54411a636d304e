//! Ingest keys: what a school's filter shows at the door.

mod ring;

use std::{fmt, str::FromStr};

use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use schema::IdError;

pub use ring::{KeyRing, KnownSource};

/// What every key begins with, so that a leaked one is recognised.
const PREFIX: &str = "wlk_";

/// An ingest key: `wlk_` and 256 random bits in base64url without padding. It is shown once and never stored.
#[derive(Clone, PartialEq, Eq)]
pub struct IngestKey([u8; 32]);

impl IngestKey {
    /// A key of 256 bits that must come from a cryptographic random generator.
    pub fn from_random(bits: [u8; 32]) -> Self {
        Self(bits)
    }

    /// The key as its holder writes it. For the one answer that shows it; never for a log.
    pub fn reveal(&self) -> String {
        format!("{PREFIX}{}", BASE64URL_NOPAD.encode(&self.0))
    }

    /// What is stored of it. A plain hash is enough, for 256 random bits cannot be guessed.
    pub fn hash(&self) -> KeyHash {
        KeyHash(blake3::hash(&self.0).into())
    }
}

impl FromStr for IngestKey {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        text.strip_prefix(PREFIX)
            .and_then(|encoded| BASE64URL_NOPAD.decode(encoded.as_bytes()).ok())
            .and_then(|bits| bits.try_into().ok())
            .map(Self)
            .ok_or(IdError { expected: "an ingest key: wlk_ and 43 characters" })
    }
}

impl fmt::Debug for IngestKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IngestKey(redacted)")
    }
}

/// BLAKE3 of a key's 256 bits; written as 64 hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyHash([u8; 32]);

impl KeyHash {
    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl From<[u8; 32]> for KeyHash {
    fn from(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl FromStr for KeyHash {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let bytes = HEXLOWER.decode(text.as_bytes()).ok().and_then(|bytes| bytes.try_into().ok());
        bytes.map(Self).ok_or(IdError { expected: "64 hex digits" })
    }
}

impl fmt::Display for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_reads_back_as_itself() {
        let key = IngestKey::from_random([0xfb; 32]);
        let text = key.reveal();
        assert_eq!(text, "wlk_-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_s");
        assert_eq!(text.parse::<IngestKey>().unwrap(), key);
        assert_eq!(key.hash().to_string().parse::<KeyHash>().unwrap(), key.hash());
    }

    #[test]
    fn a_key_has_one_spelling() {
        let key = IngestKey::from_random([7; 32]).reveal();
        let loose_bits = format!("{}h", &key[..key.len() - 1]);
        for wrong in [
            &loose_bits,
            &format!("{key}="),
            &key[4..],
            &key[..46],
            &format!(" {key}"),
            &key.to_uppercase(),
            "wlk_",
            "",
        ] {
            assert!(wrong.parse::<IngestKey>().is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_key_is_not_in_its_debug_output() {
        assert_eq!(format!("{:?}", IngestKey::from_random([7; 32])), "IngestKey(redacted)");
    }
}
