//! Keys that programs show instead of a login, each kind with a beginning of its own.

mod known;

use std::{fmt, str::FromStr};

use data_encoding::HEXLOWER;
use schema::IdError;

pub use known::KnownKeys;

/// A kind of key: its beginning, so that a leaked one is recognised, and 256 random bits in base64url without padding. It is
/// shown once and never stored.
macro_rules! secret_key {
    ($(#[$doc:meta])* $name:ident, $prefix:literal, $expected:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq)]
        pub struct $name([u8; 32]);

        impl $name {
            /// A key of 256 bits that must come from a cryptographic random generator.
            pub fn from_random(bits: [u8; 32]) -> Self {
                Self(bits)
            }

            /// The key as its holder writes it. For the one answer that shows it; never for a log.
            pub fn reveal(&self) -> String {
                format!("{}{}", $prefix, data_encoding::BASE64URL_NOPAD.encode(&self.0))
            }

            /// What is stored of it. A plain hash is enough, for 256 random bits cannot be guessed.
            pub fn hash(&self) -> $crate::KeyHash {
                <[u8; 32]>::from(blake3::hash(&self.0)).into()
            }

            /// The key that an `Authorization` header shows (RFC 6750, section 2.1).
            pub fn of_bearer(header_value: &str) -> Option<Self> {
                let (scheme, key) = header_value.split_once(' ')?;
                if scheme.eq_ignore_ascii_case("bearer") { key.trim_matches(' ').parse().ok() } else { None }
            }
        }

        impl std::str::FromStr for $name {
            type Err = schema::IdError;

            fn from_str(text: &str) -> Result<Self, schema::IdError> {
                text.strip_prefix($prefix)
                    .and_then(|encoded| data_encoding::BASE64URL_NOPAD.decode(encoded.as_bytes()).ok())
                    .and_then(|bits| bits.try_into().ok())
                    .map(Self)
                    .ok_or(schema::IdError { expected: $expected })
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(concat!(stringify!($name), "(redacted)"))
            }
        }
    };
}

pub(crate) use secret_key;

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
