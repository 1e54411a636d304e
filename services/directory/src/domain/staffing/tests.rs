use chrono::Days;
use proptest::{collection::vec, prelude::*};
use uuid::Uuid;

use super::*;

fn day(n: u64) -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, 9, 1).unwrap() + Days::new(n)
}

fn role(n: u128, person: u128, role: StaffRole, from: u64, to: Option<u64>) -> Appointed {
    Appointed {
        appointment: Uuid::from_u128(n).into(),
        person: Uuid::from_u128(person).into(),
        role,
        from: day(from),
        to: to.map(day),
    }
}

fn dsl(n: u128, from: u64, to: Option<u64>) -> Appointed {
    role(n, n, StaffRole::Dsl, from, to)
}

fn appoint(appointed: Appointed) -> StaffingCommand {
    appoint_on(0, appointed)
}

fn appoint_on(today: u64, appointed: Appointed) -> StaffingCommand {
    StaffingCommand::Appoint { site: Site::School, today: day(today), appointed, succeeds: false }
}

fn succeed(appointed: Appointed) -> StaffingCommand {
    StaffingCommand::Appoint { site: Site::School, today: day(0), appointed, succeeds: true }
}

fn ended(n: u128, to: u64) -> AppointmentEnded {
    AppointmentEnded { appointment: Uuid::from_u128(n).into(), to: day(to) }
}

fn gap(from: u64, to: Option<u64>) -> DslGap {
    DslGap { from: day(from), to: to.map(day) }
}

fn given(appointments: impl IntoIterator<Item = Appointed>) -> Staffing {
    let commands = appointments.into_iter().map(appoint);
    commands.fold(Staffing::default(), |staffing, command| {
        staffing.decide(&command).unwrap().iter().fold(staffing, Staffing::evolve)
    })
}

fn substitutes(people: impl IntoIterator<Item = u128>) -> SubstitutesNamed {
    let people = people.into_iter().map(|person| Uuid::from_u128(person).into()).collect();
    SubstitutesNamed { role: StaffRole::Dsl, people }
}

/// R087.
#[test]
fn who_stands_in_is_at_most_20_people_each_once_and_said_anew_as_a_whole() {
    let name = |named: &SubstitutesNamed| StaffingCommand::NameSubstitutes { site: Site::School, named: named.clone() };
    let (two, one) = (substitutes([1, 2]), substitutes([2]));
    let staffing = Staffing::default();
    assert_eq!(staffing.decide(&name(&substitutes([]))), Ok(vec![]));
    let events = staffing.decide(&name(&two)).unwrap();
    assert_eq!(events, [StaffingEvent::SubstitutesNamed(two.clone())]);
    let staffing = Staffing::after(&events);
    assert_eq!(staffing.decide(&name(&two)), Ok(vec![]));
    let staffing = Staffing::after(&[events, staffing.decide(&name(&one)).unwrap()].concat());
    assert_eq!(staffing.substitutes[&StaffRole::Dsl], one.people);
    assert_eq!(staffing.decide(&name(&substitutes([1, 1]))), Err(StaffingError::Substitutes));
    assert_eq!(staffing.decide(&name(&substitutes(0..21))), Err(StaffingError::Substitutes));
    let of_a_trust = SubstitutesNamed { role: StaffRole::MatSafeguardingLead, ..one };
    assert_eq!(staffing.decide(&name(&of_a_trust)), Err(StaffingError::NotHeldThere));
}

/// Who holds a role on a day.
fn holders(staffing: &Staffing, role: StaffRole, on: NaiveDate) -> Vec<PersonId> {
    let held = |one: &&Appointed| one.role == role && one.from <= on && one.to.is_none_or(|to| on < to);
    staffing.appointments.iter().filter(held).map(|one| one.person).collect()
}

/// R013.
#[test]
fn a_second_dsl_is_refused_for_any_day_that_has_one() {
    let staffing = given([dsl(1, 10, Some(20))]);
    for (from, to) in [(0, None), (0, Some(11)), (10, Some(20)), (12, Some(14)), (19, None)] {
        assert_eq!(staffing.decide(&appoint(dsl(2, from, to))), Err(StaffingError::HeldByAnother), "{from} {to:?}");
    }
    for (from, to) in [(0, Some(10)), (20, None)] {
        assert!(staffing.decide(&appoint(dsl(2, from, to))).is_ok(), "{from} {to:?}");
    }
}

