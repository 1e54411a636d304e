//! An opening of what is sealed of filter events: recorded before it is shown (R133).

use chrono::TimeDelta;
use eventlog::Aggregate;
use schema::filtering::{FlaggedEventsOpened, NameDisclosed, OpeningEvent};

/// How many events one opening shows.
pub const MOST: usize = 100;

/// The longest time of which one disclosure tells what somebody asked for.
pub const LONGEST: TimeDelta = TimeDelta::days(31);

/// An opening as its event leaves it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Opening {
    /// Nothing was opened.
    #[default]
    Unknown,
    /// It was shown.
    Recorded(OpeningEvent),
}

/// Why an opening is not recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OpeningError {
    /// It shows something, and no more than fits.
    #[error("expected 1 to 100 events, each once")]
    Events,
    /// A disclosure tells of some time, and of no more than fits.
    #[error("expected an instant after `from`, at most 31 days later")]
    Period,
    /// An opening is recorded once.
    #[error("the opening is recorded, of something else or for another purpose")]
    RecordedDifferently,
}

impl Aggregate for Opening {
    type Command = OpeningEvent;
    type Event = OpeningEvent;
    type Error = OpeningError;

    fn decide(&self, wanted: &OpeningEvent) -> Result<Vec<OpeningEvent>, OpeningError> {
        match self {
            Self::Recorded(recorded) if is_the_same(recorded, wanted) => Ok(vec![]),
            Self::Recorded(_) => Err(OpeningError::RecordedDifferently),
            Self::Unknown => {
                fits(wanted)?;
                Ok(vec![wanted.clone()])
            }
        }
    }

    fn evolve(self, event: &OpeningEvent) -> Self {
        match self {
            Self::Unknown => Self::Recorded(event.clone()),
            recorded @ Self::Recorded(_) => recorded,
        }
    }
}

fn fits(wanted: &OpeningEvent) -> Result<(), OpeningError> {
    match wanted {
        OpeningEvent::Opened(FlaggedEventsOpened { events, .. }) => {
            let repeats = (1..events.len()).any(|at| events[..at].contains(&events[at]));
            if (1..=MOST).contains(&events.len()) && !repeats { Ok(()) } else { Err(OpeningError::Events) }
        }
        OpeningEvent::Disclosed(NameDisclosed { from, to, .. }) => {
            if from < to && *to - *from <= LONGEST {
                Ok(())
            } else {
                Err(OpeningError::Period)
            }
        }
    }
}

/// Whether both show the same, in whichever roles: these are as they were when it was recorded.
pub fn is_the_same(recorded: &OpeningEvent, wanted: &OpeningEvent) -> bool {
    match (recorded, wanted) {
        (OpeningEvent::Opened(recorded), OpeningEvent::Opened(wanted)) => {
            *recorded == FlaggedEventsOpened { roles: recorded.roles.clone(), ..wanted.clone() }
        }
        (OpeningEvent::Disclosed(recorded), OpeningEvent::Disclosed(wanted)) => {
            *recorded == NameDisclosed { roles: recorded.roles.clone(), ..wanted.clone() }
        }
        (OpeningEvent::Opened(_), OpeningEvent::Disclosed(_))
        | (OpeningEvent::Disclosed(_), OpeningEvent::Opened(_)) => false,
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use schema::{filtering::OpeningPurpose, people::StaffRole};
    use uuid::Uuid;

    use super::*;

    fn flagged(events: impl IntoIterator<Item = u128>) -> FlaggedEventsOpened {
        let events = events.into_iter().map(|event| Uuid::from_u128(event).into()).collect();
        FlaggedEventsOpened { events, purpose: OpeningPurpose::Safeguarding, matter: None, roles: vec![StaffRole::Dsl] }
    }

    fn of(events: impl IntoIterator<Item = u128>) -> OpeningEvent {
        OpeningEvent::Opened(flagged(events))
    }

    fn disclosed(for_seconds: i64) -> OpeningEvent {
        let (from, roles) = (DateTime::UNIX_EPOCH, vec![StaffRole::Dpo]);
        let to = from + TimeDelta::seconds(for_seconds);
        OpeningEvent::Disclosed(NameDisclosed { name: 7.into(), from, to, roles })
    }

    #[test]
    fn an_opening_is_recorded_once() {
        let otherwise =
            OpeningEvent::Opened(FlaggedEventsOpened { purpose: OpeningPurpose::Misuse, ..flagged([1, 2]) });
        for (wanted, others) in [(of([1, 2]), [of([1]), otherwise]), (disclosed(1), [disclosed(2), of([1])])] {
            assert_eq!(Opening::Unknown.decide(&wanted), Ok(vec![wanted.clone()]));
            let opening = Opening::after(std::slice::from_ref(&wanted));
            assert_eq!(opening.decide(&wanted), Ok(vec![]));
            for other in others {
                assert_eq!(opening.decide(&other), Err(OpeningError::RecordedDifferently));
            }
        }
    }

    #[test]
    fn sent_again_in_another_role_it_is_the_same() {
        let opening = Opening::after(&[of([1])]);
        let again = OpeningEvent::Opened(FlaggedEventsOpened { roles: vec![StaffRole::Headteacher], ..flagged([1]) });
        assert_eq!(opening.decide(&again), Ok(vec![]));
    }

    #[test]
    fn an_opening_is_of_1_to_100_events_each_once() {
        assert!(Opening::Unknown.decide(&of(0..100)).is_ok());
        for wrong in [of([]), of(0..101), of([1, 2, 1])] {
            assert_eq!(Opening::Unknown.decide(&wrong), Err(OpeningError::Events));
        }
    }

    #[test]
    fn a_disclosure_is_of_up_to_31_days() {
        let longest = LONGEST.num_seconds();
        for right in [1, longest] {
            assert!(Opening::Unknown.decide(&disclosed(right)).is_ok());
        }
        for wrong in [-1, 0, longest + 1] {
            assert_eq!(Opening::Unknown.decide(&disclosed(wrong)), Err(OpeningError::Period));
        }
    }
}
