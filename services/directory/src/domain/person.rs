//! A person: what somebody is to a school or trust, how they log in, and when they leave. Who they are is sealed.

use std::collections::BTreeSet;

use chrono::NaiveDate;
use eventlog::Aggregate;
use schema::{
    PersonId, Sealed,
    people::{
        Identity, LoginLinked, LoginName, LoginUnlinked, PersonAmended, PersonCategory, PersonEvent, PersonLeft,
        PersonRecorded,
    },
};

/// By how many names a person may log in: one at each issuer, and few schools have two.
pub const LOGINS: usize = 5;

/// A person as their events leave them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Person {
    /// Nothing is known.
    #[default]
    Unknown,
    /// The person is known.
    Known(Known),
}

/// What is known of a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// The person.
    pub person: PersonId,
    /// What the person is to the school or trust.
    pub category: PersonCategory,
    /// Who it is.
    pub identity: Sealed<Identity>,
    /// How the person logs in.
    pub logins: BTreeSet<LoginName>,
    /// The first day on which the person is no longer there.
    pub left: Option<NaiveDate>,
}

/// What can be asked of a person's record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PersonCommand {
    /// Let the person be known.
    Record(PersonRecorded),
    /// Say what is so from now on.
    Amend(PersonAmended),
    /// Let the person log in by a name.
    LinkLogin(LoginName),
    /// Let nobody log in as this person by a name.
    UnlinkLogin(LoginName),
    /// Say when the person leaves.
    Leave(NaiveDate),
}

/// Why a person's record refuses a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PersonError {
    /// Record the person first.
    #[error("the person is not recorded")]
    NotRecorded,
    /// A person is recorded once.
    #[error("the person is recorded already")]
    Recorded,
    /// Somebody who left is recorded anew when they come back: what was true of them then stays so.
    #[error("the person has left")]
    HasLeft,
    /// Unlink one first.
    #[error("the person logs in by five names: unlink one before another is linked")]
    TooManyLogins,
    /// The person does not log in by it.
    #[error("the person does not log in by this name")]
    LoginUnknown,
}

impl Aggregate for Person {
    type Command = PersonCommand;
    type Event = PersonEvent;
    type Error = PersonError;

    fn decide(&self, command: &PersonCommand) -> Result<Vec<PersonEvent>, PersonError> {
        match (self, command) {
            (Self::Unknown, PersonCommand::Record(recorded)) => Ok(vec![PersonEvent::Recorded(recorded.clone())]),
            (
                Self::Unknown,
                PersonCommand::Amend(_)
                | PersonCommand::LinkLogin(_)
                | PersonCommand::UnlinkLogin(_)
                | PersonCommand::Leave(_),
            ) => Err(PersonError::NotRecorded),
            (Self::Known(_), PersonCommand::Record(_)) => Err(PersonError::Recorded),
            (Self::Known(Known { left: Some(left), .. }), PersonCommand::Leave(on)) if on == left => Ok(vec![]),
            (Self::Known(Known { left: Some(_), .. }), PersonCommand::Amend(_) | PersonCommand::LinkLogin(_)) => {
                Err(PersonError::HasLeft)
            }
            (Self::Known(_), PersonCommand::Amend(amended)) => Ok(vec![PersonEvent::Amended(amended.clone())]),
            (Self::Known(known), PersonCommand::LinkLogin(login)) => known.link(login),
            (Self::Known(known), PersonCommand::UnlinkLogin(login)) => known.unlink(login),
            (Self::Known(_), PersonCommand::Leave(on)) => Ok(vec![PersonEvent::Left(PersonLeft { on: *on })]),
        }
    }

    fn evolve(self, event: &PersonEvent) -> Self {
        match (self, event) {
            (Self::Unknown, PersonEvent::Recorded(PersonRecorded { person, category, identity })) => {
                Self::Known(Known {
                    person: *person,
                    category: *category,
                    identity: identity.clone(),
                    logins: BTreeSet::new(),
                    left: None,
                })
            }
            (
                Self::Unknown,
                PersonEvent::Amended(_)
                | PersonEvent::LoginLinked(_)
                | PersonEvent::LoginUnlinked(_)
                | PersonEvent::Left(_),
            ) => Self::Unknown,
            (known @ Self::Known(_), PersonEvent::Recorded(_)) => known,
            (Self::Known(known), PersonEvent::Amended(PersonAmended { category, identity })) => {
                Self::Known(Known { category: *category, identity: identity.clone(), ..known })
            }
            (Self::Known(mut known), PersonEvent::LoginLinked(LoginLinked { login })) => {
                known.logins.insert(login.clone());
                Self::Known(known)
            }
            (Self::Known(mut known), PersonEvent::LoginUnlinked(LoginUnlinked { login })) => {
                known.logins.remove(login);
                Self::Known(known)
            }
            (Self::Known(known), PersonEvent::Left(PersonLeft { on })) => {
                Self::Known(Known { left: Some(*on), ..known })
            }
        }
    }
}

