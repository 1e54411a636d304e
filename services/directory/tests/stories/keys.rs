//! Sources and their keys, up to the door.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use access::{IngestKey, KeyRing};
use directory::{
    DirectoryView,
    commands::{IssueKey, RegisterSource, RevokeKey, SourceRefusal},
    domain::source::SourceError,
    views::ingest_key,
};
use eventlog::{CommandError, Wake};
use schema::{KeyId, SchoolId, SourceId, Vocabulary};
use tokio_util::sync::CancellationToken;

use crate::house::{House, SAMPLE, id};

const URN: i32 = 103_217;

fn filter(school: SchoolId) -> RegisterSource {
    RegisterSource { school, name: "Main filter".parse().unwrap(), vocabulary: Vocabulary::Ut1 }
}

/// Issues a key; its id and itself.
async fn issue(
    house: &House,
    (school, source): (SchoolId, SourceId),
    command: &str,
) -> Result<(KeyId, IngestKey), CommandError<SourceRefusal>> {
    let issued = house.tell(school, IssueKey { school, source }, command).await?.answer;
    Ok((issued.id, issued.key.unwrap().parse().unwrap()))
}

/// Revokes a key.
async fn revoke(house: &House, (school, source): (SchoolId, SourceId), key: KeyId) {
    house.tell(school, RevokeKey { school, source, key }, "revoke").await.unwrap();
}

fn bearer(key: &IngestKey) -> String {
    format!("Bearer {}", key.reveal())
}

/// A registered source of a school of the sample.
async fn source(house: &House) -> (SchoolId, SourceId) {
    house.import(SAMPLE, 0).await;
    let school = house.school(URN).await;
    (school, house.tell(school, filter(school), "source").await.unwrap().answer)
}

#[tokio::test]
async fn an_issued_key_opens_the_door_for_its_source() {
    let house = House::new().await;
    let (school, source) = source(&house).await;
    let (id, shown) = issue(&house, (school, source), "key").await.unwrap();
    house.catch_up().await;
    let ring = KeyRing::new(house.door.clone());
    let known = ring.source_of(&bearer(&shown), Instant::now()).await.unwrap().unwrap();
    assert_eq!((known.key, known.source, known.school, known.vocabulary), (id, source, school, Vocabulary::Ut1));
    let unknown = IngestKey::from_random(rand::random());
    assert_eq!(ring.source_of(&bearer(&unknown), Instant::now()).await.unwrap(), None);
}

#[tokio::test]
async fn an_answer_is_trusted_for_two_seconds_and_no_longer() {
    let house = House::new().await;
    let (school, source) = source(&house).await;
    let (id, key) = issue(&house, (school, source), "key").await.unwrap();
    let (ring, asked) = (KeyRing::new(house.door.clone()), Instant::now());
    let after = |milliseconds| asked + Duration::from_millis(milliseconds);
    assert_eq!(ring.source_of(&bearer(&key), asked).await.unwrap(), None, "the view does not know of it yet");
    house.catch_up().await;
    assert_eq!(ring.source_of(&bearer(&key), after(1_999)).await.unwrap(), None);
    assert!(ring.source_of(&bearer(&key), after(2_000)).await.unwrap().is_some());

    revoke(&house, (school, source), id).await;
    house.catch_up().await;
    assert!(ring.source_of(&bearer(&key), after(3_999)).await.unwrap().is_some());
    assert_eq!(ring.source_of(&bearer(&key), after(4_000)).await.unwrap(), None);
}

#[tokio::test]
async fn a_trusted_answer_needs_no_database() {
    let house = House::new().await;
    let (school, source) = source(&house).await;
    let (_, key) = issue(&house, (school, source), "key").await.unwrap();
    house.catch_up().await;
    let (ring, asked) = (KeyRing::new(house.door.clone()), Instant::now());
    assert!(ring.source_of(&bearer(&key), asked).await.unwrap().is_some());
    house.door.close().await;
    assert!(ring.source_of(&bearer(&key), asked + Duration::from_secs(1)).await.unwrap().is_some());
    assert!(ring.source_of(&bearer(&key), asked + Duration::from_secs(2)).await.is_err());
    assert_eq!(ring.source_of("Bearer wlk_nonsense", asked).await.unwrap(), None, "what is no key is not looked up");
}

