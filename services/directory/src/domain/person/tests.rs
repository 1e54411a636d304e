use schema::people::{
    ForgettingGround, ForgettingProposed, ForgettingWithdrawn, HoldLifted, HoldReason, PersonForgotten,
};
use uuid::Uuid;

use super::*;

fn sealed(text: &str) -> Sealed<Identity> {
    Sealed::new(Uuid::from_u128(1).into(), text.to_owned())
}

fn recorded() -> PersonEvent {
    let category = PersonCategory::Employee;
    PersonEvent::Recorded(PersonRecorded { person: Uuid::from_u128(1).into(), category, identity: sealed("a") })
}

fn amended() -> PersonAmended {
    PersonAmended { category: PersonCategory::Governor, identity: sealed("b") }
}

fn login(n: u8) -> LoginName {
    LoginName::try_from(format!("{n:032x}")).unwrap()
}

fn linked(n: u8) -> PersonEvent {
    PersonEvent::LoginLinked(LoginLinked { login: login(n) })
}

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn left() -> PersonEvent {
    PersonEvent::Left(PersonLeft { on: day("2027-07-31") })
}

#[test]
fn a_person_is_recorded_once() {
    let PersonEvent::Recorded(person) = recorded() else { unreachable!() };
    let record = PersonCommand::Record(person);
    assert_eq!(Person::Unknown.decide(&record), Ok(vec![recorded()]));
    assert_eq!(Person::after(&[recorded()]).decide(&record), Err(PersonError::Recorded));
}

#[test]
fn of_somebody_unknown_nothing_is_said() {
    for command in [
        PersonCommand::Amend(amended()),
        PersonCommand::LinkLogin(login(1)),
        PersonCommand::UnlinkLogin(login(1)),
        PersonCommand::Leave(day("2027-07-31")),
    ] {
        assert_eq!(Person::Unknown.decide(&command), Err(PersonError::NotRecorded));
    }
}

#[test]
fn a_person_logs_in_by_a_name_until_it_is_unlinked() {
    let person = Person::after(&[recorded()]);
    assert_eq!(person.decide(&PersonCommand::UnlinkLogin(login(1))), Err(PersonError::LoginUnknown));
    assert_eq!(person.decide(&PersonCommand::LinkLogin(login(1))), Ok(vec![linked(1)]));
    let person = person.evolve(&linked(1));
    assert_eq!(person.decide(&PersonCommand::LinkLogin(login(1))), Ok(vec![]));
    let unlinked = PersonEvent::LoginUnlinked(LoginUnlinked { login: login(1) });
    assert_eq!(person.decide(&PersonCommand::UnlinkLogin(login(1))), Ok(vec![unlinked.clone()]));
    assert_eq!(person.evolve(&unlinked), Person::after(&[recorded()]));
}

#[test]
fn a_sixth_name_is_refused() {
    let person = Person::after([recorded()].iter().chain(&[linked(1), linked(2), linked(3), linked(4)]));
    assert_eq!(person.decide(&PersonCommand::LinkLogin(login(5))), Ok(vec![linked(5)]));
    let person = person.evolve(&linked(5));
    assert_eq!(person.decide(&PersonCommand::LinkLogin(login(6))), Err(PersonError::TooManyLogins));
}

#[test]
fn of_somebody_who_left_only_the_day_can_be_said_otherwise_and_a_login_taken() {
    let person = Person::after(&[recorded(), linked(1), left()]);
    assert_eq!(person.decide(&PersonCommand::Amend(amended())), Err(PersonError::HasLeft));
    assert_eq!(person.decide(&PersonCommand::LinkLogin(login(2))), Err(PersonError::HasLeft));
    assert_eq!(person.decide(&PersonCommand::Leave(day("2027-07-31"))), Ok(vec![]));
    let earlier = PersonEvent::Left(PersonLeft { on: day("2027-06-30") });
    assert_eq!(person.decide(&PersonCommand::Leave(day("2027-06-30"))), Ok(vec![earlier]));
    assert!(person.decide(&PersonCommand::UnlinkLogin(login(1))).is_ok());
}

fn proposed(ground: ForgettingGround, by: &str) -> PersonEvent {
    PersonEvent::ForgettingProposed(ForgettingProposed { ground, by: by.to_owned() })
}

fn propose(ground: ForgettingGround, by: &str, today: &str) -> PersonCommand {
    let proposed = ForgettingProposed { ground, by: by.to_owned() };
    PersonCommand::Forget(ForgettingCommand::Propose(proposed, day(today)))
}

