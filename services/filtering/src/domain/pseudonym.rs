//! Forgetting a name that a filter sends: it takes two to decide it (R276, UK GDPR Art. 17).

use eventlog::Aggregate;
use schema::{
    filtering::{
        PseudonymEvent, PseudonymForgettingProposed, PseudonymForgettingWithdrawn, PseudonymForgotten,
        PseudonymHoldLifted, PseudonymHoldPlaced,
    },
    people::{ForgettingGround, HoldReason},
};

/// A name that a filter sends, as its events leave it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pseudonym {
    /// It is known, and nothing stands in the way of forgetting it; what was proposed, if anything.
    Known(Option<PseudonymForgettingProposed>),
    /// It must not be forgotten.
    Held(HoldReason),
    /// It is forgotten.
    Forgotten,
}

impl Default for Pseudonym {
    fn default() -> Self {
        Self::Known(None)
    }
}

/// What can be asked, and by whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PseudonymCommand {
    /// Who asks, as the log knows them.
    pub by: String,
    /// What is asked.
    pub step: Step,
}

/// One step towards forgetting a name, or away from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Say that it is to be forgotten.
    Propose(ForgettingGround),
    /// Agree, as somebody else.
    Confirm,
    /// Say that it is not to be forgotten.
    Withdraw,
    /// Keep it from being forgotten; what was proposed is proposed no more.
    PlaceHold(HoldReason),
    /// Let it be forgotten again.
    LiftHold,
}

/// Why a step is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PseudonymError {
    /// There is nothing to forget any more.
    #[error("the name is forgotten")]
    Forgotten,
    /// It is proposed, otherwise or by somebody else.
    #[error("it is proposed already: somebody else confirms it, or it is withdrawn")]
    ProposedAlready,
    /// Nothing was proposed.
    #[error("nobody has proposed it")]
    NothingProposed,
    /// It is kept by law.
    #[error("it is on hold: the hold must be lifted first")]
    OnHold,
    /// It is on hold for another reason.
    #[error("it is on hold for another reason")]
    HeldOtherwise,
    /// Nobody forgets anybody alone.
    #[error("it takes another person: not whoever proposed it, nor somebody whom one of them let in")]
    OneAlone,
}

impl Aggregate for Pseudonym {
    type Command = PseudonymCommand;
    type Event = PseudonymEvent;
    type Error = PseudonymError;

    fn decide(&self, PseudonymCommand { by, step }: &PseudonymCommand) -> Result<Vec<PseudonymEvent>, PseudonymError> {
        match (self, *step) {
            (Self::Forgotten, Step::Confirm) | (Self::Known(_), Step::LiftHold) => Ok(vec![]),
            (Self::Forgotten, Step::Propose(_) | Step::Withdraw | Step::PlaceHold(_) | Step::LiftHold) => {
                Err(PseudonymError::Forgotten)
            }
            (Self::Held(_), Step::Propose(_) | Step::Confirm) => Err(PseudonymError::OnHold),
            (Self::Held(before), Step::PlaceHold(reason)) if *before == reason => Ok(vec![]),
            (Self::Held(_), Step::PlaceHold(_)) => Err(PseudonymError::HeldOtherwise),
            (Self::Held(_), Step::LiftHold) => Ok(vec![PseudonymEvent::HoldLifted(PseudonymHoldLifted {})]),
            (Self::Known(_), Step::PlaceHold(reason)) => {
                Ok(vec![PseudonymEvent::HoldPlaced(PseudonymHoldPlaced { reason })])
            }
            (Self::Known(before), Step::Propose(ground)) => {
                let proposed = PseudonymForgettingProposed { ground, by: by.clone() };
                match before {
                    Some(before) if *before == proposed => Ok(vec![]),
                    Some(_) => Err(PseudonymError::ProposedAlready),
                    None => Ok(vec![PseudonymEvent::ForgettingProposed(proposed)]),
                }
            }
            (Self::Known(None), Step::Confirm | Step::Withdraw) | (Self::Held(_), Step::Withdraw) => {
                Err(PseudonymError::NothingProposed)
            }
            (Self::Known(Some(proposed)), Step::Confirm) if proposed.by == *by => Err(PseudonymError::OneAlone),
            (Self::Known(Some(proposed)), Step::Confirm) => {
                Ok(vec![PseudonymEvent::Forgotten(PseudonymForgotten { ground: proposed.ground })])
            }
            (Self::Known(Some(_)), Step::Withdraw) => {
                Ok(vec![PseudonymEvent::ForgettingWithdrawn(PseudonymForgettingWithdrawn {})])
            }
        }
    }

