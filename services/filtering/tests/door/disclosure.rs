//! What is held of whoever has a name is given to them; and a name that is on hold is not forgotten.

use chrono::{DateTime, TimeDelta, Utc};
use eventlog::{CommandError, Owner, catch_up};
use filtering::{
    commands::{Called, ConfirmForgetting, DiscloseName, DisclosureRefusal, ForgettingRefusal, LiftHold, Named},
    commands::{OpenFlaggedEvents, PlaceHold, ProposeForgetting},
    disclosure::Disclosure,
    domain::{opening::OpeningError, pseudonym::PseudonymError},
    views::Decisions,
};
use schema::{
    Action, PseudonymId, SchoolId,
    filtering::OpeningPurpose,
    people::{ForgettingGround, HoldReason},
};
use serde_json::{Value, json};
use web::command::{CarriedOut, Command, Sent, carry_out};

use crate::{
    given::{House, event, now},
    sealed::{flagged, forget_by_halves, send},
};

type Told<C> = Result<CarriedOut<<C as Command>::Answer>, CommandError<<C as Command>::Refusal>>;

async fn tell<C: Command>(house: &House, actor: &str, command: C) -> Told<C> {
    let owner = command.owner();
    let told = carry_out(&house.means(), owner, command, Sent::here(actor), now()).await;
    catch_up(&house.projections, &Decisions).await.unwrap();
    told
}

async fn try_to_disclose(
    house: &House,
    school: SchoolId,
    of: Called,
    from: DateTime<Utc>,
) -> Result<Disclosure, CommandError<DisclosureRefusal>> {
    let to = from + TimeDelta::days(1);
    Ok(tell(house, "a-dpo", DiscloseName { school, of, from, to }).await?.answer)
}

async fn disclose(house: &House, school: SchoolId, of: Called) -> Disclosure {
    try_to_disclose(house, school, of, now() - TimeDelta::hours(23)).await.unwrap()
}

fn user(name: &str) -> Called {
    Called::User(name.to_owned())
}

fn by(name: &str, action: &str, url: &str, minutes_ago: i64) -> Value {
    let mut event = event();
    event["user"] = json!(name);
    event["action"] = json!(action);
    event["url"] = json!(url);
    event["time"] = json!((now() - TimeDelta::minutes(minutes_ago)).to_rfc3339());
    event
}