fn confirm(by: &str, today: &str) -> PersonCommand {
    PersonCommand::Forget(ForgettingCommand::Confirm { by: by.to_owned(), today: day(today) })
}

/// R276: two people decide, of somebody who has left; and when it was proposed because its time is over, it is.
#[test]
fn a_person_who_has_left_is_forgotten_by_two() {
    let ground = ForgettingGround::ErasureRequest;
    let there = Person::after(&[recorded()]);
    assert_eq!(there.decide(&propose(ground, "a", "2027-07-31")), Err(PersonError::IsThere));
    let gone = Person::after(&[recorded(), left()]);
    assert_eq!(gone.decide(&propose(ground, "a", "2027-07-30")), Err(PersonError::IsThere), "not before the day");
    assert_eq!(gone.decide(&confirm("b", "2027-07-31")), Err(PersonError::NothingProposed));
    assert_eq!(gone.decide(&propose(ground, "a", "2027-07-31")), Ok(vec![proposed(ground, "a")]));
    let pending = gone.evolve(&proposed(ground, "a"));
    assert_eq!(pending.decide(&propose(ground, "a", "2027-08-01")), Ok(vec![]));
    assert_eq!(pending.decide(&propose(ground, "b", "2027-08-01")), Err(PersonError::ProposedAlready));
    assert_eq!(pending.decide(&confirm("a", "2027-08-01")), Err(PersonError::OneAlone));
    let forgotten = PersonEvent::Forgotten(PersonForgotten { ground });
    assert_eq!(pending.decide(&confirm("b", "2027-08-01")), Ok(vec![forgotten.clone()]));
    let withdrawn = PersonEvent::ForgettingWithdrawn(ForgettingWithdrawn {});
    let withdraw = PersonCommand::Forget(ForgettingCommand::Withdraw);
    assert_eq!(pending.decide(&withdraw), Ok(vec![withdrawn.clone()]));
    assert_eq!(
        pending.clone().evolve(&withdrawn).decide(&confirm("b", "2027-08-01")),
        Err(PersonError::NothingProposed)
    );
    let nobody = pending.evolve(&forgotten);
    assert_eq!(nobody, Person::Forgotten);
    assert_eq!(nobody.decide(&confirm("b", "2027-08-01")), Ok(vec![]));
    for command in [PersonCommand::Amend(amended()), PersonCommand::LinkLogin(login(1)), withdraw] {
        assert_eq!(nobody.decide(&command), Err(PersonError::NotRecorded));
    }
}

/// R276.
#[test]
fn a_record_is_due_six_years_after_its_person_left() {
    let ground = ForgettingGround::RetentionOver;
    let gone = Person::after(&[recorded(), left()]);
    assert_eq!(due(day("2027-07-31")), Some(day("2033-07-31")));
    assert_eq!(gone.decide(&propose(ground, "a", "2033-07-30")), Err(PersonError::RetainedStill));
    assert_eq!(gone.decide(&propose(ground, "a", "2033-07-31")), Ok(vec![proposed(ground, "a")]));
}

/// R276.
#[test]
fn who_is_on_hold_is_neither_proposed_nor_forgotten_until_it_is_lifted() {
    let hold = |reason| PersonCommand::Forget(ForgettingCommand::Hold(reason));
    let (placed, lifted) =
        (PersonEvent::HoldPlaced(HoldPlaced { reason: HoldReason::Police }), PersonEvent::HoldLifted(HoldLifted {}));
    let pending = Person::after(&[recorded(), left(), proposed(ForgettingGround::ErasureRequest, "a")]);
    assert_eq!(pending.decide(&hold(None)), Ok(vec![]));
    assert_eq!(pending.decide(&hold(Some(HoldReason::Police))), Ok(vec![placed.clone()]));
    let kept = pending.evolve(&placed);
    assert_eq!(kept.decide(&hold(Some(HoldReason::Police))), Ok(vec![]));
    assert_eq!(kept.decide(&confirm("b", "2027-08-01")), Err(PersonError::OnHold));
    assert_eq!(kept.decide(&propose(ForgettingGround::ErasureRequest, "a", "2027-08-01")), Err(PersonError::OnHold));
    assert_eq!(kept.decide(&hold(None)), Ok(vec![lifted.clone()]));
    assert!(kept.evolve(&lifted).decide(&confirm("b", "2027-08-01")).is_ok());
}
