//! The views are a fold of the log and nothing else.

use chrono::NaiveDate;
use directory::{
    commands::{IssueKey, RegisterSource, RevokeKey, change_urn, join_trust, leave_trust},
    domain::{
        school::{Membership, School},
        source::{KeyState, Source},
        trust::Trust,
    },
};
use eventlog::{Aggregate, Owner, load};
use schema::{KeyId, SchoolId, SourceId, TrustId, Vocabulary, directory::SchoolDetails};

use crate::house::{House, SAMPLE, because, first_day, now};

/// A stream of the log, folded by the domain's rules.
async fn folded<A: Aggregate>(house: &House, owner: Owner, stream: String) -> A {
    let mut connection = house.directory.acquire().await.unwrap();
    let events = load::<A::Event>(&mut connection, owner, &stream).await.unwrap();
    A::after(events.iter().map(|stored| &stored.event))
}

/// Everything that can happen to a school, a trust and a source, at least once.
pub async fn a_busy_year(house: &House) {
    house.import(SAMPLE, 0).await;
    house
        .import(&SAMPLE.replace("SUMMIT LEARNING TRUST", "SUMMIT TRUST").replace(",Open,,,8", ",Closed,,,9"), 30)
        .await;
    let (pool, school) = (&house.directory, house.school(103_217).await);
    let (a, b) = (house.trust("5143").await, house.trust("3320").await);
    let day = |n| first_day() + chrono::Days::new(n);
    join_trust(pool, school, (a, day(40)), because("join-a"), now()).await.unwrap();
    leave_trust(pool, school, (a, day(40)), because("leave-a"), now()).await.unwrap();
    join_trust(pool, school, (a, day(40)), because("join-a-again"), now()).await.unwrap();
    leave_trust(pool, school, (a, day(90)), because("leave-a-again"), now()).await.unwrap();
    join_trust(pool, school, (b, day(90)), because("join-b"), now()).await.unwrap();
    change_urn(pool, school, ("149001".parse().unwrap(), day(90)), because("urn"), now()).await.unwrap();

    let filter = RegisterSource { school, name: "Main".parse().unwrap(), vocabulary: Vocabulary::E2guardian };
    let source = house.tell(school, filter, "source").await.unwrap().answer;
    for n in 0..3 {
        let key = house.tell(school, IssueKey { school, source }, &format!("key-{n}")).await.unwrap().answer.id;
        if n < 2 {
            house.tell(school, RevokeKey { school, source, key }, &format!("revoke-{n}")).await.unwrap();
        }
    }
    house.catch_up().await;
}

#[tokio::test]
async fn every_trust_is_the_fold_of_its_stream() {
    let house = House::new().await;
    a_busy_year(&house).await;
    let rows =
        sqlx::query!("SELECT trust_id, uid, name FROM directory_1.trust").fetch_all(&house.projections).await.unwrap();
    assert_eq!(rows.len(), 41);
    for row in rows {
        let trust = TrustId::from(row.trust_id);
        let expected = Trust::Registered { uid: row.uid.parse().unwrap(), name: row.name };
        assert_eq!(folded::<Trust>(&house, Owner::Trust(trust), format!("trust-{trust}")).await, expected);
    }
}

#[tokio::test]
async fn every_school_is_the_fold_of_its_stream() {
    let house = House::new().await;
    a_busy_year(&house).await;
    let rows = sqlx::query!(
        r#"SELECT s.*, u.urn, u.from_day,
                  (SELECT array_agg(f.urn ORDER BY f.from_day) FROM directory_1.school_urn f
                   WHERE f.school_id = s.school_id AND f.to_day IS NOT NULL) AS former
           FROM directory_1.school s JOIN directory_1.school_urn u ON u.school_id = s.school_id AND u.to_day IS NULL"#
    );
    let rows = rows.fetch_all(&house.projections).await.unwrap();
    assert_eq!(rows.len(), 163);
    for row in rows {
        let school = SchoolId::from(row.school_id);
        let state = folded::<School>(&house, Owner::School(school), format!("school-{school}")).await;
        let School::Registered(state) = state else { panic!("a school of the view is registered") };
        let shown = SchoolDetails {
            name: row.name,
            local_authority: row.local_authority,
            phase: row.phase,
            kind: row.kind,
            status: row.status,
            pupils: row.pupils.map(|n| n.try_into().unwrap()),
        };
        assert_eq!(state.details, shown);
        assert_eq!(state.urn, (u32::try_from(row.urn).unwrap().try_into().unwrap(), row.from_day));
        let former: Vec<_> = row.former.unwrap_or_default();
        assert_eq!(
            state.former_urns.iter().map(|urn| i32::try_from(u32::from(*urn)).unwrap()).collect::<Vec<_>>(),
            former
        );
        assert_eq!(state.membership, last_membership(&house, school).await);
    }
}

async fn last_membership(house: &House, school: SchoolId) -> Membership {
    let periods = sqlx::query!(
        "SELECT trust_id, from_day, to_day FROM directory_1.membership WHERE school_id = $1 ORDER BY from_day, to_day",
        uuid::Uuid::from(school),
    );
    let periods = periods.fetch_all(&house.projections).await.unwrap();
    let ends: Vec<NaiveDate> = periods.iter().filter_map(|period| period.to_day).collect();
    assert!(
        ends.iter().zip(periods.iter().skip(1)).all(|(end, next)| *end <= next.from_day),
        "no day is in two trusts"
    );
    match periods.last() {
        None => Membership::None,
        Some(last) => match last.to_day {
            None => Membership::Member { trust: last.trust_id.into(), from: last.from_day },
            Some(to) => Membership::Former { trust: last.trust_id.into(), to },
        },
    }
}

#[tokio::test]
async fn every_source_is_the_fold_of_its_stream() {
    let house = House::new().await;
    a_busy_year(&house).await;
    let row = sqlx::query!("SELECT * FROM directory_1.source").fetch_one(&house.projections).await.unwrap();
    let (school, source) = (SchoolId::from(row.school_id), SourceId::from(row.source_id));
    let state = folded::<Source>(&house, Owner::School(school), format!("source-{source}")).await;
    let Source::Registered { registered, mut keys } = state else { panic!("a source of the view is registered") };
    assert_eq!((registered.source, registered.school), (source, school));
    assert_eq!((registered.name, registered.vocabulary.as_str()), (row.name, row.vocabulary.as_str()));

    let shown = sqlx::query!("SELECT key_id, source_id, school_id, revoked_at FROM directory_1.ingest_key");
    let shown = shown.fetch_all(&house.projections).await.unwrap();
    assert!(shown.iter().all(|key| key.source_id == row.source_id && key.school_id == row.school_id));
    let state = |revoked: bool| if revoked { KeyState::Revoked } else { KeyState::Live };
    let mut shown: Vec<(KeyId, _)> =
        shown.into_iter().map(|key| (key.key_id.into(), state(key.revoked_at.is_some()))).collect();
    keys.sort_by_key(|(key, _)| *key);
    shown.sort_by_key(|(key, _)| *key);
    assert_eq!(shown, keys);
    assert_eq!(keys.iter().filter(|(_, state)| *state == KeyState::Live).count(), 1);
}
