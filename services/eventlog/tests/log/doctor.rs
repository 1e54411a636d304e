//! The doctor finds nothing on a healthy log, and finds each way in which one can be tampered with or left behind.

use chrono::{DateTime, TimeDelta, Utc};
use eventlog::{
    Offset, Projection, ProjectionError, catch_up,
    doctor::{Finding, Verdict, View, examine},
    telemetry::{BatchRecord, TelemetryLog},
};
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use crate::given_view::{Counter, Given};

/// A view of the telemetry log.
struct Batches;

impl Projection for Batches {
    type Log = TelemetryLog;
    const NAME: &'static str = "test.batches";
    const TAKES: i64 = 5;

    async fn apply(&self, _: &mut PgConnection, _: Vec<(Offset, BatchRecord)>) -> Result<(), ProjectionError> {
        Ok(())
    }
}

/// Three events in one partition and no batch; both views have folded all.
async fn a_healthy_log() -> Given {
    let mut given = Given::events(3).await;
    catch_up(&given.pool, &Counter::default()).await.unwrap();
    catch_up(&given.pool, &Batches).await.unwrap();
    tamper(&mut given, "INSERT INTO log.generation VALUES ('test.counter', 1, 'shown'), ('test.batches', 1, 'shown')")
        .await;
    given
}

/// Changes the log as only a superuser could; PARTITION is the one that has events.
async fn tamper(given: &mut Given, sql: &str) {
    let sql = sql.replace("PARTITION", &given.partition.to_string());
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut given.superuser).await.unwrap();
}

/// Changes events behind the back of the triggers.
async fn tamper_with_events(given: &mut Given, sql: &str) {
    tamper(given, &format!("SET session_replication_role = replica; {sql}; RESET session_replication_role")).await;
}