/// R013.
#[test]
fn who_succeeds_the_dsl_begins_when_the_other_ends_and_no_gap_is_found() {
    let staffing = given([dsl(1, 0, None)]);
    let decided = staffing.decide(&succeed(dsl(2, 30, None)));
    let expected = vec![StaffingEvent::Ended(ended(1, 30)), StaffingEvent::Appointed(dsl(2, 30, None))];
    assert_eq!(decided, Ok(expected));
}

#[test]
fn who_is_to_come_is_not_succeeded() {
    let staffing = given([dsl(1, 0, Some(30)), dsl(2, 30, None)]);
    assert_eq!(staffing.decide(&succeed(dsl(3, 20, None))), Err(StaffingError::HeldByAnother));
    assert!(staffing.decide(&succeed(dsl(3, 20, Some(30)))).is_ok());
}

/// R013: a gap raises an alert, when it can be known, and not only when it has come.
#[test]
fn a_dsl_who_ends_without_another_leaves_a_gap_that_the_next_one_closes_in_part() {
    let staffing = given([dsl(1, 0, None)]);
    let decided = staffing.decide(&StaffingCommand::End(ended(1, 30))).unwrap();
    assert_eq!(decided, [StaffingEvent::Ended(ended(1, 30)), StaffingEvent::DslGapFound(gap(30, None))]);
    let staffing = decided.iter().fold(staffing, Staffing::evolve);
    let decided = staffing.decide(&appoint(dsl(2, 40, None))).unwrap();
    let expected = [
        StaffingEvent::Appointed(dsl(2, 40, None)),
        StaffingEvent::DslGapClosed(gap(30, None)),
        StaffingEvent::DslGapFound(gap(30, Some(40))),
    ];
    assert_eq!(decided, expected);
    let staffing = decided.iter().fold(staffing, Staffing::evolve);
    let decided = staffing.decide(&appoint(dsl(3, 30, Some(40)))).unwrap();
    assert_eq!(decided.last(), Some(&StaffingEvent::DslGapClosed(gap(30, Some(40)))));
}

/// R013: from the first role that anybody is given.
#[test]
fn a_school_whose_first_dsl_is_yet_to_come_has_a_gap_until_then() {
    let teacher = role(9, 9, StaffRole::Teacher, 0, None);
    let staffing = Staffing::after(&Staffing::default().decide(&appoint_on(5, teacher)).unwrap());
    assert_eq!(staffing.gaps, [gap(5, None)]);
    for (dsl, gaps) in [(dsl(1, 9, None), vec![gap(5, Some(9))]), (dsl(1, 2, None), vec![]), (dsl(1, 5, None), vec![])]
    {
        let decided = staffing.decide(&appoint_on(7, dsl)).unwrap();
        assert_eq!(decided.iter().fold(staffing.clone(), Staffing::evolve).gaps, gaps);
    }
    let alone = Staffing::after(&Staffing::default().decide(&appoint_on(5, dsl(1, 9, None))).unwrap());
    assert_eq!(alone.gaps, [gap(5, Some(9))]);
    // What is said later of days before is no gap that anybody could have told of.
    let decided = alone.decide(&appoint_on(20, role(9, 9, StaffRole::Teacher, 0, None))).unwrap();
    assert_eq!(decided.len(), 1, "{decided:?}");
    assert_eq!(given([role(1, 1, StaffRole::Teacher, 0, None), dsl(2, 0, None)]).gaps, []);
}

#[test]
fn a_trust_has_no_dsl_and_no_gap() {
    let appointed = role(1, 1, StaffRole::MatSafeguardingLead, 0, None);
    let lead = StaffingCommand::Appoint { site: Site::Trust, today: day(0), appointed, succeeds: false };
    assert_eq!(Staffing::default().decide(&lead).unwrap().len(), 1);
}

/// R013: a school has any number of deputies.
#[test]
fn other_roles_are_held_by_several_but_by_nobody_twice_on_a_day() {
    let deputy = |n, person, from| role(n, person, StaffRole::DeputyDsl, from, None);
    let staffing = given([deputy(1, 1, 0), deputy(2, 2, 0)]);
    assert_eq!(staffing.decide(&appoint(deputy(3, 2, 5))), Err(StaffingError::HeldAlready));
}

/// R014, at Balfour.
#[test]
fn one_person_is_headteacher_and_dsl() {
    let staffing = given([role(1, 1, StaffRole::Headteacher, 0, None), role(2, 1, StaffRole::Dsl, 0, None)]);
    let person = Uuid::from_u128(1).into();
    assert_eq!(holders(&staffing, StaffRole::Dsl, day(3)), [person]);
    assert_eq!(holders(&staffing, StaffRole::Headteacher, day(3)), [person]);
}

