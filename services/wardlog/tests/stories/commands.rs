//! A command from the mutation to the view: carried out once, shown to whoever waits for it, and to nobody else.

use access::HeldRole;
use reqwest::StatusCode;
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};
use tokio_util::sync::CancellationToken;
use wardlog::serve::{self, Role, Settings};

use crate::town::{Town, event, settings};

const REGISTER: &str =
    "mutation($id: String!, $input: RegisterSourceInput!) { registerSource(commandId: $id, input: $input) {
    done { sourceId } refused { reason field message } token } }";
const ISSUE: &str =
    "mutation($id: String!, $input: IssueIngestKeyInput!) { issueIngestKey(commandId: $id, input: $input) {
    done { keyId key } refused { reason field message } token } }";
const REVOKE: &str =
    "mutation($id: String!, $input: RevokeIngestKeyInput!) { revokeIngestKey(commandId: $id, input: $input) {
    done { keyId } refused { reason field message } token } }";
const SOURCES: &str =
    "query($school: UUID!) { school(id: $school) { sources { id name vocabulary keys { id issuedAt revokedAt } } } }";

/// Sends a mutation; its outcome.
async fn tell(town: &Town, role: HeldRole, mutation: &str, id: &str, input: Value) -> Value {
    let answer = town.ask(role, mutation, json!({ "id": id, "input": input })).await;
    answer.as_object().unwrap().values().next().unwrap().clone()
}

async fn sources_after(town: &Town, role: HeldRole, school: &Value, token: &Value) -> Value {
    town.ask_after(role, SOURCES, json!({ "school": school }), token).await["school"]["sources"].clone()
}

