//! A command is stored once, and a decision on an old version is not stored at all.

use eventlog::{AppendError, Offset};
use tokio::task::JoinSet;

use crate::given::{a_log, append_one, owners_of_one_partition, read_after};

#[tokio::test(flavor = "multi_thread")]
async fn one_command_id_used_twice_at_once_is_stored_once_and_both_learn_the_same() {
    let (_database, pool) = a_log().await;
    let (partition, owners) = owners_of_one_partition(&pool, 1).await;
    let owner = owners[0];
    let mut twins = JoinSet::new();
    for _ in 0..2 {
        let pool = pool.clone();
        twins.spawn(async move {
            let mut transaction = pool.begin().await.unwrap();
            let appended = append_one(&mut transaction, owner, "stream", 0, "same").await.unwrap();
            transaction.commit().await.unwrap();
            appended
        });
    }
    let mut answers = twins.join_all().await;
    answers.sort_by_key(|answer| answer.replayed);
    assert_eq!(answers.iter().map(|answer| answer.replayed).collect::<Vec<_>>(), [false, true]);
    assert_eq!(answers[0].last_offset, answers[1].last_offset);
    assert_eq!(answers[0].recorded_at, answers[1].recorded_at);
    assert_eq!(read_after(&pool, partition, Offset::START).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_command_id_of_another_owner_is_another_command() {
    let (_database, pool) = a_log().await;
    let (partition, owners) = owners_of_one_partition(&pool, 2).await;
    for owner in owners {
        let mut transaction = pool.begin().await.unwrap();
        let appended = append_one(&mut transaction, owner, &format!("{owner:?}"), 0, "same").await.unwrap();
        transaction.commit().await.unwrap();
        assert!(!appended.replayed);
    }
    assert_eq!(read_after(&pool, partition, Offset::START).await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_id_of_another_stream_is_refused() {
    let (_database, pool) = a_log().await;
    let (_, owners) = owners_of_one_partition(&pool, 1).await;
    let mut transaction = pool.begin().await.unwrap();
    append_one(&mut transaction, owners[0], "one", 0, "same").await.unwrap();
    transaction.commit().await.unwrap();
    let mut transaction = pool.begin().await.unwrap();
    let error = append_one(&mut transaction, owners[0], "two", 0, "same").await.unwrap_err();
    assert!(matches!(error, AppendError::CommandIdReused));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_decisions_on_one_version_one_is_stored_and_the_other_learns_the_actual_version() {
    let (_database, pool) = a_log().await;
    let (partition, owners) = owners_of_one_partition(&pool, 1).await;
    let owner = owners[0];
    let mut rivals = JoinSet::new();
    for n in 0..2 {
        let pool = pool.clone();
        rivals.spawn(async move {
            let mut transaction = pool.begin().await.unwrap();
            let outcome = append_one(&mut transaction, owner, "stream", 0, &format!("c-{n}")).await;
            transaction.commit().await.unwrap();
            outcome
        });
    }
    let outcomes = rivals.join_all().await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    assert!(
        outcomes.iter().any(|o| matches!(o, Err(AppendError::Conflict { expected: 0, actual: 1 }))),
        "{outcomes:?}"
    );
    assert_eq!(read_after(&pool, partition, Offset::START).await.len(), 1);
}
