//! What is personal of an event: sealed before it is stored, and opened by command alone.

use std::collections::BTreeSet;

use chrono::{DateTime, Days, TimeDelta, Utc};
use eventlog::{CommandError, Origin, Owner, Stream, catch_up, execute};
use filtering::{
    Shape,
    commands::{
        ForgettingRefusal, Named, OpenFlaggedEvents, Opened, OpeningRefusal, ProposeForgetting, destroy_left_over,
        give_up,
    },
    domain::pseudonym::{Pseudonym, PseudonymCommand, Step},
    keys::named,
    record::Record,
    sealing::{Asked, open_asked, open_name, seal_asked, seal_name},
    views::{
        Decisions,
        flagged::{self, FlaggedEvent, Wanted},
    },
};
use schema::{PseudonymId, SchoolId, SourceId, filtering::OpeningPurpose, london_day, people::ForgettingGround};
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};
use vault::{GivenUp, Vault};
use web::command::{Means, Sent, carry_out};

use crate::{
    answers::post,
    given::{Filter, House, event, now, random_id},
};

/// Sends events as one batch, and counts them.
pub async fn send(house: &House, filter: &Filter, door: &str, batch: &str, events: &[Value]) {
    let body = events.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    post(format!("{door}/v1/filter-events"), &filter.key, batch, "application/x-ndjson", body).await;
    house.count().await;
}

pub async fn flagged(house: &House, school: SchoolId) -> Vec<FlaggedEvent> {
    let today = london_day(now());
    let wanted = Wanted { from: today - Days::new(1), to: today, category: None, user: None, before: None, most: 100 };
    flagged::latest(&mut house.filtering.acquire().await.unwrap(), school, wanted).await.unwrap()
}

async fn open(house: &House, vault: Vault, school: SchoolId, events: &[FlaggedEvent]) -> Vec<Opened> {
    try_to_open(house, vault, school, events).await.unwrap()
}

async fn try_to_open(
    house: &House,
    vault: Vault,
    school: SchoolId,
    events: &[FlaggedEvent],
) -> Result<Vec<Opened>, CommandError<OpeningRefusal>> {
    let means = Means { vault, ..house.means() };
    let events = events.iter().map(|event| event.event_id.into()).collect();
    let command = OpenFlaggedEvents { school, events, purpose: OpeningPurpose::Safeguarding, matter: None };
    let sent = Sent::here("a test");
    Ok(carry_out(&means, Owner::School(school), command, sent, now()).await?.answer)
}

async fn records(house: &House) -> Vec<Record> {
    let mut owner = PgConnection::connect_with(&house.database).await.unwrap();
    let slices = sqlx::query_scalar!(r#"SELECT data FROM telemetry.payload ORDER BY "offset""#);
    slices.fetch_all(&mut owner).await.unwrap().iter().map(|slice| Record::decode(slice).unwrap()).collect()
}

/// R216.
#[tokio::test(flavor = "multi_thread")]
async fn of_what_passed_the_host_alone_is_kept_and_of_what_is_flagged_the_rest_is_sealed() {
    let house = House::build().await;
    let (filter, door) = (house.filter().await, house.open());
    let blocked = event();
    let mut passed = blocked.clone();
    passed["time"] = json!((now() - TimeDelta::minutes(1)).to_rfc3339());
    passed["action"] = json!("allowed");
    let mut grave = passed.clone();
    grave["category"] = json!(["extremism"]);
    grave["search"] = json!("a question");
    send(&house, &filter, &door, "b-1", &[blocked, passed, grave]).await;

    let [record] = records(&house).await.try_into().unwrap();
    assert_eq!(record.sealed.iter().map(Option::is_some).collect::<Vec<_>>(), [true, false, true]);
    let events = flagged(&house, filter.sender.school).await;
    assert_eq!(events.iter().map(|event| event.category.as_str()).collect::<Vec<_>>(), ["gambling", "extremism"]);
    let opened = open(&house, house.vault.clone(), filter.sender.school, &events).await;
    let asked: Vec<_> = opened.iter().map(|opened| (opened.url.as_deref(), opened.search.as_deref())).collect();
    let url = Some("https://casino.example/a");
    assert_eq!(asked, [(url, None), (url, Some("a question"))]);
    assert!(opened.iter().all(|opened| opened.user.as_deref() == Some("jsmith")));
    assert!(opened.iter().all(|opened| opened.address.as_deref() == Some("10.1.2.3")));
}

/// A source whose users the filter does not know has a key of its own, and two events of one instant open each for itself.
#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_in_particular_asked_for_is_sealed_too() {
    let house = House::build().await;
    let (filter, door) = (house.filter().await, house.open());
    let time = now().to_rfc3339();
    let of = |url: &str| json!({ "time": time, "action": "blocked", "url": url });
    send(&house, &filter, &door, "b-1", &[of("https://a.example/1"), of("https://a.example/2")]).await;
    let events = flagged(&house, filter.sender.school).await;
    let opened = open(&house, house.vault.clone(), filter.sender.school, &events).await;
    let mut urls: Vec<_> = opened.into_iter().map(|opened| opened.url.unwrap()).collect();
    urls.sort();
    assert_eq!(urls, ["https://a.example/1", "https://a.example/2"]);
}

