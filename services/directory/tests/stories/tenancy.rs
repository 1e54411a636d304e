//! What the gateway's role sees of the directory, whatever it asks for.

use std::collections::BTreeSet;

use schema::TrustId;
use uuid::Uuid;

use crate::house::{House, SAMPLE};

/// The URNs that the gateway's role sees with `wardlog.trusts` set to `trust`, asking for everything.
async fn seen(house: &House, trust: Option<TrustId>) -> BTreeSet<i32> {
    let mut transaction = house.gateway.begin().await.unwrap();
    if let Some(trust) = trust {
        let set = sqlx::query_scalar!("SELECT set_config('wardlog.trusts', $1, true)", trust.to_string());
        set.fetch_one(&mut *transaction).await.unwrap();
    }
    let urns = sqlx::query_scalar!(r#"SELECT urn AS "urn!" FROM published.school_v1"#)
        .fetch_all(&mut *transaction)
        .await
        .unwrap();
    urns.into_iter().collect()
}

/// The URNs that the file gives a trust.
fn filed(uid: &str) -> BTreeSet<i32> {
    let of_trust = |line: &&str| line.contains(&format!(",{uid},"));
    SAMPLE.lines().filter(of_trust).map(|line| line[..6].parse().unwrap()).collect()
}

#[tokio::test]
async fn a_trust_sees_exactly_its_schools() {
    let house = House::new().await;
    house.import(SAMPLE, 0).await;
    for (uid, schools) in [("5143", 33), ("3320", 23), ("4076", 15), ("2939", 9), ("16669", 4)] {
        let seen = seen(&house, Some(house.trust(uid).await)).await;
        assert_eq!(seen.len(), schools);
        assert_eq!(seen, filed(uid));
    }
}

#[tokio::test]
async fn a_trust_sees_no_school_of_another() {
    let house = House::new().await;
    house.import(SAMPLE, 0).await;
    let (ours, theirs) = (house.trust("5143").await, house.trust("3320").await);
    assert!(seen(&house, Some(ours)).await.is_disjoint(&seen(&house, Some(theirs)).await));
}

#[tokio::test]
async fn nobody_sees_nothing() {
    let house = House::new().await;
    house.import(SAMPLE, 0).await;
    assert!(seen(&house, None).await.is_empty());
    assert!(seen(&house, Some(Uuid::from_u128(7).into())).await.is_empty());
    // A scope is of its transaction: the connection comes back without it.
    assert_eq!(seen(&house, Some(house.trust("16669").await)).await.len(), 4);
    assert!(seen(&house, None).await.is_empty());
}

#[tokio::test]
async fn the_gateway_cannot_write_the_directory_nor_read_its_keys() {
    let house = House::new().await;
    for forbidden in [
        "SELECT * FROM directory.ingest_key",
        "SELECT * FROM log.event",
        "DELETE FROM directory.school",
        "INSERT INTO directory.trust VALUES (gen_random_uuid(), '1', 'x')",
    ] {
        let error = sqlx::raw_sql(forbidden).execute(&house.gateway).await.unwrap_err();
        assert_eq!(
            error.as_database_error().and_then(sqlx::error::DatabaseError::code).as_deref(),
            Some("42501"),
            "{forbidden}"
        );
    }
}

/// Nor can it append to it (`services/filtering/tests/door/sealed.rs`).
#[tokio::test]
async fn the_role_of_the_door_reads_nothing_of_what_the_directory_decided() {
    let house = House::new().await;
    house.import(SAMPLE, 0).await;
    assert!(house.events().await > 0);
    let its_own = sqlx::query_scalar!(r#"SELECT count(*) AS "n!" FROM log.event"#).fetch_one(&house.door).await;
    assert_eq!(its_own.unwrap(), 0);
}