    fn evolve(self, event: &PseudonymEvent) -> Self {
        match (self, event) {
            (Self::Forgotten, _) | (_, PseudonymEvent::Forgotten(_)) => Self::Forgotten,
            (_, PseudonymEvent::HoldPlaced(placed)) => Self::Held(placed.reason),
            (Self::Held(reason), PseudonymEvent::ForgettingProposed(_) | PseudonymEvent::ForgettingWithdrawn(_)) => {
                Self::Held(reason)
            }
            (Self::Known(_), PseudonymEvent::ForgettingProposed(proposed)) => Self::Known(Some(proposed.clone())),
            (Self::Held(_) | Self::Known(_), PseudonymEvent::HoldLifted(_))
            | (Self::Known(_), PseudonymEvent::ForgettingWithdrawn(_)) => Self::Known(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(by: &str, step: Step) -> PseudonymCommand {
        PseudonymCommand { by: by.to_owned(), step }
    }

    /// What is left after the steps, each of which is done.
    fn after(steps: &[(&str, Step)]) -> Pseudonym {
        steps.iter().fold(Pseudonym::default(), |state, (by, step)| {
            let events = state.decide(&asked(by, *step)).unwrap();
            events.iter().fold(state, Pseudonym::evolve)
        })
    }

    const PROPOSE: Step = Step::Propose(ForgettingGround::ErasureRequest);

    /// R276.
    #[test]
    fn one_proposes_and_another_confirms() {
        let proposed = after(&[("one", PROPOSE)]);
        assert_eq!(proposed.decide(&asked("one", Step::Confirm)), Err(PseudonymError::OneAlone));
        let ground = ForgettingGround::ErasureRequest;
        assert_eq!(
            proposed.decide(&asked("two", Step::Confirm)),
            Ok(vec![PseudonymEvent::Forgotten(PseudonymForgotten { ground })])
        );
    }

    #[test]
    fn what_nobody_proposed_is_neither_confirmed_nor_withdrawn() {
        for state in [Pseudonym::default(), after(&[("one", PROPOSE), ("two", Step::Withdraw)])] {
            for step in [Step::Confirm, Step::Withdraw] {
                assert_eq!(state.decide(&asked("two", step)), Err(PseudonymError::NothingProposed));
            }
        }
    }

    #[test]
    fn what_is_proposed_is_proposed_once() {
        let proposed = after(&[("one", PROPOSE)]);
        assert_eq!(proposed.decide(&asked("one", PROPOSE)), Ok(vec![]));
        let otherwise = Step::Propose(ForgettingGround::RecordedInError);
        for command in [asked("two", PROPOSE), asked("one", otherwise)] {
            assert_eq!(proposed.decide(&command), Err(PseudonymError::ProposedAlready));
        }
    }

    /// R276.
    #[test]
    fn what_is_on_hold_is_not_forgotten_until_the_hold_is_lifted() {
        let place_hold = Step::PlaceHold(HoldReason::Police);
        let held = after(&[("one", PROPOSE), ("three", place_hold)]);
        assert_eq!(held, Pseudonym::Held(HoldReason::Police));
        for step in [PROPOSE, Step::Confirm] {
            assert_eq!(held.decide(&asked("two", step)), Err(PseudonymError::OnHold));
        }
        assert_eq!(held.decide(&asked("two", Step::Withdraw)), Err(PseudonymError::NothingProposed));
        assert_eq!(held.decide(&asked("two", place_hold)), Ok(vec![]));
        let otherwise = Step::PlaceHold(HoldReason::Regulator);
        assert_eq!(held.decide(&asked("two", otherwise)), Err(PseudonymError::HeldOtherwise));
        let lifted = after(&[("one", PROPOSE), ("three", place_hold), ("two", Step::LiftHold)]);
        assert_eq!(lifted, Pseudonym::default(), "what was proposed is proposed no more");
        assert_eq!(lifted.decide(&asked("two", Step::LiftHold)), Ok(vec![]));
    }

    #[test]
    fn what_is_forgotten_stays_so_and_is_confirmed_again_without_another_event() {
        let forgotten = after(&[("one", PROPOSE), ("two", Step::Confirm)]);
        assert_eq!(forgotten, Pseudonym::Forgotten);
        assert_eq!(forgotten.decide(&asked("two", Step::Confirm)), Ok(vec![]));
        for step in [PROPOSE, Step::Withdraw, Step::PlaceHold(HoldReason::Police), Step::LiftHold] {
            assert_eq!(forgotten.decide(&asked("two", step)), Err(PseudonymError::Forgotten));
        }
    }
}