/// An installation without a key store counts as every other does, and keeps nothing that would have to be sealed.
#[tokio::test(flavor = "multi_thread")]
async fn without_keys_nothing_is_kept_that_would_have_to_be_sealed() {
    let mut house = House::build().await;
    let vault = std::mem::replace(&mut house.vault, Vault::none());
    let (filter, door) = (house.filter().await, house.open());
    send(&house, &filter, &door, "b-1", &[event()]).await;
    let [record] = records(&house).await.try_into().unwrap();
    assert_eq!(record.sealed, [None]);
    let events = flagged(&house, filter.sender.school).await;
    assert!(!events[0].is_sealed);

    // The name was met without a key: later it is known again, and nobody is told it.
    house.vault = vault.clone();
    send(&house, &filter, &house.open(), "b-2", &[event()]).await;
    let events = flagged(&house, filter.sender.school).await;
    assert_eq!((events.len(), events[0].user_is), (2, events[1].user_is));
    let opened = open(&house, vault, filter.sender.school, &events).await;
    assert_eq!(opened.iter().filter(|opened| opened.url.is_some()).count(), 1);
    assert!(opened.iter().all(|opened| opened.user.is_none()));
}

/// A batch that cannot be sealed now is not taken: the sender still has it.
#[tokio::test(flavor = "multi_thread")]
async fn while_the_key_store_cannot_be_reached_the_door_asks_to_be_tried_again() {
    let house = House::build().await;
    let filter = house.filter().await;
    let mut passed = event();
    passed["action"] = json!("allowed");
    send(&house, &filter, &house.open(), "b-1", &[passed]).await;
    let mut owner = PgConnection::connect_with(&house.database).await.unwrap();
    sqlx::query!("ALTER TABLE keys.data_key RENAME TO gone").execute(&mut owner).await.unwrap();
    // A door that has just been opened knows no keys; the names are known.
    let url = format!("{}/v1/filter-events", house.open());
    let again = || post(url.clone(), &filter.key, "b-2", "application/x-ndjson", event().to_string());
    assert_eq!(again().await.0, 503);
    sqlx::query!("ALTER TABLE keys.gone RENAME TO data_key").execute(&mut owner).await.unwrap();
    assert_eq!(again().await.0, 202);
    house.count().await;
    assert_eq!(flagged(&house, filter.sender.school).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_sealed_of_an_event_or_a_name_opens_in_its_own_place_alone() {
    let house = House::build().await;
    let (school, source) = (SchoolId::from(random_id()), SourceId::from(random_id()));
    let (name, other_name) = (PseudonymId::from(5), PseudonymId::from(6));
    let key = house.vault.make(school.into(), name.into()).await.unwrap();
    let asked = Asked { url: Some("https://a.example/1".into()), search: None };
    let sealed = seal_asked(school, source, 1_000, &key, &asked).unwrap();
    assert!(open_asked(school, source, 1_000, &key, &sealed).unwrap() == asked);
    let other = SourceId::from(random_id());
    for (school, source, millis) in
        [(school, source, 1_001), (school, other, 1_000), (SchoolId::from(random_id()), source, 1_000)]
    {
        assert!(open_asked(school, source, millis, &key, &sealed).is_err());
    }

    let sealed = seal_name(school, name, &key, " jsmith ").unwrap();
    assert_eq!(open_name(school, name, &key, &sealed).unwrap(), "jsmith");
    assert!(open_name(school, other_name, &key, &sealed).is_err());
    let another = house.vault.make(school.into(), other_name.into()).await.unwrap();
    assert!(open_name(school, name, &another, &sealed).is_err());
}

/// Two people forget the user of the latest flagged event; the last step is cut short before the key is destroyed.
pub async fn forget_by_halves(house: &House, school: SchoolId, user: i64) {
    let means = house.means();
    let of = Named { school, pseudonym: user.into() };
    let propose = ProposeForgetting { of, ground: ForgettingGround::ErasureRequest };
    carry_out(&means, Owner::School(school), propose, Sent::here("one"), now()).await.unwrap();
    let stream = Stream { owner: Owner::School(school), name: format!("pseudonym-{user:016x}") };
    let confirm = PseudonymCommand { by: "two".into(), step: Step::Confirm };
    let cause = Origin::Sender(Sent::here("two").cause);
    execute::<Pseudonym, ForgettingRefusal>(&house.filtering, stream, confirm, now(), cause).await.unwrap();
    catch_up(&house.projections, &Decisions).await.unwrap();
}

/// R276, UK GDPR Art. 17.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_crash_left_of_a_forgotten_name_is_destroyed_later_and_the_name_is_another_when_it_comes_again() {
    let house = House::build().await;
    let (filter, pipeline) = (house.filter().await, house.pipeline());
    let school = filter.sender.school;
    let take = async |batch: &str, at: DateTime<Utc>| {
        let body = json!({ "time": at.to_rfc3339(), "action": "blocked", "url": "https://casino.example/a",
                           "user": "jsmith", "device": "jsmiths-laptop", "address": "10.1.2.3" });
        let batch = batch.parse().unwrap();
        pipeline.take(filter.sender, batch, body.to_string().as_bytes(), Shape::Ndjson, at).await.unwrap();
        house.count().await;
    };
    let before = now() - TimeDelta::minutes(10);
    take("b-1", before).await;
    let user = flagged(&house, school).await[0].user_is.unwrap();
    forget_by_halves(&house, school, user).await;

    assert_eq!(destroy_left_over(&house.filtering, &house.vault).await.unwrap(), 1);
    assert_eq!(destroy_left_over(&house.filtering, &house.vault).await.unwrap(), 0, "there is nothing left");
    let events = flagged(&house, school).await;
    assert_eq!((events[0].device_is, events[0].address_is), (None, None), "nor is it shown that it is the same device");
    let opened = open(&house, house.vault.clone(), school, &events).await;
    assert_eq!((&opened[0].url, &opened[0].user), (&None, &None));
    assert_eq!((&opened[0].device, &opened[0].address), (&None, &None), "by which they could be told");

    // A door that runs believes what it knew for 5 minutes, and seals nothing under a key that is no more.
    take("b-2", before + TimeDelta::minutes(4)).await;
    take("b-3", before + TimeDelta::minutes(9)).await;
    let events = flagged(&house, school).await;
    let users: Vec<bool> = events.iter().map(|event| event.user_is == Some(user)).collect();
    assert_eq!(users, [false, true, true], "the latest first");
    let opened = open(&house, house.vault.clone(), school, &events).await;
    let names: Vec<_> = opened.iter().map(|opened| opened.user.as_deref()).collect();
    assert_eq!(names, [Some("jsmith"), None, None]);
    assert!(opened[0].url.is_some() && opened[1].url.is_none());
}

/// What was forgotten is not there for anybody; what a key store lacks may be found in its backup.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_lost_is_not_taken_for_one_that_was_destroyed() {
    let house = House::build().await;
    let (filter, door) = (house.filter().await, house.open());
    send(&house, &filter, &door, "b-1", &[event()]).await;
    let events = flagged(&house, filter.sender.school).await;
    let mut owner = PgConnection::connect_with(&house.database).await.unwrap();
    sqlx::query!("DELETE FROM keys.data_key").execute(&mut owner).await.unwrap();
    let lost = try_to_open(&house, house.vault.clone(), filter.sender.school, &events).await;
    assert!(matches!(lost, Err(CommandError::Unprepared(_))), "{:?}", lost.map(|opened| opened.len()));
}