async fn now(given: &mut Given) -> DateTime<Utc> {
    sqlx::query_scalar!(r#"SELECT clock_timestamp() AS "now!""#).fetch_one(&mut given.superuser).await.unwrap()
}

async fn findings(given: &mut Given) -> Vec<Finding> {
    let now = now(given).await;
    examine(&mut given.superuser, &[View::of::<Counter>(), View::of::<Batches>()], now).await.unwrap()
}

/// Whether the doctor finds this, and says each of `words`.
async fn finds(given: &mut Given, verdict: Verdict, check: &str, words: &[&str]) {
    let words: Vec<String> = words.iter().map(|w| w.replace("PARTITION", &given.partition.to_string())).collect();
    let findings = findings(given).await;
    let found = |finding: &&Finding| {
        finding.check == check && finding.verdict == verdict && words.iter().all(|word| finding.detail.contains(word))
    };
    assert!(findings.iter().any(|finding| found(&finding)), "expected {check} {verdict} {words:?} in {findings:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_healthy_log_is_ok_in_every_check() {
    let findings = findings(&mut a_healthy_log().await).await;
    assert!(findings.iter().all(|finding| finding.verdict == Verdict::Ok), "{findings:#?}");
    let said: Vec<&str> = findings.iter().map(|finding| finding.detail.as_str()).collect();
    for checked in ["3 records of both logs", "1 streams of 3 events", "3 events, every hash", "128 checkpoints"] {
        assert!(said.iter().any(|detail| detail.contains(checked)), "expected {checked} in {said:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_needs_no_right_to_write_and_leaves_its_session_as_it_was() {
    let mut given = a_healthy_log().await;
    tamper(&mut given, "SET default_transaction_read_only = on").await;
    findings(&mut given).await;
    let itself = sqlx::query_scalar!(r#"SELECT current_user = session_user AS "itself!""#);
    assert!(itself.fetch_one(&mut given.superuser).await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_event_is_a_gap_in_its_partition_its_stream_and_its_chain() {
    let mut given = a_healthy_log().await;
    tamper_with_events(&mut given, r#"DELETE FROM log.event WHERE "offset" = 2"#).await;
    finds(
        &mut given,
        Verdict::Wrong,
        "gaps",
        &["log.event has 1 gaps", "partition PARTITION: expected offset 2, found 3"],
    )
    .await;
    finds(&mut given, Verdict::Wrong, "streams", &["offset 3 of partition PARTITION", "version 3, not 2"]).await;
    finds(
        &mut given,
        Verdict::Wrong,
        "hash chains",
        &["1 of 2 events do not continue", "offset 3 of partition PARTITION"],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_first_event_is_a_gap_too() {
    let mut given = a_healthy_log().await;
    tamper_with_events(&mut given, r#"DELETE FROM log.event WHERE "offset" = 1"#).await;
    finds(&mut given, Verdict::Wrong, "gaps", &["expected offset 1, found 2"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_batch_is_a_gap_of_the_telemetry_log() {
    let mut given = a_healthy_log().await;
    batches(&mut given, "VALUES (1), (2), (3)").await;
    finds(&mut given, Verdict::Ok, "gaps", &["6 records"]).await;
    tamper(&mut given, r#"DELETE FROM telemetry.batch WHERE "offset" = 2"#).await;
    finds(&mut given, Verdict::Wrong, "gaps", &["telemetry.batch", "expected offset 2, found 3"]).await;
}

/// Batches without payloads, at these offsets of the partition, received just now.
async fn batches(given: &mut Given, offsets: &str) {
    let sql = format!(
        "INSERT INTO telemetry.batch SELECT PARTITION, n, gen_random_uuid(), gen_random_uuid(), 'b', clock_timestamp(),
             (clock_timestamp() AT TIME ZONE 'UTC')::date, sha256(''), 0, '[]' FROM ({offsets}) AS o (n)"
    );
    tamper(given, &sql).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn time_that_runs_back_within_a_partition_is_wrong() {
    let mut given = a_healthy_log().await;
    let back = r#"UPDATE log.event SET recorded_at = recorded_at - interval '1 hour' WHERE "offset" = 2"#;
    tamper_with_events(&mut given, back).await;
    finds(&mut given, Verdict::Wrong, "streams", &["offset 2 of partition PARTITION was recorded before"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_changed_byte_of_a_payload_is_not_what_its_hash_says() {
    let mut given = a_healthy_log().await;
    let change = r#"UPDATE log.event SET payload = set_byte(payload, 9, get_byte(payload, 9) # 1) WHERE "offset" = 2"#;
    tamper_with_events(&mut given, change).await;
    finds(
        &mut given,
        Verdict::Wrong,
        "hash chains",
        &["1 of 3 events are not what", "offset 2 of partition PARTITION"],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_was_changed_and_hashed_again_tears_the_chain_after_it() {
    let mut given = a_healthy_log().await;
    let rewrite = r#"UPDATE log.event SET actor = 'other', hash = log.event_hash(previous_hash, owner_id, stream, version, type,
                         type_version, 'other', occurred_at, recorded_at, command_id, payload) WHERE "offset" = 2"#;
    tamper_with_events(&mut given, rewrite).await;
    finds(
        &mut given,
        Verdict::Wrong,
        "hash chains",
        &["1 of 3 events do not continue", "offset 3 of partition PARTITION"],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_that_does_not_begin_with_zeroes_is_torn() {
    let mut given = a_healthy_log().await;
    let begin = r#"UPDATE log.event SET previous_hash = sha256('') WHERE "offset" = 1"#;
    tamper_with_events(&mut given, begin).await;
    finds(&mut given, Verdict::Wrong, "hash chains", &["do not continue", "offset 1 of partition PARTITION"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checkpoint_beyond_its_own_logs_end_is_wrong_for_shown_and_hidden_views_of_either_log() {
    for (view, offset, end) in [("test.counter", 4, 3), ("test.counter@2", 9, 3), ("test.batches", 3, 0)] {
        let mut given = a_healthy_log().await;
        let move_it = format!(
            r#"INSERT INTO log.checkpoint (view, partition, "offset") VALUES ('{view}', PARTITION, {offset})
               ON CONFLICT (view, partition) DO UPDATE SET "offset" = excluded."offset""#
        );
        tamper(&mut given, &move_it).await;
        let words =
            [format!("{view} has folded 1 partitions"), format!("PARTITION: up to {offset}, the log ends at {end}:")];
        finds(&mut given, Verdict::Wrong, "checkpoints", &[&words[0], &words[1]]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_view_with_more_than_ten_thousand_records_to_fold_is_a_warning() {
    let mut given = a_healthy_log().await;
    batches(&mut given, "SELECT generate_series(1, 10000)").await;
    finds(&mut given, Verdict::Ok, "lag", &["test.batches has 10000 records"]).await;
    batches(&mut given, "VALUES (10001)").await;
    finds(&mut given, Verdict::Warning, "lag", &["test.batches has 10001 records"]).await;
    finds(&mut given, Verdict::Ok, "lag", &["test.counter has 0 records"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partition_waits_if_its_next_record_is_old_and_nothing_was_folded_since() {
    let mut given = a_healthy_log().await;
    let left_behind = r#"UPDATE log.checkpoint SET "offset" = 2, moved_at = moved_at - interval '61 s' WHERE view = 'test.counter'
                         AND partition = PARTITION"#;
    tamper(&mut given, left_behind).await;
    finds(&mut given, Verdict::Ok, "lag", &["test.counter has 1 records"]).await;
    tamper_with_events(&mut given, "UPDATE log.event SET recorded_at = recorded_at - interval '61 s'").await;
    finds(&mut given, Verdict::Warning, "lag", &["test.counter has 1 records", "partition PARTITION has waited for 6"])
        .await;
    tamper(&mut given, "UPDATE log.checkpoint SET moved_at = clock_timestamp()").await;
    finds(&mut given, Verdict::Ok, "lag", &["test.counter has 1 records"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_view_is_wrong_and_comes_with_the_command_that_skips() {
    let mut given = a_healthy_log().await;
    let stop = "INSERT INTO log.stopped VALUES ('test.counter', PARTITION, 3, 'told to fail', '2026-11-20T09:00:00Z', now(), 7)";
    tamper(&mut given, stop).await;
    let words = [
        "test.counter waits before offset 3 of partition PARTITION since 2026-11-20T09:00:00Z (told to fail; tried 7 times)",
        "`wardlog skip test.counter PARTITION 3 --reason WHY --by WHO`",
    ];
    finds(&mut given, Verdict::Wrong, "stops", &words).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn decided_skips_are_counted_and_are_ok() {
    let mut given = a_healthy_log().await;
    tamper(&mut given, "INSERT INTO log.skip VALUES ('test.counter', PARTITION, 2, 'why', 'it-manager')").await;
    finds(&mut given, Verdict::Ok, "skips", &["1 events are passed over"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partition_with_something_to_fold_that_nobody_holds_is_a_warning() {
    let mut given = a_healthy_log().await;
    tamper(
        &mut given,
        r#"UPDATE log.checkpoint SET "offset" = 2 WHERE view = 'test.counter' AND partition = PARTITION"#,
    )
    .await;
    finds(&mut given, Verdict::Warning, "leases", &["test.counter: nobody folds 1 partitions"]).await;
}

const ONE: &str = "00000000-0000-0000-0000-000000000001";
const TWO: &str = "00000000-0000-0000-0000-000000000002";

/// A follower as its process enters it, which holds the partitions for which `holds` is true; its connection.
async fn a_follower(given: &mut Given, id: &str, holds: &str) -> PgConnection {
    let enter = format!(
        "INSERT INTO log.follower VALUES ('test.counter', '{id}', 1);
         UPDATE log.checkpoint SET follower = '{id}' WHERE view = 'test.counter' AND {holds}"
    );
    tamper(given, &enter).await;
    let mut connection = PgConnection::connect_with(&given.pool.connect_options()).await.unwrap();
    let lock = format!("SELECT pg_advisory_lock(1465009995, hashtext('{id}'))");
    sqlx::raw_sql(AssertSqlSafe(lock)).execute(&mut connection).await.unwrap();
    connection
}

#[tokio::test(flavor = "multi_thread")]
async fn followers_that_live_and_share_evenly_are_ok_and_a_share_of_everything_is_a_warning() {
    let mut given = a_healthy_log().await;
    let _one = a_follower(&mut given, ONE, "true").await;
    finds(&mut given, Verdict::Ok, "followers", &["1 followers"]).await;
    let _two = a_follower(&mut given, TWO, "false").await;
    finds(&mut given, Verdict::Warning, "followers", &["test.counter: one follower holds 64 partitions and another 0"])
        .await;
    tamper(
        &mut given,
        &format!("UPDATE log.checkpoint SET follower = '{TWO}' WHERE follower IS NOT NULL AND partition < 32"),
    )
    .await;
    finds(&mut given, Verdict::Ok, "followers", &["2 followers"]).await;
    finds(&mut given, Verdict::Ok, "stuck leases", &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_follower_whose_connection_is_gone_is_a_warning() {
    let mut given = a_healthy_log().await;
    let one = a_follower(&mut given, ONE, "true").await;
    one.close().await.unwrap();
    finds(&mut given, Verdict::Warning, "followers", &[ONE, "has lost its connection"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_that_stays_with_a_follower_that_does_not_exist_is_stuck() {
    let mut given = a_healthy_log().await;
    let stray =
        format!("UPDATE log.checkpoint SET follower = '{ONE}' WHERE view = 'test.counter' AND partition = PARTITION");
    tamper(&mut given, &stray).await;
    finds(
        &mut given,
        Verdict::Wrong,
        "stuck leases",
        &["test.counter: followers that do not exist hold partitions [PARTITION]"],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_that_is_taken_over_meanwhile_is_not_stuck() {
    let mut given = a_healthy_log().await;
    let stray = format!("UPDATE log.checkpoint SET follower = '{ONE}' WHERE view = 'test.counter'");
    tamper(&mut given, &stray).await;
    let pool = given.pool.clone();
    let takes_over = tokio::spawn(async move {
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        let take = "UPDATE log.checkpoint SET follower = NULL, epoch = epoch + 1 WHERE view = 'test.counter'";
        sqlx::raw_sql(take).execute(&pool).await.unwrap();
    });
    finds(&mut given, Verdict::Ok, "stuck leases", &[]).await;
    takes_over.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_view_that_shows_no_generation_is_wrong() {
    let mut given = a_healthy_log().await;
    tamper(&mut given, "UPDATE log.generation SET state = 'kept' WHERE view = 'test.counter'").await;
    finds(&mut given, Verdict::Wrong, "generations", &["test.counter shows 0 generations"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_half_filled_generation_is_a_warning_unless_somebody_fills_it() {
    let mut given = a_healthy_log().await;
    tamper(&mut given, "INSERT INTO log.generation VALUES ('test.counter', 2, 'building')").await;
    finds(&mut given, Verdict::Warning, "generations", &["generation 2 of test.counter was left half filled"]).await;
    tamper(&mut given, "SELECT pg_advisory_lock(1465009996, hashtext('test.counter'))").await;
    finds(&mut given, Verdict::Ok, "generations", &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clocks_apart_are_a_warning_above_a_second_and_wrong_above_thirty() {
    let mut given = a_healthy_log().await;
    for (apart, expected) in [
        (-31_000, Verdict::Wrong),
        (-2_000, Verdict::Warning),
        (0, Verdict::Ok),
        (2_000, Verdict::Warning),
        (25_000, Verdict::Warning),
        (31_000, Verdict::Wrong),
    ] {
        let ours = now(&mut given).await + TimeDelta::milliseconds(apart);
        let findings = examine(&mut given.superuser, &[View::of::<Counter>()], ours).await.unwrap();
        let clock = findings.iter().find(|finding| finding.check == "clock").unwrap();
        assert_eq!(clock.verdict, expected, "{apart} ms: {}", clock.detail);
        assert_eq!(clock.detail.contains("behind this process"), apart > 0, "{apart} ms: {}", clock.detail);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn anything_that_the_gateway_could_write_is_wrong() {
    for (grant, said) in [
        ("GRANT INSERT ON filtering.secret TO wardlog_gateway", "can write to filtering.secret"),
        ("GRANT UPDATE (name) ON directory_1.school TO wardlog_gateway", "can write to directory_1.school"),
        ("GRANT TRUNCATE ON directory.trust TO PUBLIC", "can write to directory.trust"),
        ("GRANT EXECUTE ON FUNCTION log.append TO wardlog_gateway", "can call log.append("),
    ] {
        let mut given = a_healthy_log().await;
        tamper(&mut given, grant).await;
        finds(&mut given, Verdict::Wrong, "the gateway's rights", &[said]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn anybody_who_could_write_to_a_log_past_its_functions_is_wrong() {
    for (change, said) in [
        ("GRANT DELETE ON log.event TO wardlog_directory", "log.event: wardlog_directory may DELETE"),
        (
            "GRANT UPDATE (rejected) ON telemetry.batch TO wardlog_filtering",
            "telemetry.batch: wardlog_filtering may UPDATE",
        ),
        ("GRANT INSERT ON telemetry.payload TO PUBLIC", "telemetry.payload: PUBLIC may INSERT"),
        ("ALTER TABLE log.event OWNER TO wardlog_directory", "log.event: owned by wardlog_directory"),
    ] {
        let mut given = a_healthy_log().await;
        tamper(&mut given, change).await;
        // Whoever owns the log now may not let the former owner look into it.
        tamper(&mut given, "GRANT SELECT ON log.event TO wardlog_owner").await;
        finds(&mut given, Verdict::Wrong, "rights to the logs", &[said]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trigger_that_does_not_refuse_is_wrong() {
    for (change, said) in [
        ("ALTER TABLE log.event DISABLE TRIGGER event_is_append_only", "log.event.event_is_append_only is disabled"),
        ("ALTER TABLE log.skip ENABLE REPLICA TRIGGER skip_is_append_only", "log.skip.skip_is_append_only is disabled"),
        ("DROP TRIGGER event_is_never_truncated ON log.event", "log.event.event_is_never_truncated is not there"),
        (
            "CREATE OR REPLACE TRIGGER event_is_append_only BEFORE DELETE ON log.event FOR EACH ROW EXECUTE FUNCTION log.refuse_change()",
            "log.event.event_is_append_only is not there",
        ),
    ] {
        let mut given = a_healthy_log().await;
        tamper(&mut given, change).await;
        finds(&mut given, Verdict::Wrong, "append-only triggers", &[said]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_the_gateway_can_read_past_row_level_security_is_wrong() {
    for (change, said) in [
        ("ALTER TABLE directory_1.school NO FORCE ROW LEVEL SECURITY", "directory_1.school"),
        ("ALTER TABLE telemetry.batch DISABLE ROW LEVEL SECURITY", "telemetry.batch"),
        ("GRANT SELECT (actor) ON log.event TO wardlog_gateway", "log.event"),
    ] {
        let mut given = a_healthy_log().await;
        tamper(&mut given, change).await;
        finds(&mut given, Verdict::Wrong, "row-level security", &[said]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_without_its_partition_is_a_warning_within_the_week_and_wrong_today() {
    for (day, parent, verdict) in [
        (7, "telemetry.payload", Verdict::Warning),
        (3, "filtering_counts_1.seen", Verdict::Warning),
        (0, "telemetry.payload", Verdict::Wrong),
    ] {
        let mut given = a_healthy_log().await;
        let drop_it = format!(
            "DO $$ BEGIN EXECUTE format('DROP TABLE {parent}_%s',
                to_char((clock_timestamp() AT TIME ZONE 'UTC')::date + {day}, 'YYYYMMDD')); END $$"
        );
        tamper(&mut given, &drop_it).await;
        finds(&mut given, verdict, "days", &[parent, "has no place for 1 of"]).await;
    }
}