fn filter(school: &Value) -> Value {
    json!({ "schoolId": school, "name": "Main filter", "vocabulary": "UT1" })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_school_registers_a_filter_and_its_key_opens_the_door_and_ends() {
    let town = Town::start().await;
    let ash = town.records.school(100_001).await;
    let (dsl, school) = (HeldRole::dsl(ash), json!(ash));

    let registered = tell(&town, dsl, REGISTER, "c-1", filter(&school)).await;
    let source = &registered["done"]["sourceId"];
    let shown = sources_after(&town, dsl, &school, &registered["token"]).await;
    assert_eq!(shown, json!([{ "id": source, "name": "Main filter", "vocabulary": "UT1", "keys": [] }]));

    let input = json!({ "schoolId": school, "sourceId": source });
    let issued = tell(&town, dsl, ISSUE, "c-2", input).await;
    let (key, key_id) = (issued["done"]["key"].as_str().unwrap(), &issued["done"]["keyId"]);
    let shown = sources_after(&town, dsl, &school, &issued["token"]).await;
    assert_eq!(shown[0]["keys"][0]["id"], *key_id);
    assert!(!shown.to_string().contains(&key["wlk_".len()..]), "the key was shown once");
    town.send(key, "b-1", &[event("gambling", "blocked")]).await;

    let revoked =
        tell(&town, dsl, REVOKE, "c-3", json!({ "schoolId": school, "sourceId": source, "keyId": key_id })).await;
    let shown = sources_after(&town, dsl, &school, &revoked["token"]).await;
    assert!(shown[0]["keys"][0]["revokedAt"].is_string(), "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_sent_again_is_done_once_and_a_rule_that_refuses_it_has_a_name() {
    let town = Town::start().await;
    let ash = town.records.school(100_001).await;
    let (dsl, school) = (HeldRole::dsl(ash), json!(ash));
    let first = tell(&town, dsl, REGISTER, "c-1", filter(&school)).await;
    let again = tell(&town, dsl, REGISTER, "c-1", filter(&school)).await;
    assert_eq!(again["done"], first["done"]);
    assert_ne!(again["token"], first["token"], "of the same position");
    assert_eq!(again["token"].as_str().unwrap().len(), first["token"].as_str().unwrap().len());
    let shown = sources_after(&town, dsl, &school, &again["token"]).await;
    assert_eq!(shown.as_array().unwrap().len(), 1, "{shown}");

    let input = json!({ "schoolId": school, "sourceId": first["done"]["sourceId"] });
    tell(&town, dsl, ISSUE, "c-2", input.clone()).await;
    let refused = |outcome: Value| {
        assert!(outcome["done"].is_null() && outcome["token"].is_null(), "{outcome}");
        outcome["refused"]["reason"].as_str().unwrap().to_owned()
    };
    assert_eq!(tell(&town, dsl, ISSUE, "c-2", input.clone()).await["done"]["key"], Value::Null, "shown once");
    assert_eq!(refused(tell(&town, dsl, REGISTER, "c-2", filter(&school)).await), "COMMAND_ID_REUSED");
    assert!(tell(&town, dsl, ISSUE, "c-3", input.clone()).await["done"]["key"].is_string());
    assert_eq!(refused(tell(&town, dsl, ISSUE, "c-4", input).await), "TOO_MANY_KEYS");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_the_callers_to_command_is_answered_as_what_does_not_exist() {
    let town = Town::start().await;
    let (ash, cedar) = (town.records.school(100_001).await, town.records.school(100_003).await);
    let trust = town.records.trust("22").await;
    let registered = tell(&town, HeldRole::dsl(cedar), REGISTER, "c-1", filter(&json!(cedar))).await;
    let theirs = &registered["done"]["sourceId"];
    let mut answers = Vec::new();
    let nowhere = json!("0190a000-0000-7000-8000-000000000009");
    let outsiders = [HeldRole::dsl(ash), HeldRole::governor(cedar), HeldRole::mat_lead(trust)];
    for (n, outsider) in outsiders.into_iter().enumerate() {
        let command = |part: &str| format!("o-{n}-{part}");
        answers.push(tell(&town, outsider, REGISTER, &command("a"), filter(&json!(cedar))).await);
        answers.push(tell(&town, outsider, REGISTER, &command("b"), filter(&nowhere)).await);
        let input = json!({ "schoolId": cedar, "sourceId": theirs });
        answers.push(tell(&town, outsider, ISSUE, &command("c"), input).await);
    }
    // Of one's own school, but another's filter, or none at all.
    for (n, source) in [theirs, &nowhere].into_iter().enumerate() {
        let input = json!({ "schoolId": ash, "sourceId": source });
        answers.push(tell(&town, HeldRole::dsl(ash), ISSUE, &format!("s-{n}"), input).await);
    }
    assert_eq!(answers[0]["refused"]["reason"], "NOT_FOUND");
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:#?}");
    let events = sqlx::query_scalar!(r#"SELECT count(*) AS "n!" FROM log.event WHERE type LIKE '%key%'"#);
    assert_eq!(events.fetch_one(&town.records.directory).await.unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_school_sees_its_own_filters_and_nobody_else_does() {
    let town = Town::start().await;
    let (ash, beech) = (town.records.school(100_001).await, town.records.school(100_002).await);
    let dsl = HeldRole::dsl(ash);
    let registered = tell(&town, dsl, REGISTER, "c-1", filter(&json!(ash))).await;
    assert_eq!(sources_after(&town, dsl, &json!(ash), &registered["token"]).await.as_array().unwrap().len(), 1);
    let north = town.records.trust("11").await;
    for other in [HeldRole::governor(ash), HeldRole::mat_lead(north), HeldRole::dsl(beech)] {
        let seen = sources_after(&town, other, &json!(ash), &registered["token"]).await;
        assert!(seen.is_null(), "{other:?}: {seen}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_waits_for_its_token_and_says_when_it_is_stale() {
    let town = Town::start().await;
    let ash = town.records.school(100_001).await;
    let (dsl, school) = (HeldRole::dsl(ash), json!(ash));
    let registered = tell(&town, dsl, REGISTER, "c-1", filter(&school)).await;
    sources_after(&town, dsl, &school, &registered["token"]).await;

    // Nobody folds the school's partition while its checkpoint is held.
    let mut owner = PgConnection::connect_with(&town.records.database).await.unwrap();
    let mut held = owner.begin().await.unwrap();
    sqlx::query_scalar!(
        "SELECT partition FROM log.checkpoint WHERE view = 'directory'
             AND partition = (SELECT partition FROM log.home WHERE owner_id = $1) FOR UPDATE",
        uuid::Uuid::from(ash)
    )
    .fetch_one(&mut *held)
    .await
    .unwrap();
    let input = json!({ "schoolId": school, "name": "Second filter", "vocabulary": "GENERAL" });
    let second = tell(&town, dsl, REGISTER, "c-2", input).await;
    let variables = json!({ "school": school });
    let stale = town.errors_after(dsl, SOURCES, variables.clone(), &second["token"]).await;
    assert_eq!(stale[0]["extensions"]["code"], "STALE", "{stale}");
    let old = town.ask(dsl, SOURCES, variables.clone()).await;
    assert_eq!(old["school"]["sources"].as_array().unwrap().len(), 1, "without the token there is what there is");
    held.rollback().await.unwrap();
    let both = sources_after(&town, dsl, &school, &second["token"]).await;
    assert_eq!(both.as_array().unwrap().len(), 2);

    for nonsense in [json!("nonsense"), json!(7), json!({ "partition": 1 })] {
        let status = town.status_after(dsl, SOURCES, variables.clone(), &nonsense).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{nonsense}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn input_that_does_not_parse_names_its_field_and_nothing_is_recorded() {
    let town = Town::start().await;
    let ash = town.records.school(100_001).await;
    let (dsl, school) = (HeldRole::dsl(ash), json!(ash));
    let blank = json!({ "schoolId": school, "name": " ", "vocabulary": "UT1" });
    let endless = "x".repeat(101);
    for (id, input, field) in [
        ("c-1", blank, "input.name"),
        ("", filter(&school), "commandId"),
        ("with blanks", filter(&school), "commandId"),
        (&endless, filter(&school), "commandId"),
    ] {
        let errors = town.errors_after(dsl, REGISTER, json!({ "id": id, "input": input }), &Value::Null).await;
        assert_eq!(errors[0]["extensions"]["code"], "BAD_REQUEST", "{errors}");
        assert_eq!(errors[0]["extensions"]["field"], field, "{errors}");
    }
    let recorded = sqlx::query_scalar!(r#"SELECT count(*) AS "n!" FROM log.event WHERE type = 'source-registered'"#);
    assert_eq!(recorded.fetch_one(&town.records.directory).await.unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_knows_who_commanded_by_a_name_of_our_own() {
    let town = Town::start().await;
    let ash = town.records.school(100_001).await;
    tell(&town, HeldRole::dsl(ash), REGISTER, "c-1", filter(&json!(ash))).await;
    let event = sqlx::query!("SELECT actor, command_id FROM log.event WHERE type = 'source-registered'");
    let event = event.fetch_one(&town.records.directory).await.unwrap();
    assert!(uuid::Uuid::try_parse(&event.command_id).is_ok(), "what the app chose is not kept: {}", event.command_id);
    assert!(event.actor.len() == 32 && event.actor.bytes().all(|byte| byte.is_ascii_hexdigit()), "{}", event.actor);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_cannot_be_found_is_no_answer_about_a_record() {
    let town = Town::start().await;
    let (stop, ash) = (CancellationToken::new(), town.records.school(100_001).await);
    // A gateway that was not told where the directory is: it asks its own internal listener, where nobody takes commands.
    let lost = Settings { roles: [Role::Gateway].into(), ..settings(&town.records.database, &town.issuer) };
    let lost = serve::start(lost, stop.clone()).await.unwrap();
    let _stopped = stop.drop_guard();
    let variables = json!({ "id": "c-1", "input": filter(&json!(ash)) });
    let request =
        town.client.post(format!("http://{}/graphql", lost.address)).bearer_auth(town.token(HeldRole::dsl(ash)));
    let answer = request.json(&json!({ "query": REGISTER, "variables": variables })).send().await.unwrap();
    let answer: Value = answer.json().await.unwrap();
    assert_eq!(answer["errors"][0]["extensions"]["code"], "UNAVAILABLE", "{answer}");
    assert!(answer["errors"][0]["message"].as_str().unwrap().contains("not carried out"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_been_begun_is_answered_before_a_process_stops() {
    let town = Town::start().await;
    let (stop, ash) = (CancellationToken::new(), town.records.school(100_001).await);
    let roles = [Role::Gateway, Role::Directory].into();
    // It seals nothing; where the roles are apart, the key store has another's key file.
    let process = Settings { roles, key_store: None, ..settings(&town.records.database, &town.issuer) };
    let process = serve::start(process, stop.clone()).await.unwrap();
    let url = format!("http://{}/graphql", process.address);
    let post = |body: Value| town.client.post(&url).bearer_auth(town.token(HeldRole::dsl(ash))).json(&body).send();

    // Nobody appends to the school's partition while its lock is held.
    let mut owner = PgConnection::connect_with(&town.records.database).await.unwrap();
    let partition = sqlx::query_scalar!("SELECT partition FROM log.home WHERE owner_id = $1", uuid::Uuid::from(ash));
    let partition = i32::from(partition.fetch_one(&mut owner).await.unwrap());
    sqlx::query!("SELECT pg_advisory_lock(1465009991, $1)", partition).fetch_one(&mut owner).await.unwrap();
    let two = "mutation($first: RegisterSourceInput!, $second: RegisterSourceInput!) {
        first: registerSource(commandId: \"c-1\", input: $first) { done { sourceId } }
        second: registerSource(commandId: \"c-2\", input: $second) { done { sourceId } } }";
    let second = json!({ "schoolId": ash, "name": "Second filter", "vocabulary": "GENERAL" });
    let variables = json!({ "first": filter(&json!(ash)), "second": second });
    let mutations = tokio::spawn(post(json!({ "query": two, "variables": variables })));
    let waiting = async {
        while sqlx::query_scalar!(
            r#"SELECT NOT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
                                    AND classid = 1465009991 AND objid::bigint = $1) AS "nobody!""#,
            i64::from(partition)
        )
        .fetch_one(&mut owner)
        .await
        .unwrap()
        {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(30), waiting).await.expect("the command waits for the lock");
    stop.cancel();
    sqlx::query!("SELECT pg_advisory_unlock(1465009991, $1)", partition).fetch_one(&mut owner).await.unwrap();
    let answer: Value = mutations.await.unwrap().unwrap().json().await.unwrap();
    for command in ["first", "second"] {
        assert!(answer["data"][command]["done"]["sourceId"].is_string(), "{answer}");
    }
    process.finished().await.unwrap();
}
