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

fn leave(on: &str, today: &str) -> PersonCommand {
    PersonCommand::Leave { on: day(on), today: day(today) }
}

fn link(n: u8) -> PersonCommand {
    PersonCommand::LinkLogin(login(n), "somebody else".to_owned())
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
        link(1),
        PersonCommand::UnlinkLogin(login(1)),
        leave("2027-07-31", "2026-09-01"),
    ] {
        assert_eq!(Person::Unknown.decide(&command), Err(PersonError::NotRecorded));
    }
}

#[test]
fn a_person_logs_in_by_a_name_until_it_is_unlinked() {
    let person = Person::after(&[recorded()]);
    assert_eq!(person.decide(&PersonCommand::UnlinkLogin(login(1))), Err(PersonError::LoginUnknown));
    assert_eq!(person.decide(&link(1)), Ok(vec![linked(1)]));
    let person = person.evolve(&linked(1));
    assert_eq!(person.decide(&link(1)), Ok(vec![]));
    let unlinked = PersonEvent::LoginUnlinked(LoginUnlinked { login: login(1) });
    assert_eq!(person.decide(&PersonCommand::UnlinkLogin(login(1))), Ok(vec![unlinked.clone()]));
    let Person::Known(known) = person.evolve(&unlinked) else { panic!("unknown") };
    assert!(known.logins.is_empty() && known.ever_logged_in_as(login(1).as_str()), "who it was is known still");
}

/// R130.
#[test]
fn nobody_links_a_login_to_their_own_record() {
    let unlinked = PersonEvent::LoginUnlinked(LoginUnlinked { login: login(1) });
    for person in [Person::after(&[recorded(), linked(1)]), Person::after(&[recorded(), linked(1), unlinked])] {
        let themselves = PersonCommand::LinkLogin(login(2), login(1).as_str().to_owned());
        assert_eq!(person.decide(&themselves), Err(PersonError::OneAlone));
        assert_eq!(person.decide(&link(2)), Ok(vec![linked(2)]));
    }
}

#[test]
fn a_sixth_name_is_refused() {
    let person = Person::after([recorded()].iter().chain(&[linked(1), linked(2), linked(3), linked(4)]));
    assert_eq!(person.decide(&link(5)), Ok(vec![linked(5)]));
    let person = person.evolve(&linked(5));
    assert_eq!(person.decide(&link(6)), Err(PersonError::TooManyLogins));
}

#[test]
fn of_somebody_who_left_only_the_day_can_be_said_otherwise_and_a_login_taken() {
    let person = Person::after(&[recorded(), linked(1), left()]);
    assert_eq!(person.decide(&PersonCommand::Amend(amended())), Err(PersonError::HasLeft));
    assert_eq!(person.decide(&link(2)), Err(PersonError::HasLeft));
    assert_eq!(person.decide(&leave("2027-07-31", "2026-09-01")), Ok(vec![]));
    let earlier = PersonEvent::Left(PersonLeft { on: day("2027-06-30") });
    assert_eq!(person.decide(&leave("2027-06-30", "2026-09-01")), Ok(vec![earlier]));
    assert!(person.decide(&PersonCommand::UnlinkLogin(login(1))).is_ok());
}

/// A login of whoever has left lets nobody in again because a later day is said.
#[test]
fn who_has_left_is_not_said_to_leave_later() {
    let person = Person::after(&[recorded(), linked(1), left()]);
    assert!(person.decide(&leave("2027-08-31", "2027-07-30")).is_ok(), "the day has not come");
    for today in ["2027-07-31", "2027-08-01"] {
        assert_eq!(person.decide(&leave("2027-08-31", today)), Err(PersonError::HasLeft));
        assert!(person.decide(&leave("2027-07-30", today)).is_ok());
    }
}

fn proposed(ground: ForgettingGround, by: &str) -> PersonEvent {
    PersonEvent::ForgettingProposed(ForgettingProposed { ground, by: by.to_owned() })
}

fn asked(by: &str, today: &str, step: ForgettingStep) -> PersonCommand {
    PersonCommand::Forget(ForgettingCommand { by: by.to_owned(), today: day(today), step })
}

fn propose(ground: ForgettingGround, by: &str, today: &str) -> PersonCommand {
    asked(by, today, ForgettingStep::Propose(ground))
}

