//! Forgetting a name that a filter sends: it takes two to decide it (R276, UK GDPR Art. 17).

use eventlog::Aggregate;
use schema::{
    filtering::{PseudonymEvent, PseudonymForgettingProposed, PseudonymForgettingWithdrawn, PseudonymForgotten},
    people::ForgettingGround,
};

/// A name that a filter sends, as its events leave it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pseudonym {
    /// It is known; what was proposed, if anything.
    Known(Option<PseudonymForgettingProposed>),
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
    /// Nobody forgets anybody alone.
    #[error("expected somebody else than whoever proposed it")]
    OneAlone,
}

impl Aggregate for Pseudonym {
    type Command = PseudonymCommand;
    type Event = PseudonymEvent;
    type Error = PseudonymError;

    fn decide(&self, PseudonymCommand { by, step }: &PseudonymCommand) -> Result<Vec<PseudonymEvent>, PseudonymError> {
        match (self, *step) {
            (Self::Forgotten, Step::Confirm) => Ok(vec![]),
            (Self::Forgotten, Step::Propose(_) | Step::Withdraw) => Err(PseudonymError::Forgotten),
            (Self::Known(before), Step::Propose(ground)) => {
                let proposed = PseudonymForgettingProposed { ground, by: by.clone() };
                match before {
                    Some(before) if *before == proposed => Ok(vec![]),
                    Some(_) => Err(PseudonymError::ProposedAlready),
                    None => Ok(vec![PseudonymEvent::ForgettingProposed(proposed)]),
                }
            }
            (Self::Known(None), Step::Confirm | Step::Withdraw) => Err(PseudonymError::NothingProposed),
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
            (Self::Known(_), PseudonymEvent::ForgettingProposed(proposed)) => Self::Known(Some(proposed.clone())),
            (Self::Known(_), PseudonymEvent::ForgettingWithdrawn(_)) => Self::Known(None),
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

    #[test]
    fn what_is_forgotten_stays_so_and_is_confirmed_again_without_another_event() {
        let forgotten = after(&[("one", PROPOSE), ("two", Step::Confirm)]);
        assert_eq!(forgotten, Pseudonym::Forgotten);
        assert_eq!(forgotten.decide(&asked("two", Step::Confirm)), Ok(vec![]));
        for step in [PROPOSE, Step::Withdraw] {
            assert_eq!(forgotten.decide(&asked("two", step)), Err(PseudonymError::Forgotten));
        }
    }
}
