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
    #[error("event type {name} version {version} has another shape, seen at column {} of its payload", source.column())]
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
    /// Every stored type and version that this program reads: each type's versions together, the current one first.
    ///
    /// Each has its JSON Schema and its frozen samples in `schema/events`.
    const RELEASED: &'static [(&'static str, i16)];

    /// The stored type, such as `school-registered`.
    fn name(&self) -> &'static str;

    /// The current version of the type, from 1: the one that is written.
    fn version(&self) -> i16;

    /// The payload's exact bytes: JSON as serde writes it.
    fn encode(&self) -> Vec<u8>;

    /// Reads a stored event of any released version, and lifts it to the current one.
    fn decode(name: &str, version: i16, payload: &[u8]) -> Result<Self, DecodeError>;

    /// Whether the family has a type of this name.
    fn knows(name: &str) -> bool;
}

/// Writes a payload whose type has string keys and no failing `Serialize`.
#[expect(clippy::expect_used, reason = "the families' payloads are plain structs: writing one to memory cannot fail")]
pub(crate) fn to_payload(payload: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(payload).expect("a plain struct serialises")
}

/// An event as stored, on its way to be read.
pub(crate) struct Stored<'a> {
    pub(crate) family: &'static str,
    pub(crate) name: &'a str,
    pub(crate) version: i16,
    pub(crate) payload: &'a [u8],
}

impl Stored<'_> {
    /// Its payload as `T`, the struct of its version.
    pub(crate) fn read<T: DeserializeOwned>(&self) -> Result<T, DecodeError> {
        serde_json::from_slice(self.payload).map_err(|source| DecodeError::Shape {
            name: self.name.to_owned(),
            version: self.version,
            source,
        })
    }

    pub(crate) fn unknown(&self) -> DecodeError {
        DecodeError::UnknownType { family: self.family, name: self.name.to_owned(), version: self.version }
    }
}

/// Declares a family: `family!(SchoolEvent { Registered(SchoolRegistered) = "school-registered" 1, … });`
///
/// A released version is not edited. The next one stands beside it, the older ones behind `from`, newest first:
/// `Registered(SchoolRegistered) = "school-registered" 3 from { 2: SchoolRegisteredV2, 1: SchoolRegisteredV1 }`.
/// Each payload is lifted one step, to the version after it, by a `From` that is pure and cannot fail; so a new version
/// adds one step and touches none. A payload writes every field, `null` where there is nothing.
macro_rules! family {
    ($(#[$doc:meta])* $family:ident {
        $($(#[$vdoc:meta])* $variant:ident($payload:ty) = $name:literal $version:literal
            $(from { $($older:literal: $was:ty),+ $(,)? })?),+ $(,)?
    }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum $family {
            $($(#[$vdoc])* $variant($payload)),+
        }

        impl $crate::DomainEvent for $family {
            const RELEASED: &'static [(&'static str, i16)] =
                &[$(($name, $version) $($(, ($name, $older))+)?),+];

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
                let stored = $crate::envelope::Stored { family: stringify!($family), name, version, payload };
                match name {
                    $($name => $crate::envelope::lifted!(stored; $version: $payload $($(, $older: $was)+)?)
                        .map(Self::$variant),)+
                    _ => Err(stored.unknown()),
                }
            }

            fn knows(name: &str) -> bool {
                matches!(name, $($name)|+)
            }
        }
    };
}

/// The payload of the first version listed, from bytes of any that is; `lifted!(stored; 2: New, 1: Old)` is a
/// `Result<New, DecodeError>`.
macro_rules! lifted {
    ($stored:ident; $version:literal: $payload:ty) => {
        if $stored.version == $version { $stored.read::<$payload>() } else { Err($stored.unknown()) }
    };
    ($stored:ident; $version:literal: $payload:ty, $($older:tt)+) => {
        if $stored.version == $version {
            $stored.read::<$payload>()
        } else {
            $crate::envelope::lifted!($stored; $($older)+).map(<$payload>::from)
        }
    };
}

pub(crate) use {family, lifted};

#[cfg(test)]
mod tests;
