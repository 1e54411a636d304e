//! A trust: what the register calls it.

use eventlog::Aggregate;
use schema::{
    TrustId, TrustUid,
    directory::{TrustEvent, TrustRegistered, TrustRenamed},
};

use super::name::Name;

/// A trust as its events leave it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Trust {
    /// Nothing is known of it.
    #[default]
    Unknown,
    /// The register has named it.
    Registered {
        /// Its group uid, which never changes.
        uid: TrustUid,
        /// Its name now.
        name: String,
    },
}

/// What can be asked of a trust.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TrustCommand {
    /// The register names it.
    Register {
        /// The trust.
        trust: TrustId,
        /// Its group uid.
        uid: TrustUid,
        /// Its name there.
        name: Name,
    },
}

/// Why a trust refuses a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TrustError {
    /// A uid is for ever.
    #[error("the trust is registered under another uid")]
    UidDiffers,
}

impl Aggregate for Trust {
    type Command = TrustCommand;
    type Event = TrustEvent;
    type Error = TrustError;

    fn decide(&self, command: &TrustCommand) -> Result<Vec<TrustEvent>, TrustError> {
        let TrustCommand::Register { trust, uid, name } = command;
        let name = name.as_str().to_owned();
        match self {
            Self::Unknown => {
                Ok(vec![TrustEvent::Registered(TrustRegistered { trust: *trust, uid: uid.clone(), name })])
            }
            Self::Registered { uid: known, .. } if known != uid => Err(TrustError::UidDiffers),
            Self::Registered { name: known, .. } if *known == name => Ok(vec![]),
            Self::Registered { .. } => Ok(vec![TrustEvent::Renamed(TrustRenamed { name })]),
        }
    }

    fn evolve(self, event: &TrustEvent) -> Self {
        match (self, event) {
            (Self::Unknown, TrustEvent::Registered(TrustRegistered { uid, name, .. })) => {
                Self::Registered { uid: uid.clone(), name: name.clone() }
            }
            (Self::Registered { uid, .. }, TrustEvent::Renamed(TrustRenamed { name })) => {
                Self::Registered { uid, name: name.clone() }
            }
            (Self::Unknown, TrustEvent::Renamed(_)) => Self::Unknown,
            (known @ Self::Registered { .. }, TrustEvent::Registered(_)) => known,
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn register(uid: &str, name: &str) -> TrustCommand {
        let trust = Uuid::from_u128(1).into();
        TrustCommand::Register { trust, uid: uid.parse().unwrap(), name: name.parse().unwrap() }
    }

    fn registered(uid: &str, name: &str) -> TrustEvent {
        let trust = Uuid::from_u128(1).into();
        TrustEvent::Registered(TrustRegistered { trust, uid: uid.parse().unwrap(), name: name.into() })
    }

    fn renamed(name: &str) -> TrustEvent {
        TrustEvent::Renamed(TrustRenamed { name: name.into() })
    }

    #[test]
    fn an_unknown_trust_is_registered() {
        assert_eq!(
            Trust::Unknown.decide(&register("5143", "UNITED LEARNING")),
            Ok(vec![registered("5143", "UNITED LEARNING")])
        );
    }

    #[test]
    fn the_same_name_again_is_no_event() {
        let trust = Trust::after(&[registered("5143", "A"), renamed("B")]);
        assert_eq!(trust.decide(&register("5143", "B")), Ok(vec![]));
    }

    #[test]
    fn another_name_renames() {
        let trust = Trust::after(&[registered("5143", "A")]);
        assert_eq!(trust.decide(&register("5143", "B")), Ok(vec![renamed("B")]));
    }

    #[test]
    fn another_uid_is_refused() {
        let trust = Trust::after(&[registered("5143", "A")]);
        assert_eq!(trust.decide(&register("3320", "A")), Err(TrustError::UidDiffers));
    }
}
