//! A person: what somebody is to a school or trust, how they log in, and when they leave. Who they are is sealed.

mod forgetting;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use chrono::NaiveDate;
use eventlog::Aggregate;
use schema::{
    PersonId, Sealed,
    people::{
        HoldPlaced, Identity, LoginLinked, LoginName, LoginUnlinked, PersonAmended, PersonCategory, PersonEvent,
        PersonLeft, PersonRecorded,
    },
    provisioning::{PersonDeprovisioned, PersonProvisioned},
};

pub use forgetting::{Forgetting, ForgettingCommand, ForgettingStep, due};

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
    /// The person was known, and is forgotten.
    Forgotten,
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
    /// The account that a directory of the school's or trust's own keeps of the person.
    pub account: Option<Box<PersonProvisioned>>,
    /// How the person logs in.
    pub logins: BTreeSet<LoginName>,
    /// How the person ever logged in.
    pub ever: BTreeSet<LoginName>,
    /// The first day on which the person is no longer there.
    pub left: Option<NaiveDate>,
    /// What is said of forgetting the person.
    pub forgetting: Forgetting,
}

/// What can be asked of a person's record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PersonCommand {
    /// Let the person be known.
    Record(PersonRecorded),
    /// Say what is so from now on.
    Amend(PersonAmended),
    /// Say what a directory keeps of the person: who is not known is recorded with it.
    Provision(PersonRecorded, PersonProvisioned),
    /// Say that it keeps no account of the person any more.
    Deprovision,
    /// Let the person log in by a name, says somebody, as the log knows them.
    LinkLogin(LoginName, String),
    /// Let nobody log in as this person by a name.
    UnlinkLogin(LoginName),
    /// Say when the person leaves.
    Leave {
        /// The first day on which they are no longer there.
        on: NaiveDate,
        /// The day on which it is said.
        today: NaiveDate,
    },
    /// Say whether the person is to be forgotten.
    Forget(ForgettingCommand),
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
    /// Lift the hold first.
    #[error("the person is on hold: nobody may forget them until it is lifted")]
    OnHold,
    /// Record when the person left first.
    #[error("the person is there still: say when they left first")]
    IsThere,
    /// It is due six years after they left.
    #[error("the time for which the record is kept is not over")]
    RetainedStill,
    /// Withdraw it first.
    #[error("it is proposed already, for another reason or by somebody else")]
    ProposedAlready,
    /// Propose it first.
    #[error("nobody has proposed to forget the person")]
    NothingProposed,
    /// Lift the other one first.
    #[error("the person is on hold for another reason")]
    HeldOtherwise,
    /// An account is of one person, and a person has one.
    #[error("the person has another account")]
    AccountIsAnother,
    /// It takes two.
    #[error(
        "it takes another person: not whoever proposed it, nor whom it is about, nor somebody whom one of them let in"
    )]
    OneAlone,
}

impl Aggregate for Person {
    type Command = PersonCommand;
    type Event = PersonEvent;
    type Error = PersonError;

    fn decide(&self, command: &PersonCommand) -> Result<Vec<PersonEvent>, PersonError> {
        match (self, command) {
            (Self::Unknown, PersonCommand::Record(recorded)) => Ok(vec![PersonEvent::Recorded(recorded.clone())]),
            (Self::Unknown, PersonCommand::Provision(recorded, provisioned)) => {
                Ok(vec![PersonEvent::Recorded(recorded.clone()), PersonEvent::Provisioned(provisioned.clone())])
            }
            (Self::Forgotten, PersonCommand::Forget(ForgettingCommand { step: ForgettingStep::Confirm, .. })) => {
                Ok(vec![])
            }
            (Self::Unknown | Self::Forgotten, _) => Err(PersonError::NotRecorded),
            (Self::Known(_), PersonCommand::Record(_)) => Err(PersonError::Recorded),
            (Self::Known(Known { left: Some(left), .. }), PersonCommand::Leave { on, .. }) if on == left => Ok(vec![]),
            // What ended with it does not begin again: no login lets them in.
            (Self::Known(Known { left: Some(left), .. }), PersonCommand::Leave { on, today })
                if left <= today && left < on =>
            {
                Err(PersonError::HasLeft)
            }
            (
                Self::Known(Known { left: Some(_), .. }),
                PersonCommand::Amend(_) | PersonCommand::Provision(..) | PersonCommand::LinkLogin(..),
            ) => Err(PersonError::HasLeft),
            (Self::Known(_), PersonCommand::Amend(amended)) => Ok(vec![PersonEvent::Amended(amended.clone())]),
            (Self::Known(known), PersonCommand::Provision(said, provisioned)) => known.provision(said, provisioned),
            (Self::Known(known), PersonCommand::Deprovision) => {
                let account = known.account.iter().map(|had| had.account);
                Ok(account.map(|account| PersonEvent::Deprovisioned(PersonDeprovisioned { account })).collect())
            }
            // Whoever is recused is so by each of their logins (R130): others' would be recused as they are.
            (Self::Known(known), PersonCommand::LinkLogin(_, by)) if known.ever_logged_in_as(by) => {
                Err(PersonError::OneAlone)
            }
            (Self::Known(known), PersonCommand::LinkLogin(login, _)) => known.link(login),
            (Self::Known(known), PersonCommand::UnlinkLogin(login)) => known.unlink(login),
            (Self::Known(_), PersonCommand::Leave { on, .. }) => Ok(vec![PersonEvent::Left(PersonLeft { on: *on })]),
            (Self::Known(known), PersonCommand::Forget(command)) if known.ever_logged_in_as(&command.by) => {
                Err(PersonError::OneAlone)
            }
            (Self::Known(known), PersonCommand::Forget(command)) => known.forgetting.decide(known.left, command),
        }
    }

