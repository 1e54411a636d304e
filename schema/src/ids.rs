//! Ids that parse.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Why a text is not an id; the text itself is not repeated, for it may be personal data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected}")]
pub struct IdError {
    /// What would have been right.
    pub expected: &'static str,
}

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self {
                Self(id)
            }
        }

        impl From<$name> for Uuid {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                Uuid::try_parse(text).map(Self).map_err(|_| IdError { expected: "a UUID" })
            }
        }
    };
}

uuid_id!(
    /// A school, for as long as it exists: its URN may change (an academy conversion), this does not.
    SchoolId
);
uuid_id!(
    /// A multi-academy trust.
    TrustId
);
uuid_id!(
    /// One of a school's filters, as a sender of telemetry.
    SourceId
);
uuid_id!(
    /// An ingest key or a SCIM key, by its public id.
    KeyId
);

uuid_id!(
    /// A key under which something is sealed: a person's, or a record's. It has the id of what it is for.
    DataKeyId
);
uuid_id!(
    /// A person: staff, a governor, a contractor, a volunteer.
    PersonId
);
uuid_id!(
    /// A role that a person holds from a day on.
    AppointmentId
);
uuid_id!(
    /// A filter event that somebody may have to look at.
    FlaggedEventId
);

uuid_id!(
    /// A matter that some people must not know of, such as a concern about one of them (R130).
    MatterId
);

uuid_id!(
    /// An account that a directory of a school's or trust's own provisions: the `id` of a SCIM user.
    AccountId
);

impl From<PersonId> for DataKeyId {
    fn from(person: PersonId) -> Self {
        Self(person.0)
    }
}

/// What stands for the name of a filter's user, device or client at one school: 16 hex digits, which tell nothing of the name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PseudonymId(i64);

impl From<i64> for PseudonymId {
    fn from(number: i64) -> Self {
        Self(number)
    }
}

impl From<PseudonymId> for i64 {
    fn from(pseudonym: PseudonymId) -> Self {
        pseudonym.0
    }
}

/// The key of whoever has it. No id that is random begins with so many zeros.
impl From<PseudonymId> for DataKeyId {
    fn from(pseudonym: PseudonymId) -> Self {
        Self(Uuid::from_u64_pair(0, pseudonym.0.cast_unsigned()))
    }
}

impl DataKeyId {
    /// The pseudonym whose key it is; none if it is no pseudonym's.
    pub fn pseudonym(self) -> Option<PseudonymId> {
        match self.0.as_u64_pair() {
            (0, number) => Some(PseudonymId(number.cast_signed())),
            _ => None,
        }
    }
}

impl fmt::Display for PseudonymId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl From<PseudonymId> for String {
    fn from(pseudonym: PseudonymId) -> Self {
        pseudonym.to_string()
    }
}

impl TryFrom<String> for PseudonymId {
    type Error = IdError;

    fn try_from(text: String) -> Result<Self, IdError> {
        text.parse()
    }
}

impl FromStr for PseudonymId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let is_hex = text.len() == 16 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let number = is_hex.then(|| u64::from_str_radix(text, 16).ok()).flatten();
        number.map(|number| Self(number.cast_signed())).ok_or(IdError { expected: "16 hex digits" })
    }
}

/// A school's unique reference number in the government's register, six digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Urn(u32);

impl TryFrom<u32> for Urn {
    type Error = IdError;

    fn try_from(number: u32) -> Result<Self, IdError> {
        if (100_000..=999_999).contains(&number) {
            Ok(Self(number))
        } else {
            Err(IdError { expected: "a URN of six digits" })
        }
    }
}

impl From<Urn> for u32 {
    fn from(urn: Urn) -> Self {
        urn.0
    }
}

impl FromStr for Urn {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        text.parse::<u32>().ok().and_then(|n| Self::try_from(n).ok()).ok_or(IdError { expected: "a URN of six digits" })
    }
}

impl fmt::Display for Urn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A trust's group uid in the government's register, one to six digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TrustUid(String);

impl TryFrom<String> for TrustUid {
    type Error = IdError;

    fn try_from(text: String) -> Result<Self, IdError> {
        if (1..=6).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit()) {
            Ok(Self(text))
        } else {
            Err(IdError { expected: "a trust uid of one to six digits" })
        }
    }
}

impl From<TrustUid> for String {
    fn from(uid: TrustUid) -> Self {
        uid.0
    }
}

impl FromStr for TrustUid {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        Self::try_from(text.to_owned())
    }
}

impl fmt::Display for TrustUid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A command's idempotency key, or a batch's id: 1 to 128 visible ASCII characters, chosen by the sender.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CommandId(String);

impl CommandId {
    /// The text as sent.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for CommandId {
    type Error = IdError;

    fn try_from(text: String) -> Result<Self, IdError> {
        if (1..=128).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic()) {
            Ok(Self(text))
        } else {
            Err(IdError { expected: "1 to 128 visible ASCII characters" })
        }
    }
}

impl From<Uuid> for CommandId {
    fn from(id: Uuid) -> Self {
        Self(id.to_string())
    }
}

impl From<CommandId> for String {
    fn from(id: CommandId) -> Self {
        id.0
    }
}

impl FromStr for CommandId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        Self::try_from(text.to_owned())
    }
}

impl fmt::Display for CommandId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pseudonym_reads_back_and_has_one_spelling() {
        for number in [0, 1, -1, 7, i64::MIN, i64::MAX, 0x0123_4567_89ab_cdef] {
            let pseudonym = PseudonymId::from(number);
            let name = pseudonym.to_string();
            assert_eq!(name.parse(), Ok(pseudonym));
            for wrong in [&name[1..], &format!("+{}", &name[1..]), &format!("{name}0"), &name[..15].to_uppercase()] {
                assert!(wrong.parse::<PseudonymId>().is_err(), "{wrong}");
            }
        }
        assert!("0123456789ABCDEF".parse::<PseudonymId>().is_err());
    }

    #[test]
    fn a_urn_has_six_digits() {
        assert_eq!("130912".parse::<Urn>().map(u32::from), Ok(130_912));
        for wrong in ["", "99999", "1000000", "-130912", "13091x", " 130912"] {
            assert!(wrong.parse::<Urn>().is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_command_id_is_visible_ascii_of_bounded_length() {
        assert!("2026-11-20/batch-7".parse::<CommandId>().is_ok());
        for wrong in [String::new(), "a b".into(), "é".into(), "\n".into(), "x".repeat(129)] {
            assert!(CommandId::try_from(wrong).is_err());
        }
    }
}
