//! How an event is named, written and read back.

use serde::{Serialize, de::DeserializeOwned};

/// Why a stored event cannot be read; its position tells which, its bytes are not repeated.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// This program does not know the type, or this version of it.
    #[error("event type {name} version {version} is unknown to {family}")]
    UnknownType {
        /// The family that was asked to decode it.
        family: &'static str,
        /// The stored type.
        name: String,
        /// The stored version of the type.
        version: i16,
    },
    /// The payload does not have the shape of its type.
    #[error("event type {name} version {version} has another shape: {source}")]
    Shape {
        /// The stored type.
        name: String,
        /// The stored version of the type.
        version: i16,
        /// What serde found.
        source: serde_json::Error,
    },
}

/// A family of events: all that one kind of stream can hold.
pub trait DomainEvent: Sized + Send {
    /// The stored type, such as `school-registered`.
    fn name(&self) -> &'static str;

    /// The version of the type, from 1.
    fn version(&self) -> i16;

    /// The payload's exact bytes: JSON as serde writes it.
    fn encode(&self) -> Vec<u8>;

    /// Reads a stored event.
    fn decode(name: &str, version: i16, payload: &[u8]) -> Result<Self, DecodeError>;

    /// Whether the family has a type of this name.
    fn knows(name: &str) -> bool;
}

/// Writes a payload whose type has string keys and no failing `Serialize`.
#[expect(clippy::expect_used, reason = "the families' payloads are plain structs: writing one to memory cannot fail")]
pub(crate) fn to_payload(payload: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(payload).expect("a plain struct serialises")
}

/// Reads a payload.
pub(crate) fn from_payload<T: DeserializeOwned>(name: &str, version: i16, payload: &[u8]) -> Result<T, DecodeError> {
    serde_json::from_slice(payload).map_err(|source| DecodeError::Shape { name: name.to_owned(), version, source })
}

/// Declares a family: `family!(SchoolEvent { Registered(SchoolRegistered) = "school-registered" 1, … });`
macro_rules! family {
    ($(#[$doc:meta])* $family:ident { $($(#[$vdoc:meta])* $variant:ident($payload:ty) = $name:literal $version:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum $family {
            $($(#[$vdoc])* $variant($payload)),+
        }

        impl $crate::DomainEvent for $family {
            fn name(&self) -> &'static str {
                match self { $(Self::$variant(_) => $name),+ }
            }

            fn version(&self) -> i16 {
                match self { $(Self::$variant(_) => $version),+ }
            }

            fn encode(&self) -> Vec<u8> {
                match self { $(Self::$variant(payload) => $crate::envelope::to_payload(payload)),+ }
            }

            fn decode(name: &str, version: i16, payload: &[u8]) -> Result<Self, $crate::DecodeError> {
                match (name, version) {
                    $(($name, $version) => $crate::envelope::from_payload(name, version, payload).map(Self::$variant),)+
                    _ => Err($crate::DecodeError::UnknownType { family: stringify!($family), name: name.to_owned(), version }),
                }
            }

            fn knows(name: &str) -> bool {
                matches!(name, $($name)|+)
            }
        }
    };
}

pub(crate) use family;