/// R046.
#[test]
fn one_governor_is_the_online_safety_governor() {
    let governor = |n| role(n, n, StaffRole::OnlineSafetyGovernor, 0, None);
    assert_eq!(given([governor(1)]).decide(&appoint(governor(2))), Err(StaffingError::HeldByAnother));
}

#[test]
fn a_role_is_held_where_it_belongs() {
    let lead = role(1, 1, StaffRole::MatSafeguardingLead, 0, None);
    assert_eq!(Staffing::default().decide(&appoint(lead.clone())), Err(StaffingError::NotHeldThere));
    let at_trust =
        |appointed| StaffingCommand::Appoint { site: Site::Trust, today: day(0), appointed, succeeds: false };
    assert!(Staffing::default().decide(&at_trust(lead)).is_ok());
    assert_eq!(Staffing::default().decide(&at_trust(dsl(1, 0, None))), Err(StaffingError::NotHeldThere));
}

#[test]
fn a_role_given_or_ended_twice_is_no_event_and_otherwise_refused() {
    let staffing = given([role(1, 1, StaffRole::Teacher, 5, Some(9))]);
    assert_eq!(staffing.decide(&appoint(role(1, 1, StaffRole::Teacher, 5, Some(9)))), Ok(vec![]));
    let differently = role(1, 1, StaffRole::Teacher, 6, Some(9));
    assert_eq!(staffing.decide(&appoint(differently)), Err(StaffingError::GivenDifferently));
    assert_eq!(staffing.decide(&StaffingCommand::End(ended(1, 9))), Ok(vec![]));
    assert_eq!(staffing.decide(&StaffingCommand::End(ended(1, 10))), Err(StaffingError::EndsEarlier));
    assert_eq!(staffing.decide(&StaffingCommand::End(ended(1, 4))), Err(StaffingError::EndsBeforeItBegins));
    assert!(staffing.decide(&StaffingCommand::End(ended(1, 5))).is_ok(), "it was a mistake");
    assert_eq!(staffing.decide(&StaffingCommand::End(ended(2, 5))), Err(StaffingError::NotGiven));
    let backwards = role(2, 2, StaffRole::Teacher, 5, Some(5));
    assert_eq!(staffing.decide(&appoint(backwards)), Err(StaffingError::EndsBeforeItBegins));
}

#[test]
fn a_school_gives_no_more_than_10_000_roles_ever() {
    let given = (1..=10_000).map(|n| role(n, n, StaffRole::Teacher, 0, None)).collect();
    let mut staffing = Staffing { appointments: given, ..Staffing::default() };
    let another = appoint(role(0, 0, StaffRole::Teacher, 0, None));
    assert_eq!(staffing.decide(&another), Err(StaffingError::TooMany));
    staffing.appointments.pop();
    assert!(staffing.decide(&another).is_ok());
}

/// Any command about DSLs on some forty days.
fn command() -> impl Strategy<Value = StaffingCommand> {
    let appoint =
        (1..12_u128, 0..40_u64, prop::option::of(1..20_u64), any::<bool>()).prop_map(|(n, from, days, succeeds)| {
            let appointed = dsl(n, from, days.map(|days| from + days));
            StaffingCommand::Appoint { site: Site::School, today: day(0), appointed, succeeds }
        });
    let end = (1..12_u128, 0..40_u64).prop_map(|(n, to)| StaffingCommand::End(ended(n, to)));
    prop_oneof![3 => appoint, 1 => end]
}

proptest! {
    /// R013: whatever is asked, on no day are there two, and each day without one, from the first role given, is in one gap told of.
    #[test]
    fn on_every_day_there_is_one_dsl_or_a_gap_that_was_told_of(commands in vec(command(), 0..30)) {
        let staffing = commands.iter().fold(Staffing::default(), |staffing, command| {
            let decided = staffing.decide(command).unwrap_or_default();
            decided.iter().fold(staffing, Staffing::evolve)
        });
        let first = if staffing.appointments.is_empty() { 60 } else { 0 };
        for n in first..60 {
            let holders = holders(&staffing, StaffRole::Dsl, day(n)).len();
            let within = staffing.gaps.iter().filter(|gap| gap.from <= day(n) && gap.to.is_none_or(|to| day(n) < to)).count();
            prop_assert_eq!(holders + within, 1, "day {}", n);
        }
    }
}
