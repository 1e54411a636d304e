//! Whether a person may be forgotten, and that it takes two to decide it.

use chrono::{Months, NaiveDate};
use schema::people::{
    ForgettingGround, ForgettingProposed, ForgettingWithdrawn, HoldLifted, HoldPlaced, HoldReason, PersonEvent,
    PersonForgotten,
};

use super::PersonError;

/// For how long the record of somebody who left is kept (R276): six years, in which a claim can be brought (Limitation Act
/// 1980, section 5).
const RETAINED: Months = Months::new(6 * 12);

/// What is said of forgetting a person.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Forgetting {
    /// Why the person must not be forgotten, if so.
    pub hold: Option<HoldReason>,
    /// What was proposed, and by whom.
    pub proposed: Option<ForgettingProposed>,
}

/// What can be asked about it; days are of whoever asks, `today`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ForgettingCommand {
    /// Say that the person is to be forgotten.
    Propose(ForgettingProposed, NaiveDate),
    /// Agree, as somebody else.
    Confirm {
        /// Who agrees, as the log knows them.
        by: String,
        /// Today.
        today: NaiveDate,
    },
    /// Say that the person is not to be forgotten.
    Withdraw,
    /// Keep the person from being forgotten, or no longer.
    Hold(Option<HoldReason>),
}

/// The first day on which the record of somebody who left on a day is due for disposal.
pub fn due(left: NaiveDate) -> Option<NaiveDate> {
    left.checked_add_months(RETAINED)
}

impl Forgetting {
    pub(super) fn decide(
        &self,
        left: Option<NaiveDate>,
        command: &ForgettingCommand,
    ) -> Result<Vec<PersonEvent>, PersonError> {
        match (command, &self.proposed) {
            (ForgettingCommand::Propose(proposed, today), before) => {
                self.allows(proposed.ground, left, *today)?;
                match before {
                    Some(before) if before == proposed => Ok(vec![]),
                    Some(_) => Err(PersonError::ProposedAlready),
                    None => Ok(vec![PersonEvent::ForgettingProposed(proposed.clone())]),
                }
            }
            (ForgettingCommand::Confirm { .. } | ForgettingCommand::Withdraw, None) => {
                Err(PersonError::NothingProposed)
            }
            (ForgettingCommand::Confirm { by, today }, Some(proposed)) => {
                self.allows(proposed.ground, left, *today)?;
                if *by == proposed.by {
                    return Err(PersonError::OneAlone);
                }
                Ok(vec![PersonEvent::Forgotten(PersonForgotten { ground: proposed.ground })])
            }
            (ForgettingCommand::Withdraw, Some(_)) => {
                Ok(vec![PersonEvent::ForgettingWithdrawn(ForgettingWithdrawn {})])
            }
            (ForgettingCommand::Hold(reason), _) if *reason == self.hold => Ok(vec![]),
            (ForgettingCommand::Hold(Some(reason)), _) => {
                Ok(vec![PersonEvent::HoldPlaced(HoldPlaced { reason: *reason })])
            }
            (ForgettingCommand::Hold(None), _) => Ok(vec![PersonEvent::HoldLifted(HoldLifted {})]),
        }
    }

    fn allows(&self, ground: ForgettingGround, left: Option<NaiveDate>, today: NaiveDate) -> Result<(), PersonError> {
        if self.hold.is_some() {
            return Err(PersonError::OnHold);
        }
        let left = left.filter(|left| *left <= today).ok_or(PersonError::IsThere)?;
        let over = due(left).is_some_and(|due| due <= today);
        if ground == ForgettingGround::RetentionOver && !over { Err(PersonError::RetainedStill) } else { Ok(()) }
    }
}