/// UK GDPR Art. 15: all that they asked for, and nothing of anybody else.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_has_a_name_is_given_all_that_is_held_of_them() {
    let house = House::build().await;
    let (filter, door) = (house.filter().await, house.open());
    let school = filter.sender.school;
    let mut searched = by("jsmith", "warned", "https://search.example/?q=1", 2);
    searched["search"] = json!("am I alone");
    let (passed, others) =
        (by("JSmith ", "allowed", "https://maths.example/7", 3), by("akhan", "blocked", "https://k.example/", 1));
    send(&house, &filter, &door, "b-1", &[searched, others, passed]).await;
    send(&house, &filter, &door, "b-2", &[by("akhan", "blocked", "https://l.example/", 1)]).await;

    let given = disclose(&house, school, user("jsmith")).await;
    assert_eq!(given.name.as_deref(), Some("jsmith"));
    let requests: Vec<_> = given
        .requests
        .iter()
        .map(|request| (request.action, request.host.as_str(), request.url.as_deref(), request.search.as_deref()))
        .collect();
    assert_eq!(
        requests,
        [
            (Action::Allowed, "maths.example", None, None),
            (Action::Warned, "search.example", Some("https://search.example/?q=1"), Some("am I alone")),
        ]
    );
    assert!(given.requests.iter().all(|request| request.device.as_deref() == Some("LT-204")));
    assert_eq!((given.continues_at, given.decisions), (None, vec![]));
    // By the name of our own it is the same, and letter case does not matter.
    for of in [Called::Pseudonym(given.pseudonym), user(" JSMITH")] {
        assert!(disclose(&house, school, of).await.requests == given.requests);
    }
    // What was asked for by a device of which the filter knew a user is theirs.
    let of_device = disclose(&house, school, Called::Device("LT-204".to_owned())).await;
    assert_eq!((of_device.name.as_deref(), of_device.requests.len()), (Some("LT-204"), 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_has_a_name_is_told_who_was_shown_what_of_it_and_what_for() {
    let house = House::build().await;
    let (filter, door) = (house.filter().await, house.open());
    let school = filter.sender.school;
    send(&house, &filter, &door, "b-1", &[event(), by("akhan", "blocked", "https://k.example/", 1)]).await;
    let of: PseudonymId = disclose(&house, school, user("jsmith")).await.pseudonym;
    for event in flagged(&house, school).await {
        let purpose =
            if event.user_is == Some(of.into()) { OpeningPurpose::Safeguarding } else { OpeningPurpose::Misuse };
        let open = OpenFlaggedEvents { school, events: vec![event.event_id.into()], purpose, matter: None };
        tell(&house, "a-dsl", open).await.unwrap();
    }
    let hold = PlaceHold { of: Named { school, pseudonym: of }, reason: HoldReason::LegalClaim };
    tell(&house, "a-dpo", hold).await.unwrap();
    let given = disclose(&house, school, user("jsmith")).await;
    let decisions: Vec<_> =
        given.decisions.iter().map(|decision| (decision.event.as_str(), decision.why.as_deref())).collect();
    assert_eq!(
        decisions,
        [("name-disclosed", Some("data-protection")), ("flagged-events-opened", Some("safeguarding")),],
        "and nothing of a hold"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_sent_or_is_forgotten_or_is_another_schools_is_not_disclosed() {
    let house = House::build().await;
    let (filter, other, door) = (house.filter().await, house.filter().await, house.open());
    let school = filter.sender.school;
    send(&house, &filter, &door, "b-1", &[event()]).await;
    let from = now() - TimeDelta::hours(1);
    let known = flagged(&house, school).await[0].user_is.unwrap();
    let unknown = |refused: Result<Disclosure, CommandError<DisclosureRefusal>>| {
        matches!(refused, Err(CommandError::Refused(DisclosureRefusal::Unknown)))
    };
    for (school, of) in [
        (school, user("nobody")),
        (school, Called::Device("jsmith".to_owned())),
        (school, Called::Pseudonym((known ^ 1).into())),
        (other.sender.school, user("jsmith")),
        (other.sender.school, Called::Pseudonym(known.into())),
    ] {
        assert!(unknown(try_to_disclose(&house, school, of, from).await));
    }
    forget_by_halves(&house, school, known).await;
    let neither = async || {
        for of in [user("jsmith"), Called::Pseudonym(known.into())] {
            assert!(unknown(try_to_disclose(&house, school, of, from).await));
        }
    };
    // From when it is decided, though the key is there still.
    neither().await;
    filtering::commands::destroy_left_over(&house.filtering, &house.vault).await.unwrap();
    neither().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disclosure_is_of_some_time_and_of_no_more_than_31_days() {
    let house = House::build().await;
    let (filter, door) = (house.filter().await, house.open());
    let school = filter.sender.school;
    send(&house, &filter, &door, "b-1", &[event()]).await;
    for (days, is_right) in [(0, false), (-1, false), (31, true), (32, false)] {
        let from = now() - TimeDelta::days(30);
        let command = DiscloseName { school, of: user("jsmith"), from, to: from + TimeDelta::days(days) };
        match tell(&house, "a-dpo", command).await {
            Ok(done) => assert!(is_right && done.answer.requests.len() == 1, "{days}"),
            Err(CommandError::Refused(DisclosureRefusal::Opening(OpeningError::Period))) => {
                assert!(!is_right, "{days}");
            }
            Err(error) => panic!("{days}: {error}"),
        }
    }
}

/// R276.
#[tokio::test(flavor = "multi_thread")]
async fn a_name_on_hold_is_not_forgotten_until_the_hold_is_lifted() {
    let house = House::build().await;
    let (filter, door) = (house.filter().await, house.open());
    let school = filter.sender.school;
    send(&house, &filter, &door, "b-1", &[event()]).await;
    let of = Named { school, pseudonym: flagged(&house, school).await[0].user_is.unwrap().into() };
    let propose = || ProposeForgetting { of, ground: ForgettingGround::ErasureRequest };
    let held = CommandError::Refused(ForgettingRefusal::Pseudonym(PseudonymError::OnHold)).to_string();
    tell(&house, "one", propose()).await.unwrap();
    tell(&house, "three", PlaceHold { of, reason: HoldReason::Police }).await.unwrap();
    assert_eq!(tell(&house, "two", ConfirmForgetting { of }).await.unwrap_err().to_string(), held);
    assert_eq!(tell(&house, "one", propose()).await.unwrap_err().to_string(), held);
    tell(&house, "three", LiftHold { of }).await.unwrap();
    tell(&house, "one", propose()).await.unwrap();
    tell(&house, "two", ConfirmForgetting { of }).await.unwrap();
    let owner = Owner::School(school);
    let found = house.vault.find(owner.id(), &[of.pseudonym.into()]).await.unwrap();
    assert!(matches!(found[&of.pseudonym.into()], vault::Found::Destroyed));
}

/// R276: one person who logs in by two names is one.
#[tokio::test(flavor = "multi_thread")]
async fn two_logins_of_one_person_do_not_forget_a_name() {
    let house = House::build().await;
    let (filter, door) = (house.filter().await, house.open());
    let school = filter.sender.school;
    send(&house, &filter, &door, "b-1", &[event()]).await;
    let of = Named { school, pseudonym: flagged(&house, school).await[0].user_is.unwrap().into() };
    let person = crate::given::random_id();
    sqlx::query!(
        "INSERT INTO directory.person (person_id, school_id, category) VALUES ($1, $2, 'employee')",
        person,
        uuid::Uuid::from(school),
    )
    .execute(&house.projections)
    .await
    .unwrap();
    for login in ["one", "one-again"] {
        sqlx::query!(
            "INSERT INTO directory.known_login (person_id, login, linked_by, linked_at) VALUES ($1, $2, 'it', now())",
            person,
            login,
        )
        .execute(&house.projections)
        .await
        .unwrap();
    }
    tell(&house, "one", ProposeForgetting { of, ground: ForgettingGround::ErasureRequest }).await.unwrap();
    let alone = CommandError::Refused(ForgettingRefusal::Pseudonym(PseudonymError::OneAlone)).to_string();
    for one in ["one", "one-again"] {
        assert_eq!(tell(&house, one, ConfirmForgetting { of }).await.unwrap_err().to_string(), alone);
    }
    assert!(tell(&house, "two", ConfirmForgetting { of }).await.is_ok());
}
