//! What is personal, as everything but its owner's service knows it.

use std::{fmt, marker::PhantomData};

use serde::{Deserialize, Serialize};

use crate::{DataKeyId, IdError};

/// A `T` that is sealed: decisions, views and copies of the log pass it on, and none of them can read it.
///
/// Written as the key's id, a point, and nonce, ciphertext and tag as base64url without padding. `services/vault` seals and
/// opens it.
#[derive(Serialize, Deserialize)]
#[serde(try_from = "String", into = "String", bound = "")]
pub struct Sealed<T> {
    key: DataKeyId,
    text: String,
    of: PhantomData<fn() -> T>,
}

impl<T> TryFrom<String> for Sealed<T> {
    type Error = IdError;

    fn try_from(text: String) -> Result<Self, IdError> {
        let parts = text.split_once('.').filter(|(key, sealed)| key.len() == 36 && is_base64url(sealed));
        let parts = parts.and_then(|(key, sealed)| Some(Self::new(key.parse().ok()?, sealed.to_owned())));
        parts.ok_or(IdError { expected: "a key's id, a point and base64url" })
    }
}

impl<T> From<Sealed<T>> for String {
    fn from(Sealed { key, text, of: _ }: Sealed<T>) -> Self {
        format!("{key}.{text}")
    }
}

fn is_base64url(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}

impl<T> Sealed<T> {
    /// Something sealed under a key; `text` is nonce, ciphertext and tag as base64url without padding.
    pub const fn new(key: DataKeyId, text: String) -> Self {
        Self { key, text, of: PhantomData }
    }

    /// The key that opens it.
    pub const fn key(&self) -> DataKeyId {
        self.key
    }

    /// Nonce, ciphertext and tag as base64url without padding.
    pub fn text(&self) -> &str {
        &self.text
    }
}

impl<T> Clone for Sealed<T> {
    fn clone(&self) -> Self {
        Self::new(self.key, self.text.clone())
    }
}

impl<T> PartialEq for Sealed<T> {
    fn eq(&self, other: &Self) -> bool {
        (self.key, &self.text) == (other.key, &other.text)
    }
}

impl<T> Eq for Sealed<T> {}

impl<T> fmt::Debug for Sealed<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealed({})", self.key)
    }
}
