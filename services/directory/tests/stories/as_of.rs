//! The view as of an instant is what it was then, of the owners asked for and of nobody else, and leaves no trace.

use std::sync::Arc;

use chrono::{DateTime, Days, TimeDelta, Utc};
use database::{Role, connect};
use directory::{
    DirectoryError, DirectoryView,
    commands::{change_urn, leave_trust},
    views::{record, school::holder},
};
use eventlog::{Append, AsOfError, Occurred, Owner, ProjectionError, append, as_of};
use schema::{
    SchoolId,
    directory::{LeftTrust, SchoolEvent},
};
use sqlx::{Connection, PgConnection, PgPool};
use uuid::Uuid;

use crate::house::{HEADER, House, SAMPLE, because, first_day, id, now};

/// Every row of the tables that the search path finds; of those that are shown, the rows of `owners`.
pub async fn rows(connection: &mut PgConnection, owners: Option<&[Owner]>) -> Result<Vec<String>, sqlx::Error> {
    let ids = owners.map(|owners| owners.iter().map(|owner| id_of(*owner)).collect::<Vec<_>>());
    let rows = sqlx::query_scalar!(
        r#"SELECT 'trust ' || t::text AS "row!" FROM trust t WHERE $1::uuid[] IS NULL OR t.trust_id = ANY ($1)
           UNION ALL SELECT 'school ' || t::text FROM school t WHERE $1::uuid[] IS NULL OR t.school_id = ANY ($1)
           UNION ALL SELECT 'urn ' || t::text FROM school_urn t WHERE $1::uuid[] IS NULL OR t.school_id = ANY ($1)
           UNION ALL SELECT 'member ' || t::text FROM membership t WHERE $1::uuid[] IS NULL OR t.school_id = ANY ($1)
           UNION ALL SELECT 'source ' || t::text FROM source t WHERE $1::uuid[] IS NULL OR t.school_id = ANY ($1)
           UNION ALL SELECT 'key ' || t::text FROM ingest_key t WHERE $1::uuid[] IS NULL OR t.school_id = ANY ($1)
           ORDER BY 1"#,
        ids.as_deref() as Option<&[Uuid]>,
    );
    rows.fetch_all(connection).await
}

fn id_of(owner: Owner) -> Uuid {
    match owner {
        Owner::School(school) => school.into(),
        Owner::Trust(trust) => trust.into(),
    }
}

/// What is shown now of `owners`.
pub async fn shown(pool: &PgPool, owners: &[Owner]) -> Vec<String> {
    rows(&mut pool.acquire().await.unwrap(), Some(owners)).await.unwrap()
}

/// All that there is as of an instant.
pub async fn at(pool: &PgPool, owners: &[Owner], at: DateTime<Utc>) -> Result<Vec<String>, AsOfError> {
    as_of(pool, Arc::new(DirectoryView), owners, at, |view| Box::pin(rows(view, None))).await
}

