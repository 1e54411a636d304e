//! Who takes a matter in the place of somebody who is recused from it (R087).

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use schema::{PersonId, people::StaffRole};

/// Who is there to take it.
#[derive(Debug, Clone, Default)]
pub struct Colleagues {
    /// Who holds which role at the place today.
    pub holders: Vec<(StaffRole, PersonId)>,
    /// Who stands in for which role, the first of them who can.
    pub substitutes: BTreeMap<StaffRole, Vec<PersonId>>,
    /// When people leave, of those who do.
    pub leaving: BTreeMap<PersonId, NaiveDate>,
}

/// Who takes it in a role of somebody's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taker {
    /// The role.
    pub role: StaffRole,
    /// Another who holds it, or who stands in; none if that is for the trust's safeguarding lead, or the local authority.
    pub person: Option<PersonId>,
}

impl Colleagues {
    /// For each role that somebody holds, who takes a matter instead, on a day: whoever else holds the role, or the first of those
    /// who stand in, who is there and not recused either.
    pub fn takers(&self, person: PersonId, recused: &BTreeSet<PersonId>, today: NaiveDate) -> Vec<Taker> {
        let held: BTreeSet<StaffRole> =
            self.holders.iter().filter(|(_, who)| *who == person).map(|(role, _)| *role).collect();
        let can = |who: &&PersonId| !recused.contains(who) && self.leaving.get(who).is_none_or(|left| today < *left);
        let taker = |role: StaffRole| {
            let others = self.holders.iter().filter(|(other, _)| *other == role).map(|(_, who)| who);
            let substitutes = self.substitutes.get(&role).into_iter().flatten();
            Taker { role, person: others.chain(substitutes).find(can).copied() }
        };
        held.into_iter().map(taker).collect()
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn person(n: u128) -> PersonId {
        Uuid::from_u128(n).into()
    }

    fn recused(people: impl IntoIterator<Item = u128>) -> BTreeSet<PersonId> {
        people.into_iter().map(person).collect()
    }

    /// R087: the DSL is the headteacher, whose deputies are 2 and 3; 4 has left; the chair of governors stands in for the head.
    #[test]
    fn the_next_who_is_there_and_not_recused_takes_it_and_otherwise_the_trust() {
        use StaffRole::{DeputyDsl, Dsl, Headteacher};
        let today: NaiveDate = "2026-11-23".parse().unwrap();
        let colleagues = Colleagues {
            holders: vec![(Dsl, person(1)), (Headteacher, person(1)), (DeputyDsl, person(2)), (DeputyDsl, person(3))],
            substitutes: [(Dsl, vec![person(4), person(2), person(3)]), (Headteacher, vec![person(5)])].into(),
            leaving: [(person(4), today), (person(2), today.succ_opt().unwrap())].into(),
        };
        let takers = |who, others: &[u128]| {
            let all = recused(others.iter().copied().chain([who]));
            let takers = colleagues.takers(person(who), &all, today).into_iter();
            takers.map(|taker| (taker.role, taker.person)).collect::<Vec<_>>()
        };
        assert_eq!(takers(1, &[]), [(Dsl, Some(person(2))), (Headteacher, Some(person(5)))]);
        assert_eq!(takers(1, &[2]), [(Dsl, Some(person(3))), (Headteacher, Some(person(5)))]);
        assert_eq!(takers(1, &[2, 3, 5]), [(Dsl, None), (Headteacher, None)]);
        assert_eq!(takers(2, &[]), [(DeputyDsl, Some(person(3)))], "whoever else holds the role");
        assert_eq!(takers(6, &[]), [], "a role is stood in for, not a person");
    }
}
