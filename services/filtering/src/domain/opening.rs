//! An opening of what is sealed of flagged events: recorded before it is shown (R133).

use eventlog::Aggregate;
use schema::filtering::{FlaggedEventsOpened, OpeningEvent};

/// How many events one opening shows.
pub const MOST: usize = 100;

/// An opening as its event leaves it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Opening {
    /// Nothing was opened.
    #[default]
    Unknown,
    /// It was shown.
    Recorded(FlaggedEventsOpened),
}

/// Why an opening is not recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OpeningError {
    /// It shows something, and no more than fits.
    #[error("expected 1 to 100 events, each once")]
    Events,
    /// An opening is recorded once.
    #[error("the opening is recorded, of other events or for another purpose")]
    RecordedDifferently,
}

impl Aggregate for Opening {
    type Command = FlaggedEventsOpened;
    type Event = OpeningEvent;
    type Error = OpeningError;

    fn decide(&self, wanted: &FlaggedEventsOpened) -> Result<Vec<OpeningEvent>, OpeningError> {
        match self {
            Self::Recorded(recorded) if recorded == wanted => Ok(vec![]),
            Self::Recorded(_) => Err(OpeningError::RecordedDifferently),
            Self::Unknown => {
                let repeats = (1..wanted.events.len()).any(|at| wanted.events[..at].contains(&wanted.events[at]));
                if wanted.events.is_empty() || wanted.events.len() > MOST || repeats {
                    return Err(OpeningError::Events);
                }
                Ok(vec![OpeningEvent::Opened(wanted.clone())])
            }
        }
    }

    fn evolve(self, event: &OpeningEvent) -> Self {
        match (self, event) {
            (Self::Unknown, OpeningEvent::Opened(opened)) => Self::Recorded(opened.clone()),
            (recorded @ Self::Recorded(_), OpeningEvent::Opened(_)) => recorded,
        }
    }
}

#[cfg(test)]
mod tests {
    use schema::filtering::OpeningPurpose;
    use uuid::Uuid;

    use super::*;

    fn of(events: impl IntoIterator<Item = u128>) -> FlaggedEventsOpened {
        let events = events.into_iter().map(|event| Uuid::from_u128(event).into()).collect();
        FlaggedEventsOpened { events, purpose: OpeningPurpose::Safeguarding, matter: None }
    }

    #[test]
    fn an_opening_is_recorded_once() {
        let opened = OpeningEvent::Opened(of([1, 2]));
        assert_eq!(Opening::Unknown.decide(&of([1, 2])), Ok(vec![opened.clone()]));
        let opening = Opening::after(&[opened]);
        assert_eq!(opening.decide(&of([1, 2])), Ok(vec![]));
        assert_eq!(opening.decide(&of([1])), Err(OpeningError::RecordedDifferently));
        let otherwise = FlaggedEventsOpened { purpose: OpeningPurpose::Misuse, ..of([1, 2]) };
        assert_eq!(opening.decide(&otherwise), Err(OpeningError::RecordedDifferently));
    }

    #[test]
    fn an_opening_is_of_1_to_100_events_each_once() {
        assert!(Opening::Unknown.decide(&of(0..100)).is_ok());
        for wrong in [of([]), of(0..101), of([1, 2, 1])] {
            assert_eq!(Opening::Unknown.decide(&wrong), Err(OpeningError::Events));
        }
    }
}
