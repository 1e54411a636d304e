//! Provisioning: a school's or trust's own directory says who works there (SCIM, RFC 7643), and with which key it may.

use serde::{Deserialize, Serialize};

use crate::{AccountId, IdError, KeyId, Sealed, envelope::family};

family!(
    /// The keys with which a school's or trust's directory provisions; stream `provisioning-<id>`, owned by it.
    ProvisioningEvent {
        /// A key was made and shown once.
        KeyIssued(ScimKeyIssued) = "scim-key-issued" 1,
        /// A key is refused from now on.
        KeyRevoked(ScimKeyRevoked) = "scim-key-revoked" 1,
    }
);

/// See [`ProvisioningEvent::KeyIssued`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScimKeyIssued {
    /// The key's public id.
    pub key: KeyId,
    /// BLAKE3 of the key's 256 random bits, as 64 hex digits.
    pub hash: String,
}

/// See [`ProvisioningEvent::KeyRevoked`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScimKeyRevoked {
    /// The key's public id.
    pub key: KeyId,
}

/// How a directory knows somebody; written only sealed, under the person's own key.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// The name by which the person logs in there, as the directory writes it.
    pub user_name: String,
    /// The directory's own id of the person.
    pub external_id: Option<String>,
    /// The given name, as far as the directory keeps it apart.
    pub given_name: Option<String>,
    /// The family name, in the same way.
    pub family_name: Option<String>,
}

impl std::fmt::Debug for Account {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Account(…)")
    }
}

/// A hash under a person's own key, of 64 hex digits: what is sealed is found again by it, until the key is destroyed.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Mark(String);

impl From<[u8; 32]> for Mark {
    fn from(bytes: [u8; 32]) -> Self {
        let half = |from: usize| u128::from_be_bytes(std::array::from_fn(|at| bytes[from + at]));
        Self(format!("{:032x}{:032x}", half(0), half(16)))
    }
}

impl TryFrom<String> for Mark {
    type Error = IdError;

    fn try_from(text: String) -> Result<Self, IdError> {
        if text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
            Ok(Self(text))
        } else {
            Err(IdError { expected: "64 hex digits" })
        }
    }
}

impl From<Mark> for String {
    fn from(mark: Mark) -> Self {
        mark.0
    }
}

/// See [`crate::people::PersonEvent::Provisioned`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersonProvisioned {
    /// The account.
    pub account: AccountId,
    /// How many records of people the account had before this one: somebody who comes back is recorded anew.
    pub before: u32,
    /// How the directory knows the person.
    pub known_as: Sealed<Account>,
    /// Finds the account by its user name, in any letter case.
    pub user_name: Mark,
    /// Finds the account by the directory's own id; none if it has none.
    pub external_id: Option<Mark>,
}

/// See [`crate::people::PersonEvent::Deprovisioned`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersonDeprovisioned {
    /// The account.
    pub account: AccountId,
}