fn confirm(by: &str, today: &str) -> PersonCommand {
    asked(by, today, ForgettingStep::Confirm)
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
    let withdraw = asked("a", "2027-08-01", ForgettingStep::Withdraw);
    assert_eq!(pending.decide(&withdraw), Ok(vec![withdrawn.clone()]));
    assert_eq!(
        pending.clone().evolve(&withdrawn).decide(&confirm("b", "2027-08-01")),
        Err(PersonError::NothingProposed)
    );
    let nobody = pending.evolve(&forgotten);
    assert_eq!(nobody, Person::Forgotten);
    assert_eq!(nobody.decide(&confirm("b", "2027-08-01")), Ok(vec![]));
    for command in [PersonCommand::Amend(amended()), link(1), withdraw] {
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
    let place = |reason| asked("c", "2027-08-01", ForgettingStep::PlaceHold(reason));
    let lift = asked("c", "2027-08-01", ForgettingStep::LiftHold);
    let (placed, lifted) =
        (PersonEvent::HoldPlaced(HoldPlaced { reason: HoldReason::Police }), PersonEvent::HoldLifted(HoldLifted {}));
    let ground = ForgettingGround::ErasureRequest;
    let pending = Person::after(&[recorded(), left(), proposed(ground, "a")]);
    assert_eq!(pending.decide(&lift), Ok(vec![]));
    assert_eq!(pending.decide(&place(HoldReason::Police)), Ok(vec![placed.clone()]));
    let kept = pending.evolve(&placed);
    assert_eq!(kept.decide(&place(HoldReason::Police)), Ok(vec![]));
    assert_eq!(kept.decide(&place(HoldReason::LegalClaim)), Err(PersonError::HeldOtherwise));
    assert_eq!(kept.decide(&propose(ground, "a", "2027-08-01")), Err(PersonError::OnHold));
    assert_eq!(kept.decide(&lift), Ok(vec![lifted.clone()]));
    let free = kept.evolve(&lifted);
    assert_eq!(free.decide(&confirm("b", "2027-08-01")), Err(PersonError::NothingProposed), "it is proposed anew");
    assert_eq!(free.decide(&propose(ground, "a", "2027-08-01")), Ok(vec![proposed(ground, "a")]));
}

/// R276: nobody decides anything about themselves, by a login that was taken away either.
#[test]
fn nobody_decides_whether_they_are_forgotten_themselves() {
    let unlinked = PersonEvent::LoginUnlinked(LoginUnlinked { login: login(1) });
    let person = Person::after(&[recorded(), linked(1), unlinked, linked(2), left()]);
    let steps = [
        ForgettingStep::Propose(ForgettingGround::ErasureRequest),
        ForgettingStep::Confirm,
        ForgettingStep::Withdraw,
        ForgettingStep::PlaceHold(HoldReason::Police),
        ForgettingStep::LiftHold,
    ];
    for step in steps {
        for own in [1, 2] {
            assert_eq!(person.decide(&asked(login(own).as_str(), "2027-08-01", step)), Err(PersonError::OneAlone));
        }
        assert_ne!(person.decide(&asked(login(3).as_str(), "2027-08-01", step)), Err(PersonError::OneAlone));
    }
}

fn account(n: u128, before: u32) -> PersonProvisioned {
    PersonProvisioned {
        account: Uuid::from_u128(n).into(),
        before,
        known_as: Sealed::new(Uuid::from_u128(1).into(), "c".to_owned()),
        user_name: [1; 32].into(),
        external_id: None,
    }
}

#[test]
fn who_is_provisioned_is_recorded_with_the_account_and_then_amended() {
    let PersonEvent::Recorded(person) = recorded() else { unreachable!() };
    let provision = PersonCommand::Provision(person.clone(), account(7, 0));
    let provisioned = PersonEvent::Provisioned(account(7, 0));
    assert_eq!(Person::Unknown.decide(&provision), Ok(vec![recorded(), provisioned.clone()]));
    let amended = PersonEvent::Amended(PersonAmended { category: person.category, identity: person.identity.clone() });
    for history in [vec![recorded()], vec![recorded(), provisioned.clone()]] {
        assert_eq!(Person::after(&history).decide(&provision), Ok(vec![amended.clone(), provisioned.clone()]));
    }
    let left = Person::after(&[recorded(), provisioned, left()]);
    assert_eq!(left.decide(&provision), Err(PersonError::HasLeft));
}

#[test]
fn a_person_has_one_account_until_the_directory_keeps_none() {
    let PersonEvent::Recorded(person) = recorded() else { unreachable!() };
    let known = Person::after(&[recorded(), PersonEvent::Provisioned(account(7, 0))]);
    for another in [account(8, 0), account(7, 1)] {
        let provision = PersonCommand::Provision(person.clone(), another);
        assert_eq!(known.decide(&provision), Err(PersonError::AccountIsAnother));
    }
    let gone = PersonEvent::Deprovisioned(PersonDeprovisioned { account: Uuid::from_u128(7).into() });
    assert_eq!(known.decide(&PersonCommand::Deprovision), Ok(vec![gone.clone()]));
    assert_eq!(known.evolve(&gone).decide(&PersonCommand::Deprovision), Ok(vec![]));
}
