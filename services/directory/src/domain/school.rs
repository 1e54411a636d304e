//! A school: what the register says of it, its URN and its trust, each with its days.

mod membership;

use chrono::NaiveDate;
use eventlog::Aggregate;
use schema::{
    SchoolId, TrustId, Urn,
    directory::{SchoolAmended, SchoolDetails, SchoolEvent, SchoolRegistered, UrnChanged},
};

pub use membership::Membership;

/// A school as its events leave it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum School {
    /// Nothing is known of it.
    #[default]
    Unknown,
    /// The register has named it.
    Registered(Registered),
}

/// What is known of a registered school.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registered {
    /// What the register says, its URN and trust apart.
    pub details: SchoolDetails,
    /// Its URN, and the first day on which that holds.
    pub urn: (Urn, NaiveDate),
    /// The URNs that it went by before.
    pub former_urns: Vec<Urn>,
    /// Its trust.
    pub membership: Membership,
}

/// What can be asked of a school. Days are London days.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SchoolCommand {
    /// The register says this of it.
    Register(RegisterSchool),
    /// It goes by another URN, as after an academy conversion.
    ChangeUrn {
        /// The URN.
        urn: Urn,
        /// Its first day.
        from: NaiveDate,
    },
    /// It belongs to a trust.
    JoinTrust {
        /// The trust.
        trust: TrustId,
        /// The first day of membership.
        from: NaiveDate,
    },
    /// It no longer belongs to a trust.
    LeaveTrust {
        /// The trust.
        trust: TrustId,
        /// The first day that is no longer one of membership.
        to: NaiveDate,
    },
}

/// See [`SchoolCommand::Register`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegisterSchool {
    /// The school.
    pub school: SchoolId,
    /// Its URN in the register.
    pub urn: Urn,
    /// What else the register says.
    pub details: SchoolDetails,
    /// The trust that it belongs to, if any.
    pub trust: Option<TrustId>,
    /// The day on which the register says so: what is new, is so from this day.
    pub on: NaiveDate,
}

/// Why a school refuses a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SchoolError {
    /// Register it first.
    #[error("the school is not registered")]
    NotRegistered,
    /// A register row does not change a URN: an academy conversion is a command of its own.
    #[error("the school goes by another URN")]
    UrnDiffers,
    /// A URN is never given twice.
    #[error("the school went by this URN before")]
    UrnHeldBefore,
    /// What is known later cannot be true earlier.
    #[error("expected a day not before {last}, when the fact that it replaces began")]
    BeforeLast {
        /// The day of the fact that would be replaced.
        last: NaiveDate,
    },
    /// It leaves one trust before it joins another.
    #[error("the school belongs to another trust: it must leave that first")]
    InAnotherTrust,
    /// It is a member since another day.
    #[error("the school belongs to this trust already, since {since}")]
    AlreadyMember {
        /// The first day of membership.
        since: NaiveDate,
    },
    /// It cannot leave where it is not.
    #[error("the school does not belong to this trust")]
    NotMember,
}

impl Aggregate for School {
    type Command = SchoolCommand;
    type Event = SchoolEvent;
    type Error = SchoolError;

    fn decide(&self, command: &SchoolCommand) -> Result<Vec<SchoolEvent>, SchoolError> {
        match (self, command) {
            (Self::Unknown, SchoolCommand::Register(row)) => register(row),
            (
                Self::Unknown,
                SchoolCommand::ChangeUrn { .. } | SchoolCommand::JoinTrust { .. } | SchoolCommand::LeaveTrust { .. },
            ) => Err(SchoolError::NotRegistered),
            (Self::Registered(school), SchoolCommand::Register(row)) => amend(school, row),
            (Self::Registered(school), SchoolCommand::ChangeUrn { urn, from }) => change_urn(school, *urn, *from),
            (Self::Registered(school), SchoolCommand::JoinTrust { trust, from }) => {
                school.membership.join(*trust, *from)
            }
            (Self::Registered(school), SchoolCommand::LeaveTrust { trust, to }) => school.membership.leave(*trust, *to),
        }
    }

    fn evolve(self, event: &SchoolEvent) -> Self {
        match (self, event) {
            (Self::Unknown, SchoolEvent::Registered(SchoolRegistered { urn, from, details, .. })) => {
                Self::Registered(Registered {
                    details: details.clone(),
                    urn: (*urn, *from),
                    former_urns: vec![],
                    membership: Membership::None,
                })
            }
            (
                Self::Unknown,
                SchoolEvent::Amended(_)
                | SchoolEvent::UrnChanged(_)
                | SchoolEvent::JoinedTrust(_)
                | SchoolEvent::LeftTrust(_),
            ) => Self::Unknown,
            (Self::Registered(school), event) => Self::Registered(school.evolve(event)),
        }
    }
}

impl Registered {
    fn evolve(self, event: &SchoolEvent) -> Self {
        match event {
            SchoolEvent::Registered(_) => self,
            SchoolEvent::Amended(SchoolAmended { details }) => Self { details: details.clone(), ..self },
            SchoolEvent::UrnChanged(UrnChanged { urn, from }) => {
                let mut former_urns = self.former_urns;
                former_urns.push(self.urn.0);
                Self { urn: (*urn, *from), former_urns, ..self }
            }
            SchoolEvent::JoinedTrust(joined) => Self { membership: Membership::joined(joined), ..self },
            SchoolEvent::LeftTrust(left) => Self { membership: Membership::left(left), ..self },
        }
    }
}

fn register(row: &RegisterSchool) -> Result<Vec<SchoolEvent>, SchoolError> {
    let registered = SchoolRegistered { school: row.school, urn: row.urn, from: row.on, details: row.details.clone() };
    let mut events = vec![SchoolEvent::Registered(registered)];
    events.extend(Membership::None.follow(row.trust, row.on)?);
    Ok(events)
}

fn amend(school: &Registered, row: &RegisterSchool) -> Result<Vec<SchoolEvent>, SchoolError> {
    if row.urn != school.urn.0 {
        return Err(SchoolError::UrnDiffers);
    }
    let mut events = vec![];
    if row.details != school.details {
        events.push(SchoolEvent::Amended(SchoolAmended { details: row.details.clone() }));
    }
    events.extend(school.membership.follow(row.trust, row.on)?);
    Ok(events)
}

fn change_urn(school: &Registered, urn: Urn, from: NaiveDate) -> Result<Vec<SchoolEvent>, SchoolError> {
    let (held, since) = school.urn;
    if urn == held {
        return Ok(vec![]);
    }
    if school.former_urns.contains(&urn) {
        return Err(SchoolError::UrnHeldBefore);
    }
    if from < since {
        return Err(SchoolError::BeforeLast { last: since });
    }
    Ok(vec![SchoolEvent::UrnChanged(UrnChanged { urn, from })])
}

#[cfg(test)]
mod tests;