/// When the last event of the log was recorded.
pub async fn last_recorded(pool: &PgPool) -> DateTime<Utc> {
    let last = sqlx::query_scalar!(r#"SELECT max(recorded_at) AS "last!" FROM log.event"#);
    last.fetch_one(pool).await.unwrap()
}

/// A school of a trust, and one of none.
async fn two_schools() -> (House, SchoolId) {
    let house = House::new().await;
    let register = format!(
        "{HEADER}\n100001,Ash,Leeds,Primary,Academy,Open,11,NORTH,200\n100002,Elm,Kent,Primary,Academy,Open,,,9\n"
    );
    house.import(&register, 0).await;
    let school = house.school(100_001).await;
    (house, school)
}

async fn change_urn_to(house: &House, school: SchoolId, urn: u32, happened: &str) -> DateTime<Utc> {
    let to = (urn.try_into().unwrap(), first_day() + Days::new(9));
    let happened = happened.parse().unwrap();
    let done = change_urn(&house.directory, school, to, because(&urn.to_string()), happened).await.unwrap();
    done.appended.unwrap().recorded_at
}

#[tokio::test]
async fn only_the_owners_events_are_folded_though_others_share_their_partition() {
    let house = House::new().await;
    house.import(SAMPLE, 0).await;
    let neighbour = sqlx::query_scalar!(
        r#"SELECT h.owner_id FROM log.home h JOIN directory.school s ON s.school_id = h.owner_id
           WHERE (SELECT count(*) FROM log.home n WHERE n.partition = h.partition) > 1 LIMIT 1"#
    );
    let school = Owner::School(neighbour.fetch_one(&house.directory).await.unwrap().into());
    let then = last_recorded(&house.directory).await;
    let found = at(&house.directory, &[school], then).await.unwrap();
    assert!(found.iter().any(|row| row.starts_with("school ")), "{found:?}");
    assert_eq!(found, shown(&house.directory, &[school]).await);
}

#[tokio::test]
async fn an_event_is_in_at_the_instant_of_its_recording_and_not_a_microsecond_before() {
    let (house, school) = two_schools().await;
    let owner = [Owner::School(school)];
    let before = shown(&house.directory, &owner).await;
    let recorded = change_urn_to(&house, school, 149_001, "2026-09-01T08:00:00Z").await;
    house.catch_up().await;
    let after = shown(&house.directory, &owner).await;
    assert_ne!(before, after);
    assert_eq!(at(&house.directory, &owner, recorded).await.unwrap(), after);
    assert_eq!(at(&house.directory, &owner, recorded - TimeDelta::microseconds(1)).await.unwrap(), before);
}

#[tokio::test]
async fn what_counts_is_when_a_fact_was_recorded_and_not_when_it_happened() {
    let (house, school) = two_schools().await;
    let later_dated = change_urn_to(&house, school, 149_001, "2099-01-01T00:00:00Z").await;
    change_urn_to(&house, school, 149_002, "2001-01-01T00:00:00Z").await;
    let then = at(&house.directory, &[Owner::School(school)], later_dated).await.unwrap();
    let has = |urn: &str| then.iter().any(|row| row.starts_with("urn ") && row.contains(urn));
    assert!(has("149001") && !has("149002"), "{then:?}");
}

#[tokio::test]
async fn of_a_question_nothing_remains() {
    let (house, school) = two_schools().await;
    let one = connect(&house.options, Role::Directory, 1).await.unwrap();
    let owner = [Owner::School(school)];
    let (then, before) = (last_recorded(&one).await, shown(&one, &owner).await);
    change_urn_to(&house, school, 149_001, "2026-09-01T08:00:00Z").await;
    house.catch_up().await;
    let after = shown(&one, &owner).await;
    for _ in 0..2 {
        // The one connection has prepared the same statements for what is shown and for the tables of the instant.
        assert_eq!(at(&one, &owner, then).await.unwrap(), before);
        assert_eq!(shown(&one, &owner).await, after);
    }
    let left = sqlx::query!(
        r#"SELECT (SELECT count(*) FROM pg_class WHERE relpersistence = 't') AS "tables!",
                  current_setting('search_path') AS "path!", current_setting('transaction_read_only') AS "read_only!",
                  (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()) AS "locks!""#
    );
    let left = left.fetch_one(&one).await.unwrap();
    assert_eq!((left.tables, left.locks), (0, 0));
    assert_eq!((left.path.as_str(), left.read_only.as_str()), ("directory,filtering", "off"));
}

#[tokio::test]
async fn an_instant_that_has_not_passed_is_refused() {
    let (house, school) = two_schools().await;
    let soon = last_recorded(&house.directory).await + TimeDelta::hours(1);
    let refused = at(&house.directory, &[Owner::School(school)], soon).await.unwrap_err();
    assert!(matches!(refused, AsOfError::InTheFuture { at, now } if at == soon && now < soon), "{refused}");
    assert!(refused.to_string().starts_with("at: expected an instant that has passed"), "{refused}");
}

#[tokio::test]
async fn an_append_that_is_under_way_is_waited_for() {
    let (house, school) = two_schools().await;
    let owner = Owner::School(school);
    let mut under_way = house.directory.begin().await.unwrap();
    let recorded = append_leaving(&mut under_way, school, 2).await;

    let (pool, mut looking) = (house.directory.clone(), house.directory.acquire().await.unwrap());
    let asked = tokio::spawn(async move {
        as_of(&pool, Arc::new(DirectoryView), &[owner], recorded, |_| Box::pin(async { Ok(()) })).await
    });
    while !asked.is_finished() && !is_anybody_waiting(&mut looking).await {}
    under_way.commit().await.unwrap();
    // The event cannot be folded: that it was met shows that it was seen.
    assert!(matches!(asked.await.unwrap(), Err(AsOfError::Projection(ProjectionError::Poison { .. }))));
}

/// Whether somebody waits for an advisory lock, such as that of a partition.
async fn is_anybody_waiting(connection: &mut PgConnection) -> bool {
    let waiting = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM pg_locks l JOIN pg_database d ON d.oid = l.database
                          WHERE d.datname = current_database() AND l.locktype = 'advisory' AND NOT l.granted) AS "is!""#
    );
    waiting.fetch_one(connection).await.unwrap()
}