/// A key store that lacks what the records name is not the newest; a key made in place of another would have it taken for that,
/// and the newest for one that is lost. Once somebody says that it is, the name is met anew.
#[tokio::test(flavor = "multi_thread")]
async fn no_key_is_made_in_place_of_one_that_the_records_name() {
    let house = House::build().await;
    let filter = house.filter().await;
    let school = filter.sender.school;
    let nobodys = json!({ "time": now().to_rfc3339(), "action": "blocked", "url": "https://a.example/1" });
    send(&house, &filter, &house.open(), "b-1", &[event(), nobodys.clone()]).await;
    let users = async || flagged(&house, school).await.iter().filter_map(|event| event.user_is).collect::<Vec<_>>();
    let before = users().await;
    let mut owner = PgConnection::connect_with(&house.database).await.unwrap();
    sqlx::query!("DELETE FROM keys.data_key").execute(&mut owner).await.unwrap();

    let take = async |batch: &str, event: &Value| {
        let url = format!("{}/v1/filter-events", house.open());
        post(url, &filter.key, batch, "application/x-ndjson", event.to_string()).await.0.as_u16()
    };
    assert_eq!((take("b-2", &event()).await, take("b-3", &nobodys).await), (503, 503));
    let mut others = nobodys.clone();
    others["user"] = json!("somebody else");
    assert_eq!(take("b-4", &others).await, 202, "a name that is new");
    let named = named(&mut house.filtering.acquire().await.unwrap()).await.unwrap().remove(&school.into()).unwrap();
    let said = || GivenUp { by: "an operator".to_owned(), reason: "a test".to_owned() };
    let all = house.vault.give_up(school.into(), &named, said()).await.unwrap();
    assert_eq!(all, 4, "of the user, the device, the address, and the source");
    give_up(&house.filtering, school.into(), &house.vault.given_up(school.into()).await.unwrap()).await.unwrap();
    assert_eq!(house.vault.give_up(school.into(), &named, said()).await.unwrap(), 0);
    assert_eq!((take("b-2", &event()).await, take("b-3", &nobodys).await), (202, 202));
    house.count().await;
    assert!(!before.contains(&users().await[0]));
    let opened = open(&house, house.vault.clone(), school, &flagged(&house, school).await).await;
    let shown = opened.iter().filter_map(|opened| Some((opened.user.as_deref()?, opened.url.as_deref()?)));
    let (again, other) = (("jsmith", "https://casino.example/a"), ("somebody else", "https://a.example/1"));
    assert_eq!(shown.collect::<BTreeSet<_>>(), BTreeSet::from([again, other]), "and nothing of what is lost");
}