#[tokio::test]
async fn a_revoked_key_is_refused_within_five_seconds() {
    let house = House::new().await;
    let (school, source) = source(&house).await;
    let (id, key) = issue(&house, (school, source), "key").await.unwrap();
    house.catch_up().await;
    let stop = CancellationToken::new();
    let (follower, view) = (uuid::Uuid::from_u128(1), Arc::new(DirectoryView));
    let projection =
        tokio::spawn(eventlog::run(house.projections.clone(), view, Wake::default(), follower, stop.clone()));
    let ring = KeyRing::new(house.door.clone());
    assert!(ring.source_of(&bearer(&key), Instant::now()).await.unwrap().is_some());

    revoke(&house, (school, source), id).await;
    let revoked = Instant::now();
    while ring.source_of(&bearer(&key), Instant::now()).await.unwrap().is_some() {
        assert!(revoked.elapsed() < Duration::from_secs(5), "the key still opens the door");
        tokio::task::yield_now().await;
    }
    stop.cancel();
    projection.await.unwrap();
}

#[tokio::test]
async fn a_third_live_key_is_refused() {
    let house = House::new().await;
    let source = source(&house).await;
    let (first, _) = issue(&house, source, "1").await.unwrap();
    issue(&house, source, "2").await.unwrap();
    let third = issue(&house, source, "3").await;
    let too_many = SourceRefusal::Source(SourceError::TooManyKeys);
    assert!(matches!(third, Err(CommandError::Refused(why)) if why.to_string() == too_many.to_string()));
    revoke(&house, source, first).await;
    issue(&house, source, "3").await.unwrap();
}

#[tokio::test]
async fn keys_issued_at_once_are_never_more_than_two() {
    let house = House::new().await;
    let source = source(&house).await;
    let issue = |command| issue(&house, source, command);
    let outcomes = tokio::join!(issue("1"), issue("2"), issue("3"), issue("4"));
    let issued = [outcomes.0, outcomes.1, outcomes.2, outcomes.3].into_iter().flatten().count();
    assert_eq!(issued, 2);
}

#[tokio::test]
async fn a_key_is_shown_once() {
    let house = House::new().await;
    let source = source(&house).await;
    let (school, source) = source;
    let (first, _) = issue(&house, (school, source), "key").await.unwrap();
    let again = house.tell(school, IssueKey { school, source }, "key").await.unwrap().answer;
    assert!(again.key.is_none());
    assert_eq!(again.id, first, "so that it can be revoked");
}

#[tokio::test]
async fn a_source_is_found_by_its_name_and_whose_a_key_is_by_its_id() {
    let house = House::new().await;
    let (school, source) = source(&house).await;
    let (id, _) = issue(&house, (school, source), "key").await.unwrap();
    house.catch_up().await;
    let mut directory = house.directory.acquire().await.unwrap();
    for (name, expected) in [("Main filter", Some((source, Vocabulary::Ut1))), ("Other filter", None)] {
        let named = ingest_key::source_named(&mut directory, school, &name.parse().unwrap()).await.unwrap();
        assert_eq!(named, expected, "{name}");
    }
    assert_eq!(ingest_key::owner(&mut directory, id).await.unwrap(), Some((school, source)));
    assert_eq!(ingest_key::owner(&mut directory, self::id().into()).await.unwrap(), None);
}

#[tokio::test]
async fn neither_the_log_nor_the_view_holds_a_key() {
    let house = House::new().await;
    let (school, source) = source(&house).await;
    let (_, key) = issue(&house, (school, source), "key").await.unwrap();
    house.catch_up().await;
    let payload = sqlx::query_scalar!("SELECT payload FROM log.event WHERE type = 'ingest-key-issued'");
    let payload = String::from_utf8(payload.fetch_one(&house.directory).await.unwrap()).unwrap();
    let stored =
        sqlx::query_scalar!("SELECT hash FROM directory_1.ingest_key").fetch_one(&house.projections).await.unwrap();
    assert!(payload.contains(&key.hash().to_string()) && !payload.contains(&key.reveal()["wlk_".len()..]));
    assert_eq!(stored, key.hash().as_bytes());
}

