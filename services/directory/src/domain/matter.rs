//! A matter, as far as anybody is recused from it (R130).

use eventlog::Aggregate;
use schema::recusal::{MatterEvent, PersonRecused};

pub use access::recusal::MOST;

/// Who is recused from a matter. Nobody ever ceases to be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Matter {
    recused: Vec<PersonRecused>,
}

/// Why nobody else is recused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MatterError {
    /// More than can be looked at whenever something is done for it.
    #[error("the matter has as many recused as it may, 50")]
    TooMany,
}

impl Aggregate for Matter {
    type Command = PersonRecused;
    type Event = MatterEvent;
    type Error = MatterError;

    fn decide(&self, wanted: &PersonRecused) -> Result<Vec<MatterEvent>, MatterError> {
        if self.recused.iter().any(|known| known.person == wanted.person) {
            return Ok(vec![]);
        }
        if self.recused.len() >= MOST {
            return Err(MatterError::TooMany);
        }
        Ok(vec![MatterEvent::PersonRecused(wanted.clone())])
    }

    fn evolve(mut self, MatterEvent::PersonRecused(recused): &MatterEvent) -> Self {
        self.recused.push(recused.clone());
        self
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn of(person: u128) -> PersonRecused {
        PersonRecused { person: Uuid::from_u128(person).into(), school: Some(Uuid::from_u128(1).into()), trust: None }
    }

    /// R130.
    #[test]
    fn somebody_is_recused_once_and_for_ever() {
        let recused = Matter::default().decide(&of(1)).unwrap();
        assert_eq!(recused, [MatterEvent::PersonRecused(of(1))]);
        let matter = Matter::after(&recused);
        assert_eq!(matter.decide(&of(1)), Ok(vec![]));
        assert_eq!(matter.decide(&of(2)), Ok(vec![MatterEvent::PersonRecused(of(2))]));
    }

    #[test]
    fn no_more_are_recused_than_are_looked_at() {
        let events: Vec<_> = (0..50).map(|person| MatterEvent::PersonRecused(of(person))).collect();
        assert_eq!(Matter::after(&events).decide(&of(50)), Err(MatterError::TooMany));
        assert_eq!(Matter::after(&events).decide(&of(49)), Ok(vec![]));
    }
}
