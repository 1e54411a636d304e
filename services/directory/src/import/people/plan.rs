//! What an import would do: decided whole, before anything is done.

use std::collections::{BTreeMap, BTreeSet, btree_map::Entry};

use chrono::NaiveDate;
use eventlog::Aggregate;
use schema::{
    PersonId,
    people::{Appointed, StaffRole},
};
use uuid::Uuid;

use super::{ImportedPeople, Refused, placeholder, rows::Row};
use crate::{
    domain::{
        staffing::{Staffing, StaffingCommand, StaffingError},
        workplace::Workplace,
    },
    known::Known,
};

/// Whose role it is to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Who {
    /// Somebody who is recorded.
    Known(PersonId),
    /// The plan's new person of this index.
    New(usize),
}

/// What is to be done.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) new: Vec<Row>,
    pub(super) amended: Vec<(PersonId, Row)>,
    pub(super) given: Vec<(Who, Appointed)>,
    absent: usize,
    refused: Vec<Refused>,
}

impl Plan {
    /// What the rows ask for beyond what is known; rows that contradict one another or a rule are refused.
    pub(super) fn new(
        (at, today): (Workplace, NaiveDate),
        known: Vec<Known>,
        mut staffing: Staffing,
        rows: Vec<Row>,
        refused: Vec<Refused>,
    ) -> Self {
        let mut plan = Self { refused, ..Self::default() };
        let there = known.into_iter().filter(|known| known.left.is_none_or(|left| today < left));
        let there: BTreeMap<String, Known> = there.filter_map(|known| Some((known.address()?, known))).collect();
        let mut seen: BTreeMap<String, (Who, Row)> = BTreeMap::new();
        for row in rows {
            let who = match seen.entry(row.email.as_str().to_lowercase()) {
                Entry::Occupied(entry) => {
                    let (who, first) = entry.get();
                    if (&first.name, first.category) != (&row.name, row.category) {
                        plan.refuse(
                            row.line,
                            "email",
                            format!("expected the name and category of line {}", first.line),
                        );
                        continue;
                    }
                    *who
                }
                Entry::Vacant(entry) => {
                    let who = plan.person(there.get(entry.key()), &row);
                    entry.insert((who, row.clone()));
                    who
                }
            };
            if let Some((role, from)) = row.role {
                plan.role((at, today), &mut staffing, who, (role, from), row.line);
            }
        }
        // A DSL first: no day is told of as one without.
        plan.given.sort_by_key(|(_, given)| given.role != StaffRole::Dsl);
        let named: BTreeSet<_> = seen.keys().collect();
        plan.absent = there.keys().filter(|address| !named.contains(address)).count();
        plan.refused.sort_by_key(|refused| refused.line);
        plan
    }

    /// In figures, of so many rows.
    pub(super) fn tells(&self, rows: usize) -> ImportedPeople {
        ImportedPeople {
            rows,
            recorded: self.new.len(),
            amended: self.amended.len(),
            given: self.given.len(),
            absent: self.absent,
            refused: self.refused.clone(),
        }
    }

    fn person(&mut self, known: Option<&Known>, row: &Row) -> Who {
        let Some(known) = known else {
            self.new.push(row.clone());
            return Who::New(self.new.len() - 1);
        };
        let named = known.identity.as_ref().is_some_and(|identity| identity.name == row.name.as_str());
        if !named || known.category != row.category {
            self.amended.push((known.person, row.clone()));
        }
        Who::Known(known.person)
    }

    /// By the same rules that will decide; a role that the person holds on that day is theirs already.
    fn role(
        &mut self,
        (at, today): (Workplace, NaiveDate),
        staffing: &mut Staffing,
        who: Who,
        (role, from): (StaffRole, NaiveDate),
        line: u64,
    ) {
        let person = match who {
            Who::Known(person) => person,
            Who::New(index) => placeholder(index),
        };
        let appointment = Uuid::from_u128(u128::from(line)).into();
        let appointed = Appointed { appointment, person, role, from, to: None };
        // What was undone is not done again by the same list.
        let same = |one: &Appointed| (one.person, one.role, one.from) == (person, role, from);
        if staffing.appointments.iter().any(same) {
            return;
        }
        let command =
            StaffingCommand::Appoint { site: at.site(), today, appointed: appointed.clone(), succeeds: false };
        match staffing.decide(&command) {
            Ok(events) => {
                *staffing = events.iter().fold(std::mem::take(staffing), Staffing::evolve);
                self.given.push((who, appointed));
            }
            Err(StaffingError::HeldAlready) => {}
            Err(error) => self.refuse(line, "role", error.to_string()),
        }
    }

    fn refuse(&mut self, line: u64, field: &'static str, reason: String) {
        self.refused.push(Refused { line, field, reason });
    }
}

#[cfg(test)]
mod tests {
    use schema::people::{Identity, PersonCategory};

    use super::*;

    fn at() -> Workplace {
        Workplace::School(Uuid::from_u128(1).into())
    }

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn known(n: u128, name: &str, email: &str) -> Known {
        let identity = Some(Identity { name: name.into(), email: Some(email.into()) });
        Known { person: Uuid::from_u128(n).into(), category: PersonCategory::Employee, identity, left: None }
    }

