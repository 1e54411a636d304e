//! Recusal: whom a matter is kept from (R130).

use serde::{Deserialize, Serialize};

use crate::{PersonId, SchoolId, TrustId, envelope::family};

family!(
    /// Who is recused from a matter; stream `matter-<id>`, owned by the school or trust whose it is. What is done for the matter
    /// names it, and is kept from them; nothing restores what a recusal takes.
    MatterEvent {
        /// Somebody is recused, from now on.
        PersonRecused(PersonRecused) = "person-recused" 1,
    }
);

/// See [`MatterEvent::PersonRecused`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersonRecused {
    /// The person.
    pub person: PersonId,
    /// The school whose people the person is of; none if it is a trust that lends them.
    pub school: Option<SchoolId>,
    /// The trust whose people the person is of, otherwise.
    pub trust: Option<TrustId>,
}