/// Appends that a school leaves a trust in which it never was: the view cannot fold that.
async fn append_leaving(connection: &mut PgConnection, school: SchoolId, expected: i64) -> DateTime<Utc> {
    let event = SchoolEvent::LeftTrust(LeftTrust { trust: id().into(), to: first_day() });
    let (stream, events) = (format!("school-{school}"), [Occurred { at: now(), event }]);
    let cause = because("leaving");
    let leaving = Append { owner: Owner::School(school), stream: &stream, expected, cause: &cause, events: &events };
    append(connection, leaving).await.unwrap().recorded_at
}

#[tokio::test]
async fn an_event_that_is_passed_over_now_is_passed_over_as_of_an_instant_too() {
    let (house, school) = two_schools().await;
    let owner = [Owner::School(school)];
    let before = last_recorded(&house.directory).await;
    append_leaving(&mut house.directory.acquire().await.unwrap(), school, 2).await;
    let recorded = change_urn_to(&house, school, 149_001, "2026-09-01T08:00:00Z").await;
    let stuck = at(&house.directory, &owner, recorded).await;
    assert!(matches!(stuck, Err(AsOfError::Projection(ProjectionError::Poison { .. }))), "{stuck:?}");
    assert!(at(&house.directory, &owner, before).await.is_ok(), "what had been recorded before it can be folded");

    let mut superuser = PgConnection::connect_with(&house.options).await.unwrap();
    sqlx::query!(
        r#"INSERT INTO log.skip (view, partition, "offset", reason, actor)
           SELECT 'directory', e.partition, e."offset", 'why', 'who' FROM log.event e WHERE e.command_id = 'leaving'"#
    )
    .execute(&mut superuser)
    .await
    .unwrap();
    house.catch_up().await;
    assert_eq!(at(&house.directory, &owner, recorded).await.unwrap(), shown(&house.directory, &owner).await);
}

#[tokio::test]
async fn a_question_that_would_be_answered_from_what_is_shown_now_is_refused() {
    let (house, school) = two_schools().await;
    let (then, urn) = (last_recorded(&house.directory).await, "100001".parse().unwrap());
    let view = Arc::new(DirectoryView);
    // `holder` names the shown table with its schema, for it asks about all schools.
    let refused =
        as_of(&house.directory, view, &[Owner::School(school)], then, move |view| Box::pin(holder(view, urn))).await;
    assert!(
        matches!(&refused, Err(AsOfError::ReadsNow { relation }) if relation == "directory.school_urn"),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_question_that_would_record_something_is_refused() {
    let (house, school) = two_schools().await;
    let then = last_recorded(&house.directory).await;
    let outcome = as_of(&house.directory, Arc::new(DirectoryView), &[Owner::School(school)], then, |view| {
        Box::pin(async move { eventlog::join(view, Owner::School(id().into())).await })
    })
    .await;
    let Err(AsOfError::Database(sqlx::Error::Database(error))) = outcome else { panic!("{outcome:?}") };
    assert_eq!(error.code().as_deref(), Some("25006"), "{error}");
}

#[tokio::test]
async fn a_schools_record_tells_the_trust_by_the_name_of_then() -> Result<(), DirectoryError> {
    let (house, school) = two_schools().await;
    let (pool, trust) = (&house.directory, house.trust("11").await);
    let first = last_recorded(pool).await;
    leave_trust(pool, school, (trust, first_day() + Days::new(3)), because("leave"), now()).await?;
    house.import(&format!("{HEADER}\n100002,Oak,Kent,Primary,Academy,Closed,11,NORTHERN,9\n"), 5).await;
    let now_known = record::of(&mut *pool.acquire().await?, school).await?.unwrap();
    let then_known = record::as_of(pool, school, first).await.unwrap().unwrap();
    let trust = |record: &record::Record| {
        let membership = &record.memberships[0];
        (membership.of.name.clone().unwrap(), membership.to.is_some())
    };
    assert_eq!(trust(&then_known), ("NORTH".to_owned(), false));
    assert_eq!(trust(&now_known), ("NORTHERN".to_owned(), true));
    assert_eq!(record::as_of(pool, school, first - TimeDelta::hours(1)).await.unwrap(), None);
    Ok(())
}
