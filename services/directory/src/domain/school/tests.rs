//! Given these events, when this is asked, then those follow.

use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use schema::directory::{JoinedTrust, LeftTrust};

const OLD: u32 = 103_217;
const NEW: u32 = 149_001;

fn day(day: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, 9, day).unwrap()
}

fn trust(n: u128) -> TrustId {
    Uuid::from_u128(n).into()
}

fn urn(number: u32) -> Urn {
    number.try_into().unwrap()
}

fn details(name: &str) -> SchoolDetails {
    SchoolDetails {
        name: name.into(),
        local_authority: "Birmingham".into(),
        phase: "Primary".into(),
        kind: "Community school".into(),
        status: "Open".into(),
        pupils: Some(878),
    }
}

fn row(name: &str, trust: Option<TrustId>, on: u32) -> RegisterSchool {
    RegisterSchool { school: Uuid::from_u128(9).into(), urn: urn(OLD), details: details(name), trust, on: day(on) }
}

fn registered() -> SchoolEvent {
    let school = Uuid::from_u128(9).into();
    SchoolEvent::Registered(SchoolRegistered { school, urn: urn(OLD), from: day(1), details: details("Ward End") })
}

fn joined(n: u128, from: u32) -> SchoolEvent {
    SchoolEvent::JoinedTrust(JoinedTrust { trust: trust(n), from: day(from) })
}

fn left(n: u128, to: u32) -> SchoolEvent {
    SchoolEvent::LeftTrust(LeftTrust { trust: trust(n), to: day(to) })
}

fn urn_changed(number: u32, from: u32) -> SchoolEvent {
    SchoolEvent::UrnChanged(UrnChanged { urn: urn(number), from: day(from) })
}

fn when(given: &[SchoolEvent], command: &SchoolCommand) -> Result<Vec<SchoolEvent>, SchoolError> {
    School::after(given).decide(command)
}

fn register(given: &[SchoolEvent], row: RegisterSchool) -> Result<Vec<SchoolEvent>, SchoolError> {
    when(given, &SchoolCommand::Register(row))
}

fn join(n: u128, from: u32) -> SchoolCommand {
    SchoolCommand::JoinTrust { trust: trust(n), from: day(from) }
}

fn leave(n: u128, to: u32) -> SchoolCommand {
    SchoolCommand::LeaveTrust { trust: trust(n), to: day(to) }
}

#[test]
fn an_unknown_school_is_registered_and_joins_its_trust() {
    assert_eq!(register(&[], row("Ward End", None, 1)), Ok(vec![registered()]));
    assert_eq!(register(&[], row("Ward End", Some(trust(1)), 1)), Ok(vec![registered(), joined(1, 1)]));
}

#[test]
fn the_same_row_again_is_no_event() {
    assert_eq!(register(&[registered(), joined(1, 1)], row("Ward End", Some(trust(1)), 8)), Ok(vec![]));
    assert_eq!(register(&[registered()], row("Ward End", None, 8)), Ok(vec![]));
}

#[test]
fn only_what_changed_is_recorded() {
    let amended = SchoolEvent::Amended(SchoolAmended { details: details("Ward End Academy") });
    assert_eq!(register(&[registered()], row("Ward End Academy", None, 8)), Ok(vec![amended]));
    assert_eq!(register(&[registered()], row("Ward End", Some(trust(1)), 8)), Ok(vec![joined(1, 8)]));
}

#[test]
fn a_row_with_another_trust_leaves_the_one_before_it_joins_the_other() {
    let given = [registered(), joined(1, 1)];
    assert_eq!(register(&given, row("Ward End", Some(trust(2)), 8)), Ok(vec![left(1, 8), joined(2, 8)]));
    assert_eq!(register(&given, row("Ward End", None, 8)), Ok(vec![left(1, 8)]));
}

#[test]
fn a_row_of_an_earlier_day_cannot_move_the_school() {
    let given = [registered(), joined(1, 5)];
    assert_eq!(register(&given, row("Ward End", None, 4)), Err(SchoolError::BeforeLast { last: day(5) }));
    let given = [registered(), joined(1, 5), left(1, 9)];
    assert_eq!(register(&given, row("Ward End", Some(trust(2)), 8)), Err(SchoolError::BeforeLast { last: day(9) }));
}

#[test]
fn a_school_leaves_one_trust_before_it_joins_another() {
    let given = [registered(), joined(1, 5)];
    assert_eq!(when(&given, &join(2, 9)), Err(SchoolError::InAnotherTrust));
    let given = [registered(), joined(1, 5), left(1, 9)];
    assert_eq!(when(&given, &join(2, 9)), Ok(vec![joined(2, 9)]));
    assert_eq!(when(&given, &join(2, 8)), Err(SchoolError::BeforeLast { last: day(9) }));
}