impl Known {
    fn link(&self, login: &LoginName) -> Result<Vec<PersonEvent>, PersonError> {
        if self.logins.contains(login) {
            Ok(vec![])
        } else if self.logins.len() >= LOGINS {
            Err(PersonError::TooManyLogins)
        } else {
            Ok(vec![PersonEvent::LoginLinked(LoginLinked { login: login.clone() })])
        }
    }

    fn unlink(&self, login: &LoginName) -> Result<Vec<PersonEvent>, PersonError> {
        if self.logins.contains(login) {
            Ok(vec![PersonEvent::LoginUnlinked(LoginUnlinked { login: login.clone() })])
        } else {
            Err(PersonError::LoginUnknown)
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn sealed(text: &str) -> Sealed<Identity> {
        Sealed::new(Uuid::from_u128(1).into(), text.to_owned())
    }

    fn recorded() -> PersonEvent {
        let category = PersonCategory::Employee;
        PersonEvent::Recorded(PersonRecorded { person: Uuid::from_u128(1).into(), category, identity: sealed("a") })
    }

    fn amended() -> PersonAmended {
        PersonAmended { category: PersonCategory::Governor, identity: sealed("b") }
    }

    fn login(n: u8) -> LoginName {
        LoginName::try_from(format!("{n:032x}")).unwrap()
    }

    fn linked(n: u8) -> PersonEvent {
        PersonEvent::LoginLinked(LoginLinked { login: login(n) })
    }

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn left() -> PersonEvent {
        PersonEvent::Left(PersonLeft { on: day("2027-07-31") })
    }

    #[test]
    fn a_person_is_recorded_once() {
        let PersonEvent::Recorded(person) = recorded() else { unreachable!() };
        let record = PersonCommand::Record(person);
        assert_eq!(Person::Unknown.decide(&record), Ok(vec![recorded()]));
        assert_eq!(Person::after(&[recorded()]).decide(&record), Err(PersonError::Recorded));
    }

    #[test]
    fn of_somebody_unknown_nothing_is_said() {
        for command in [
            PersonCommand::Amend(amended()),
            PersonCommand::LinkLogin(login(1)),
            PersonCommand::UnlinkLogin(login(1)),
            PersonCommand::Leave(day("2027-07-31")),
        ] {
            assert_eq!(Person::Unknown.decide(&command), Err(PersonError::NotRecorded));
        }
    }

    #[test]
    fn a_person_logs_in_by_a_name_until_it_is_unlinked() {
        let person = Person::after(&[recorded()]);
        assert_eq!(person.decide(&PersonCommand::UnlinkLogin(login(1))), Err(PersonError::LoginUnknown));
        assert_eq!(person.decide(&PersonCommand::LinkLogin(login(1))), Ok(vec![linked(1)]));
        let person = person.evolve(&linked(1));
        assert_eq!(person.decide(&PersonCommand::LinkLogin(login(1))), Ok(vec![]));
        let unlinked = PersonEvent::LoginUnlinked(LoginUnlinked { login: login(1) });
        assert_eq!(person.decide(&PersonCommand::UnlinkLogin(login(1))), Ok(vec![unlinked.clone()]));
        assert_eq!(person.evolve(&unlinked), Person::after(&[recorded()]));
    }

    #[test]
    fn a_sixth_name_is_refused() {
        let person = Person::after([recorded()].iter().chain(&[linked(1), linked(2), linked(3), linked(4)]));
        assert_eq!(person.decide(&PersonCommand::LinkLogin(login(5))), Ok(vec![linked(5)]));
        let person = person.evolve(&linked(5));
        assert_eq!(person.decide(&PersonCommand::LinkLogin(login(6))), Err(PersonError::TooManyLogins));
    }

    #[test]
    fn of_somebody_who_left_only_the_day_can_be_said_otherwise_and_a_login_taken() {
        let person = Person::after(&[recorded(), linked(1), left()]);
        assert_eq!(person.decide(&PersonCommand::Amend(amended())), Err(PersonError::HasLeft));
        assert_eq!(person.decide(&PersonCommand::LinkLogin(login(2))), Err(PersonError::HasLeft));
        assert_eq!(person.decide(&PersonCommand::Leave(day("2027-07-31"))), Ok(vec![]));
        let earlier = PersonEvent::Left(PersonLeft { on: day("2027-06-30") });
        assert_eq!(person.decide(&PersonCommand::Leave(day("2027-06-30"))), Ok(vec![earlier]));
        assert!(person.decide(&PersonCommand::UnlinkLogin(login(1))).is_ok());
    }
}
