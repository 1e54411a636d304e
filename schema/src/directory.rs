//! The directory's events: trusts, schools, and the filters that send for them.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::{KeyId, SchoolId, SourceId, TrustId, TrustUid, Urn, Vocabulary, envelope::family};

family!(
    /// The life of a trust; stream `trust-<id>`, owned by the trust.
    TrustEvent {
        /// The register names a trust that was not known.
        Registered(TrustRegistered) = "trust-registered" 1,
        /// The trust goes by another name.
        Renamed(TrustRenamed) = "trust-renamed" 1,
    }
);

/// See [`TrustEvent::Registered`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrustRegistered {
    /// The trust.
    pub trust: TrustId,
    /// Its group uid in the register.
    pub uid: TrustUid,
    /// Its name as registered.
    pub name: String,
}

/// See [`TrustEvent::Renamed`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrustRenamed {
    /// Its name from now on.
    pub name: String,
}

family!(
    /// The life of a school; stream `school-<id>`, owned by the school. Days are London days.
    SchoolEvent {
        /// The register names a school that was not known.
        Registered(SchoolRegistered) = "school-registered" 1,
        /// What the register says of the school has changed.
        Amended(SchoolAmended) = "school-amended" 1,
        /// The school goes by another URN (an academy conversion).
        UrnChanged(UrnChanged) = "school-urn-changed" 1,
        /// The school belongs to a trust.
        JoinedTrust(JoinedTrust) = "school-joined-trust" 1,
        /// The school no longer belongs to a trust.
        LeftTrust(LeftTrust) = "school-left-trust" 1,
    }
);

/// What the register says of a school, its URN and trust apart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SchoolDetails {
    /// The name as registered.
    pub name: String,
    /// The local authority's name.
    pub local_authority: String,
    /// The phase of education, in the register's words, such as `Secondary`.
    pub phase: String,
    /// The type of establishment, in the register's words, such as `Academy converter`.
    pub kind: String,
    /// The status, in the register's words, such as `Open`.
    pub status: String,
    /// Pupils on roll; absent where the register does not say.
    pub pupils: Option<u32>,
}

/// See [`SchoolEvent::Registered`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SchoolRegistered {
    /// The school.
    pub school: SchoolId,
    /// Its URN.
    pub urn: Urn,
    /// The first day on which the URN is known to hold.
    pub from: NaiveDate,
    /// What else the register says.
    #[serde(flatten)]
    pub details: SchoolDetails,
}

/// See [`SchoolEvent::Amended`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SchoolAmended {
    /// All details as they are from now on.
    #[serde(flatten)]
    pub details: SchoolDetails,
}

/// See [`SchoolEvent::UrnChanged`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UrnChanged {
    /// The URN from now on.
    pub urn: Urn,
    /// Its first day.
    pub from: NaiveDate,
}

/// See [`SchoolEvent::JoinedTrust`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JoinedTrust {
    /// The trust.
    pub trust: TrustId,
    /// The first day of membership.
    pub from: NaiveDate,
}

/// See [`SchoolEvent::LeftTrust`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftTrust {
    /// The trust.
    pub trust: TrustId,
    /// The first day that is no longer one of membership.
    pub to: NaiveDate,
}

family!(
    /// The life of one of a school's filters as a sender; stream `source-<id>`, owned by the school.
    SourceEvent {
        /// A filter may send for the school.
        Registered(SourceRegistered) = "source-registered" 1,
        /// A key was made for it and shown once.
        KeyIssued(KeyIssued) = "ingest-key-issued" 1,
        /// A key is refused from now on.
        KeyRevoked(KeyRevoked) = "ingest-key-revoked" 1,
    }
);

/// See [`SourceEvent::Registered`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceRegistered {
    /// The filter.
    pub source: SourceId,
    /// Its school.
    pub school: SchoolId,
    /// What the school calls it.
    pub name: String,
    /// How its category labels are read.
    pub vocabulary: Vocabulary,
}

/// See [`SourceEvent::KeyIssued`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyIssued {
    /// The key's public id.
    pub key: KeyId,
    /// BLAKE3 of the key's 256 random bits, as 64 hex digits.
    pub hash: String,
}

/// See [`SourceEvent::KeyRevoked`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyRevoked {
    /// The key's public id.
    pub key: KeyId,
}
