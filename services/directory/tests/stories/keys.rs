//! Sources and their keys, up to the door.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use access::{IngestKey, KeyRing};
use directory::{
    DirectoryError, DirectoryView,
    commands::{issue_key, register_source, revoke_key},
    domain::{
        school::SchoolError,
        source::{RegisterSource, SourceError},
    },
};
use eventlog::Wake;
use schema::{KeyId, SchoolId, SourceId, Vocabulary};
use tokio_util::sync::CancellationToken;

use crate::house::{House, SAMPLE, because, id, now};

const URN: i32 = 103_217;

fn filter(school: SchoolId, source: SourceId) -> RegisterSource {
    RegisterSource { source, school, name: "Main filter".parse().unwrap(), vocabulary: Vocabulary::Ut1 }
}

fn new_key() -> (KeyId, IngestKey) {
    (id().into(), IngestKey::from_random(rand::random()))
}

fn bearer(key: &IngestKey) -> String {
    format!("Bearer {}", key.reveal())
}

/// A registered source of a school of the sample.
async fn source(house: &House) -> (SchoolId, SourceId) {
    house.import(SAMPLE, 0).await;
    let (school, source) = (house.school(URN).await, id().into());
    register_source(&house.directory, filter(school, source), because("source"), now()).await.unwrap();
    (school, source)
}

#[tokio::test]
async fn an_issued_key_opens_the_door_for_its_source() {
    let house = House::new().await;
    let (school, source) = source(&house).await;
    let (id, key) = new_key();
    let shown = issue_key(&house.directory, (school, source), (id, key), because("key"), now()).await.unwrap();
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
    let (id, key) = new_key();
    let (ring, asked) = (KeyRing::new(house.door.clone()), Instant::now());
    let after = |milliseconds| asked + Duration::from_millis(milliseconds);
    assert_eq!(ring.source_of(&bearer(&key), asked).await.unwrap(), None);

    issue_key(&house.directory, (school, source), (id, key.clone()), because("key"), now()).await.unwrap();
    house.catch_up().await;
    assert_eq!(ring.source_of(&bearer(&key), after(1_999)).await.unwrap(), None);
    assert!(ring.source_of(&bearer(&key), after(2_000)).await.unwrap().is_some());

    revoke_key(&house.directory, (school, source), id, because("revoke"), now()).await.unwrap();
    house.catch_up().await;
    assert!(ring.source_of(&bearer(&key), after(3_999)).await.unwrap().is_some());
    assert_eq!(ring.source_of(&bearer(&key), after(4_000)).await.unwrap(), None);
}

#[tokio::test]
async fn a_trusted_answer_needs_no_database() {
    let house = House::new().await;
    let (school, source) = source(&house).await;
    let key = issue_key(&house.directory, (school, source), new_key(), because("key"), now()).await.unwrap();
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
    let (id, key) = new_key();
    issue_key(&house.directory, (school, source), (id, key.clone()), because("key"), now()).await.unwrap();
    house.catch_up().await;
    let stop = CancellationToken::new();
    let (follower, view) = (uuid::Uuid::from_u128(1), Arc::new(DirectoryView));
    let projection =
        tokio::spawn(eventlog::run(house.projections.clone(), view, Wake::default(), follower, stop.clone()));
    let ring = KeyRing::new(house.door.clone());
    assert!(ring.source_of(&bearer(&key), Instant::now()).await.unwrap().is_some());

    revoke_key(&house.directory, (school, source), id, because("revoke"), now()).await.unwrap();
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
    let (school, source) = source(&house).await;
    let (first, key) = new_key();
    issue_key(&house.directory, (school, source), (first, key), because("1"), now()).await.unwrap();
    issue_key(&house.directory, (school, source), new_key(), because("2"), now()).await.unwrap();
    let third = issue_key(&house.directory, (school, source), new_key(), because("3"), now()).await;
    assert!(matches!(third, Err(DirectoryError::Source(SourceError::TooManyKeys))));
    revoke_key(&house.directory, (school, source), first, because("revoke"), now()).await.unwrap();
    issue_key(&house.directory, (school, source), new_key(), because("3"), now()).await.unwrap();
}

#[tokio::test]
async fn keys_issued_at_once_are_never_more_than_two() {
    let house = House::new().await;
    let (school, source) = source(&house).await;
    let issue = |command| issue_key(&house.directory, (school, source), new_key(), command, now());
    let outcomes = tokio::join!(issue(because("1")), issue(because("2")), issue(because("3")), issue(because("4")));
    let issued = [outcomes.0, outcomes.1, outcomes.2, outcomes.3].into_iter().flatten().count();
    assert_eq!(issued, 2);
}

#[tokio::test]
async fn a_key_is_shown_once() {
    let house = House::new().await;
    let (school, source) = source(&house).await;
    issue_key(&house.directory, (school, source), new_key(), because("key"), now()).await.unwrap();
    let again = issue_key(&house.directory, (school, source), new_key(), because("key"), now()).await;
    assert!(matches!(again, Err(DirectoryError::KeyShownBefore)));
}

#[tokio::test]
async fn neither_the_log_nor_the_view_holds_a_key() {
    let house = House::new().await;
    let (school, source) = source(&house).await;
    let (id, key) = new_key();
    issue_key(&house.directory, (school, source), (id, key.clone()), because("key"), now()).await.unwrap();
    house.catch_up().await;
    let payload = sqlx::query_scalar!("SELECT payload FROM log.event WHERE type = 'ingest-key-issued'");
    let payload = String::from_utf8(payload.fetch_one(&house.directory).await.unwrap()).unwrap();
    let stored =
        sqlx::query_scalar!("SELECT hash FROM directory_1.ingest_key").fetch_one(&house.directory).await.unwrap();
    assert!(payload.contains(&key.hash().to_string()) && !payload.contains(&key.reveal()["wlk_".len()..]));
    assert_eq!(stored, key.hash().as_bytes());
}

#[tokio::test]
async fn only_a_registered_school_has_sources() {
    let house = House::new().await;
    let outcome = register_source(&house.directory, filter(id().into(), id().into()), because("source"), now()).await;
    assert!(matches!(outcome, Err(DirectoryError::School(SchoolError::NotRegistered))));
}

#[tokio::test]
async fn a_command_sent_again_is_answered_with_what_it_led_to_though_the_state_has_moved_on() {
    let house = House::new().await;
    let (school, source) = source(&house).await;
    let (id, key) = new_key();
    issue_key(&house.directory, (school, source), (id, key), because("key"), now()).await.unwrap();
    let first = revoke_key(&house.directory, (school, source), id, because("revoke"), now()).await.unwrap();
    assert_eq!(first.events.len(), 1);

    let again = revoke_key(&house.directory, (school, source), id, because("revoke"), now()).await.unwrap();
    assert_eq!(again.events, first.events);
    let (first, again) = (first.appended.unwrap(), again.appended.unwrap());
    assert_eq!(
        (again.partition, again.last_offset, again.version),
        (first.partition, first.last_offset, first.version)
    );
    assert!(again.replayed && !first.replayed);
    let other = register_source(&house.directory, filter(school, self::id().into()), because("revoke"), now()).await;
    assert!(matches!(other, Err(DirectoryError::CommandIdReused)), "{other:?}");
}