    fn evolve(self, event: &PersonEvent) -> Self {
        match (self, event) {
            (Self::Unknown, PersonEvent::Recorded(PersonRecorded { person, category, identity })) => {
                Self::Known(Known {
                    person: *person,
                    category: *category,
                    identity: identity.clone(),
                    account: None,
                    logins: BTreeSet::new(),
                    ever: BTreeSet::new(),
                    left: None,
                    forgetting: Forgetting::default(),
                })
            }
            (other @ (Self::Unknown | Self::Forgotten), _) => other,
            (known @ Self::Known(_), PersonEvent::Recorded(_)) => known,
            (Self::Known(known), PersonEvent::Amended(PersonAmended { category, identity })) => {
                Self::Known(Known { category: *category, identity: identity.clone(), ..known })
            }
            (Self::Known(known), PersonEvent::Provisioned(provisioned)) => {
                Self::Known(Known { account: Some(Box::new(provisioned.clone())), ..known })
            }
            (Self::Known(known), PersonEvent::Deprovisioned(_)) => Self::Known(Known { account: None, ..known }),
            (Self::Known(mut known), PersonEvent::LoginLinked(LoginLinked { login })) => {
                known.logins.insert(login.clone());
                known.ever.insert(login.clone());
                Self::Known(known)
            }
            (Self::Known(mut known), PersonEvent::LoginUnlinked(LoginUnlinked { login })) => {
                known.logins.remove(login);
                Self::Known(known)
            }
            (Self::Known(known), PersonEvent::Left(PersonLeft { on })) => {
                Self::Known(Known { left: Some(*on), ..known })
            }
            (Self::Known(mut known), PersonEvent::HoldPlaced(HoldPlaced { reason })) => {
                known.forgetting = Forgetting { hold: Some(*reason), proposed: None };
                Self::Known(known)
            }
            (Self::Known(mut known), PersonEvent::HoldLifted(_)) => {
                known.forgetting.hold = None;
                Self::Known(known)
            }
            (Self::Known(mut known), PersonEvent::ForgettingProposed(proposed)) => {
                known.forgetting.proposed = Some(proposed.clone());
                Self::Known(known)
            }
            (Self::Known(mut known), PersonEvent::ForgettingWithdrawn(_)) => {
                known.forgetting.proposed = None;
                Self::Known(known)
            }
            (Self::Known(_), PersonEvent::Forgotten(_)) => Self::Forgotten,
        }
    }
}

impl Known {
    /// Whether the person logs in by this name, or did.
    pub fn ever_logged_in_as(&self, by: &str) -> bool {
        self.ever.iter().any(|login| login.as_str() == by)
    }

    /// What is said of a person whose account it is, or who has none.
    fn provision(&self, said: &PersonRecorded, new: &PersonProvisioned) -> Result<Vec<PersonEvent>, PersonError> {
        if self.account.as_ref().is_some_and(|had| (had.account, had.before) != (new.account, new.before)) {
            return Err(PersonError::AccountIsAnother);
        }
        let amended = PersonAmended { category: said.category, identity: said.identity.clone() };
        Ok(vec![PersonEvent::Amended(amended), PersonEvent::Provisioned(new.clone())])
    }

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
