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

/// What can be asked about it, and by whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForgettingCommand {
    /// Who asks, as the log knows them.
    pub by: String,
    /// The day on which it is asked.
    pub today: NaiveDate,
    /// What is asked.
    pub step: ForgettingStep,
}

/// One step towards forgetting somebody, or away from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ForgettingStep {
    /// Say that the person is to be forgotten.
    Propose(ForgettingGround),
    /// Agree, as somebody else.
    Confirm,
    /// Say that the person is not to be forgotten.
    Withdraw,
    /// Keep the person from being forgotten; what was proposed is proposed no more.
    PlaceHold(HoldReason),
    /// Let the person be forgotten again.
    LiftHold,
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
        let ForgettingCommand { by, today, step } = command;
        match (*step, &self.proposed) {
            (ForgettingStep::Propose(ground), before) => {
                self.allows(ground, left, *today)?;
                let proposed = ForgettingProposed { ground, by: by.clone() };
                match before {
                    Some(before) if *before == proposed => Ok(vec![]),
                    Some(_) => Err(PersonError::ProposedAlready),
                    None => Ok(vec![PersonEvent::ForgettingProposed(proposed)]),
                }
            }
            (ForgettingStep::Confirm | ForgettingStep::Withdraw, None) => Err(PersonError::NothingProposed),
            (ForgettingStep::Confirm, Some(proposed)) => {
                self.allows(proposed.ground, left, *today)?;
                if *by == proposed.by {
                    return Err(PersonError::OneAlone);
                }
                Ok(vec![PersonEvent::Forgotten(PersonForgotten { ground: proposed.ground })])
            }
            (ForgettingStep::Withdraw, Some(_)) => Ok(vec![PersonEvent::ForgettingWithdrawn(ForgettingWithdrawn {})]),
            (ForgettingStep::PlaceHold(reason), _) => match self.hold {
                Some(other) if other != reason => Err(PersonError::HeldOtherwise),
                Some(_) => Ok(vec![]),
                None => Ok(vec![PersonEvent::HoldPlaced(HoldPlaced { reason })]),
            },
            (ForgettingStep::LiftHold, _) if self.hold.is_none() => Ok(vec![]),
            (ForgettingStep::LiftHold, _) => Ok(vec![PersonEvent::HoldLifted(HoldLifted {})]),
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