#[test]
fn joining_and_leaving_twice_are_no_events() {
    let given = [registered(), joined(1, 5)];
    assert_eq!(when(&given, &join(1, 5)), Ok(vec![]));
    assert_eq!(when(&given, &join(1, 6)), Err(SchoolError::AlreadyMember { since: day(5) }));
    assert_eq!(when(&[registered(), joined(1, 5), left(1, 9)], &leave(1, 9)), Ok(vec![]));
}

#[test]
fn a_school_leaves_only_the_trust_it_is_in_and_not_before_it_joined() {
    let given = [registered(), joined(1, 5)];
    assert_eq!(when(&given, &leave(1, 5)), Ok(vec![left(1, 5)]));
    assert_eq!(when(&given, &leave(1, 4)), Err(SchoolError::BeforeLast { last: day(5) }));
    assert_eq!(when(&given, &leave(2, 9)), Err(SchoolError::NotMember));
    assert_eq!(when(&[registered()], &leave(1, 9)), Err(SchoolError::NotMember));
}

#[test]
fn an_academy_conversion_changes_the_urn() {
    let change = |number, from| SchoolCommand::ChangeUrn { urn: urn(number), from: day(from) };
    assert_eq!(when(&[registered()], &change(NEW, 8)), Ok(vec![urn_changed(NEW, 8)]));
    assert_eq!(when(&[registered()], &change(OLD, 8)), Ok(vec![]));
    let given = [registered(), urn_changed(NEW, 8)];
    assert_eq!(when(&given, &change(OLD, 9)), Err(SchoolError::UrnHeldBefore));
    assert_eq!(when(&given, &change(149_002, 7)), Err(SchoolError::BeforeLast { last: day(8) }));
}

#[test]
fn a_row_with_another_urn_is_not_an_academy_conversion() {
    let given = [registered(), urn_changed(NEW, 8)];
    assert_eq!(register(&given, row("Ward End", None, 9)), Err(SchoolError::UrnDiffers));
}

#[test]
fn an_unregistered_school_has_no_urn_and_no_trust() {
    for command in [join(1, 5), leave(1, 5), SchoolCommand::ChangeUrn { urn: urn(NEW), from: day(5) }] {
        assert_eq!(when(&[], &command), Err(SchoolError::NotRegistered));
    }
}

fn any_command() -> impl Strategy<Value = SchoolCommand> {
    let trusts = 1..4_u128;
    prop_oneof![
        ("[AB]", proptest::option::of(trusts.clone()), 1..28_u32)
            .prop_map(|(name, of, on)| SchoolCommand::Register(row(&name, of.map(trust), on))),
        (trusts.clone(), 1..28_u32).prop_map(|(n, from)| join(n, from)),
        (trusts, 1..28_u32).prop_map(|(n, to)| leave(n, to)),
        (OLD..OLD + 3, 1..28_u32)
            .prop_map(|(number, from)| SchoolCommand::ChangeUrn { urn: urn(number), from: day(from) }),
    ]
}

proptest! {
    #[test]
    fn whatever_is_asked_no_day_belongs_to_two_trusts(commands in prop::collection::vec(any_command(), 1..40)) {
        let mut school = School::Unknown;
        let (mut open, mut free_from) = (None, NaiveDate::MIN);
        for command in commands {
            for event in school.decide(&command).unwrap_or_default() {
                match &event {
                    SchoolEvent::JoinedTrust(j) => {
                        prop_assert!(open.is_none() && j.from >= free_from);
                        open = Some(j.clone());
                    }
                    SchoolEvent::LeftTrust(l) => {
                        let j = open.take().expect("a school leaves a trust that it is in");
                        prop_assert!(j.trust == l.trust && j.from <= l.to);
                        free_from = l.to;
                    }
                    SchoolEvent::Registered(_) | SchoolEvent::Amended(_) | SchoolEvent::UrnChanged(_) => {}
                }
                school = school.evolve(&event);
            }
        }
    }

    #[test]
    fn whatever_was_accepted_is_no_event_when_asked_again(commands in prop::collection::vec(any_command(), 1..40)) {
        let mut school = School::Unknown;
        for command in commands {
            if let Ok(events) = school.decide(&command) {
                school = events.iter().fold(school, School::evolve);
                prop_assert_eq!(school.decide(&command), Ok(vec![]));
            }
        }
    }
}
