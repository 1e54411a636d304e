//! A reading of what is sealed: recorded before it is shown (R133).

use eventlog::Aggregate;
use schema::people::{IdentitiesRead, ReadingEvent};

/// How many people's identities one reading shows.
pub const MOST: usize = 500;

/// A reading as its event leaves it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Reading {
    /// Nothing was read.
    #[default]
    Unknown,
    /// It was shown.
    Recorded(IdentitiesRead),
}

/// Why a reading is not recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReadingError {
    /// It shows somebody, and no more than fit.
    #[error("expected 1 to 500 people, each once")]
    People,
    /// A reading is recorded once.
    #[error("the reading is recorded, of other people or for another purpose")]
    RecordedDifferently,
}

impl Aggregate for Reading {
    type Command = IdentitiesRead;
    type Event = ReadingEvent;
    type Error = ReadingError;

    fn decide(&self, wanted: &IdentitiesRead) -> Result<Vec<ReadingEvent>, ReadingError> {
        match self {
            Self::Recorded(recorded) if is_the_same(recorded, wanted) => Ok(vec![]),
            Self::Recorded(_) => Err(ReadingError::RecordedDifferently),
            Self::Unknown => {
                let repeats = (1..wanted.people.len()).any(|at| wanted.people[..at].contains(&wanted.people[at]));
                if wanted.people.is_empty() || wanted.people.len() > MOST || repeats {
                    return Err(ReadingError::People);
                }
                Ok(vec![ReadingEvent::IdentitiesRead(wanted.clone())])
            }
        }
    }

    fn evolve(self, event: &ReadingEvent) -> Self {
        match (self, event) {
            (Self::Unknown, ReadingEvent::IdentitiesRead(read)) => Self::Recorded(read.clone()),
            (recorded @ Self::Recorded(_), ReadingEvent::IdentitiesRead(_)) => recorded,
        }
    }
}

/// Whether both show the same, in whichever roles: these are as they were when it was recorded.
pub fn is_the_same(recorded: &IdentitiesRead, wanted: &IdentitiesRead) -> bool {
    *recorded == IdentitiesRead { roles: recorded.roles.clone(), ..wanted.clone() }
}

#[cfg(test)]
mod tests {
    use schema::people::{ReadingPurpose, StaffRole};
    use uuid::Uuid;

    use super::*;

    fn of(people: impl IntoIterator<Item = u128>) -> IdentitiesRead {
        let people = people.into_iter().map(|person| Uuid::from_u128(person).into()).collect();
        IdentitiesRead { people, purpose: ReadingPurpose::Staffing, matter: None, roles: vec![StaffRole::Dsl] }
    }

    #[test]
    fn a_reading_is_recorded_once() {
        let read = ReadingEvent::IdentitiesRead(of([1, 2]));
        assert_eq!(Reading::Unknown.decide(&of([1, 2])), Ok(vec![read.clone()]));
        let reading = Reading::after(&[read]);
        assert_eq!(reading.decide(&of([1, 2])), Ok(vec![]));
        assert_eq!(reading.decide(&of([1])), Err(ReadingError::RecordedDifferently));
        let in_another_role = IdentitiesRead { roles: vec![], ..of([1, 2]) };
        assert_eq!(reading.decide(&in_another_role), Ok(vec![]), "sent again in another role it is the same");
    }

    #[test]
    fn a_reading_is_of_1_to_500_people_each_once() {
        assert!(Reading::Unknown.decide(&of(0..500)).is_ok());
        for wrong in [of([]), of(0..501), of([1, 2, 1])] {
            assert_eq!(Reading::Unknown.decide(&wrong), Err(ReadingError::People));
        }
    }
}