    fn row(line: u64, name: &str, email: &str, role: Option<StaffRole>) -> Row {
        let role = role.map(|role| (role, day("2026-09-01")));
        let (name, email) = (name.parse().unwrap(), email.parse().unwrap());
        Row { line, name, email, category: PersonCategory::Employee, role }
    }

    fn plan(known: Vec<Known>, staffing: Staffing, rows: Vec<Row>) -> Plan {
        Plan::new((at(), day("2026-09-01")), known, staffing, rows, vec![])
    }

    #[test]
    fn who_is_not_known_is_recorded_once_with_every_role() {
        let rows = vec![
            row(2, "Zoë", "zq@ash.example", Some(StaffRole::Headteacher)),
            row(3, "Zoë", "ZQ@ash.example", Some(StaffRole::Dsl)),
            row(4, "Bo", "bo@ash.example", None),
        ];
        let plan = plan(vec![], Staffing::default(), rows);
        assert_eq!((plan.new.len(), plan.amended.len(), plan.refused.len()), (2, 0, 0));
        let given: Vec<_> = plan.given.iter().map(|(who, given)| (*who, given.role)).collect();
        assert_eq!(given, [(Who::New(0), StaffRole::Dsl), (Who::New(0), StaffRole::Headteacher)], "a DSL first");
    }

    #[test]
    fn who_is_known_by_their_address_is_amended_only_when_something_is_other() {
        let known =
            vec![known(1, "Zoë", "zq@ash.example"), known(2, "Bo", "bo@ash.example"), known(3, "Cy", "cy@ash.example")];
        let rows = vec![row(2, "Zoë", "zq@ash.example", None), row(3, "Bo Li", "Bo@Ash.example", None)];
        let plan = plan(known, Staffing::default(), rows);
        assert_eq!((plan.new.len(), plan.absent), (0, 1));
        assert_eq!(plan.amended.iter().map(|(person, _)| *person).collect::<Vec<_>>(), [Uuid::from_u128(2).into()]);
    }

    #[test]
    fn a_role_that_is_held_is_not_given_again_and_one_that_another_holds_alone_is_refused() {
        let appointed = |n, person, role| Appointed {
            appointment: Uuid::from_u128(n).into(),
            person: Uuid::from_u128(person).into(),
            role,
            from: day("2025-09-01"),
            to: None,
        };
        let staffing = Staffing {
            appointments: vec![appointed(90, 1, StaffRole::Dsl), appointed(91, 1, StaffRole::Teacher)],
            ..Staffing::default()
        };
        let known = vec![known(1, "Zoë", "zq@ash.example"), known(2, "Bo", "bo@ash.example")];
        let rows = vec![
            row(2, "Zoë", "zq@ash.example", Some(StaffRole::Dsl)),
            row(3, "Bo", "bo@ash.example", Some(StaffRole::Dsl)),
            row(4, "Bo", "bo@ash.example", Some(StaffRole::Teacher)),
            row(5, "Bo", "bo@ash.example", Some(StaffRole::MatSafeguardingLead)),
        ];
        let plan = plan(known, staffing, rows);
        assert_eq!(plan.given.iter().map(|(_, given)| given.role).collect::<Vec<_>>(), [StaffRole::Teacher]);
        assert_eq!(
            plan.refused.iter().map(|refused| (refused.line, refused.field)).collect::<Vec<_>>(),
            [(3, "role"), (5, "role")]
        );
    }

    #[test]
    fn who_leaves_later_is_still_known_and_who_has_left_is_not() {
        let known = |left| vec![Known { left: Some(day(left)), ..known(1, "Zoë", "zq@ash.example") }];
        let rows = || vec![row(2, "Zoë", "zq@ash.example", None)];
        assert_eq!(plan(known("2026-09-02"), Staffing::default(), rows()).new.len(), 0);
        assert_eq!(plan(known("2026-09-01"), Staffing::default(), rows()).new.len(), 1);
    }

    #[test]
    fn a_role_that_was_undone_is_not_given_again() {
        let from = day("2026-09-01");
        let (appointment, person) = (Uuid::from_u128(90).into(), Uuid::from_u128(1).into());
        let undone = Appointed { appointment, person, role: StaffRole::Teacher, from, to: Some(from) };
        let staffing = Staffing { appointments: vec![undone], ..Staffing::default() };
        let rows = vec![row(2, "Zoë", "zq@ash.example", Some(StaffRole::Teacher))];
        assert_eq!(plan(vec![known(1, "Zoë", "zq@ash.example")], staffing, rows).given, []);
    }

    #[test]
    fn two_rows_of_one_address_must_agree() {
        let rows = vec![row(2, "Zoë", "zq@ash.example", None), row(3, "Bo", "zq@ash.example", None)];
        let plan = plan(vec![], Staffing::default(), rows);
        assert_eq!((plan.new.len(), plan.refused[0].line, plan.refused[0].field), (1, 3, "email"));
    }
}