/// A tunnel's event says no more than where it led.
#[tokio::test(flavor = "multi_thread")]
async fn of_a_url_that_is_a_host_alone_there_is_nothing_to_seal() {
    let house = House::build().await;
    let (filter, door) = (house.filter().await, house.open());
    let mut tunnel = event();
    tunnel["url"] = json!("casino.example:443");
    send(&house, &filter, &door, "b-1", &[tunnel]).await;
    assert!(!flagged(&house, filter.sender.school).await[0].is_sealed);
}

/// Another school's name, and one that no filter sent, are not there to be forgotten.
#[tokio::test(flavor = "multi_thread")]
async fn a_name_is_its_schools_own_to_forget() {
    let house = House::build().await;
    let (filter, other, door) = (house.filter().await, house.filter().await, house.open());
    send(&house, &filter, &door, "b-1", &[event()]).await;
    let user = flagged(&house, filter.sender.school).await[0].user_is.unwrap();
    let means = house.means();
    for (school, name) in [(other.sender.school, user), (filter.sender.school, user ^ 1)] {
        let pseudonym = name.into();
        let propose = ProposeForgetting { of: Named { school, pseudonym }, ground: ForgettingGround::RecordedInError };
        let refused = carry_out(&means, Owner::School(school), propose, Sent::here("one"), now()).await;
        assert!(matches!(refused, Err(CommandError::Refused(ForgettingRefusal::Unknown))), "{refused:?}");
    }
}

/// The role that faces the filters can give nobody a role or a login, whatever it is made to do.
#[tokio::test(flavor = "multi_thread")]
async fn the_role_of_the_door_appends_to_its_own_streams_alone() {
    let house = House::build().await;
    let owner = Owner::School(house.filter().await.sender.school);
    for (name, may) in [("pseudonym-1", true), ("staffing-1", false), ("person-1", false), ("a-pseudonym-1", false)] {
        let stream = Stream { owner, name: name.to_owned() };
        let propose = PseudonymCommand { by: "one".into(), step: Step::Propose(ForgettingGround::ErasureRequest) };
        let cause = Origin::Sender(Sent::here("one").cause);
        let done = execute::<Pseudonym, ForgettingRefusal>(&house.filtering, stream, propose, now(), cause).await;
        assert_eq!(done.is_ok(), may, "{name}");
    }
}