#[tokio::test]
async fn only_a_registered_school_has_sources() {
    let house = House::new().await;
    let nowhere = id().into();
    let outcome = house.tell(nowhere, filter(nowhere), "source").await;
    let expected = CommandError::Refused(SourceRefusal::SchoolUnknown);
    assert_eq!(outcome.unwrap_err().to_string(), expected.to_string());
}

#[tokio::test]
async fn a_school_tells_its_filters_apart_and_has_a_hundred_at_most() {
    let house = House::new().await;
    let (school, _) = source(&house).await;
    house.catch_up().await;
    let refused = |outcome: Result<_, CommandError<SourceRefusal>>| outcome.map(drop).unwrap_err().to_string();
    let again = house.tell(school, filter(school), "again").await;
    assert_eq!(refused(again), SourceRefusal::NameTaken.to_string());
    let named = |n: usize| RegisterSource { name: format!("Filter {n}").parse().unwrap(), ..filter(school) };
    for n in 1..100 {
        house.tell(school, named(n), &format!("filter-{n}")).await.unwrap();
    }
    house.catch_up().await;
    let one_more = house.tell(school, named(100), "filter-100").await;
    assert_eq!(refused(one_more), SourceRefusal::TooManySources.to_string());
    let sent_again = house.tell(school, named(99), "filter-99").await;
    assert!(sent_again.is_ok(), "what was done is not refused afterwards");
}

#[tokio::test]
async fn a_command_sent_again_is_answered_with_what_it_led_to_though_the_state_has_moved_on() {
    let house = House::new().await;
    let (school, source) = source(&house).await;
    let (key, _) = issue(&house, (school, source), "key").await.unwrap();
    let command = || RevokeKey { school, source, key };
    let first = house.tell(school, command(), "revoke").await.unwrap();
    let events = house.events().await;
    let again = house.tell(school, command(), "revoke").await.unwrap();
    assert_eq!((again.answer, again.position), (first.answer, first.position));
    assert_eq!(house.tell(school, filter(school), "source").await.unwrap().answer, source, "an id made for it too");
    let issued = house.tell(school, IssueKey { school, source }, "key").await.unwrap();
    assert_eq!(issued.answer.id, key, "which is revoked, and could not be issued again");
    assert_eq!(house.events().await, events);
}

#[tokio::test]
async fn a_command_that_finds_it_done_says_where_that_is() {
    let house = House::new().await;
    let (school, source) = source(&house).await;
    let (key, _) = issue(&house, (school, source), "key").await.unwrap();
    let first = house.tell(school, RevokeKey { school, source, key }, "revoke").await.unwrap();
    let second = house.tell(school, RevokeKey { school, source, key }, "revoke-again").await.unwrap();
    assert!(first.position.is_some());
    assert_eq!(second.position, first.position);
}

#[tokio::test]
async fn an_id_that_another_command_had_is_refused() {
    let house = House::new().await;
    let (school, source) = source(&house).await;
    let (key, _) = issue(&house, (school, source), "key").await.unwrap();
    let (other, _) = issue(&house, (school, source), "other").await.unwrap();
    house.tell(school, RevokeKey { school, source, key }, "revoke").await.unwrap();
    let reused = |outcome| matches!(outcome, Err(CommandError::CommandIdReused));
    assert!(reused(house.tell(school, filter(school), "revoke").await.map(drop)), "of another record");
    assert!(reused(issue(&house, (school, source), "revoke").await.map(drop)), "of the same record");
    let same = house.tell(school, RevokeKey { school, source, key: other }, "revoke").await;
    assert!(reused(same.map(drop)), "of the same kind");
    let renamed = RegisterSource { name: "Another".parse().unwrap(), ..filter(school) };
    assert!(reused(house.tell(school, renamed, "source").await.map(drop)), "with another content");
}
