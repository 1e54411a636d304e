//! A request whose body is long in coming, or that has much to do, is decided by what holds when it is done, and not by what
//! held when it began.

use access::HeldRole;
use directory::domain::workplace::Workplace;
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{
    people::a_dsl,
    town::{Town, event},
};

const RECORD: &str = "mutation($input: RecordPersonInput!) {
    first: recordPerson(commandId: \"p-1\", input: $input) { done { personId } refused { reason } }
    second: recordPerson(commandId: \"p-2\", input: $input) { done { personId } refused { reason } } }";
const VIEWER: &str = "{ viewer { roles { role } } }";

/// A request of which all but the last byte was sent.
struct Parked {
    connection: TcpStream,
    last: u8,
}

impl Parked {
    async fn park(url: &str, token: &str, headers: &str, body: &str) -> Self {
        let url = reqwest::Url::parse(url).unwrap();
        let address = (url.host_str().unwrap(), url.port().unwrap());
        let mut connection = TcpStream::connect(address).await.unwrap();
        let head = format!(
            "POST {} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n{headers}Content-Length: {}\r\n\r\n",
            url.path(),
            body.len()
        );
        let (last, rest) = body.as_bytes().split_last().unwrap();
        connection.write_all(&[head.as_bytes(), rest].concat()).await.unwrap();
        Self { connection, last: *last }
    }

    /// Sends the rest; the answer's status, and its body.
    async fn finish(mut self) -> (u16, String) {
        self.connection.write_all(&[self.last]).await.unwrap();
        let mut answer = String::new();
        self.connection.read_to_string(&mut answer).await.unwrap();
        let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
        (status, answer.split_once("\r\n\r\n").unwrap().1.to_owned())
    }
}

/// Asks until whoever logs in holds no role any more.
async fn until_out(town: &Town, subject: &str) {
    let out = async {
        while town.ask_as(subject, VIEWER, json!({}), &Value::Null).await["viewer"]["roles"] != json!([]) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(5), out).await.expect("a leaver is out within 5 s");
}

/// The view shows nobody's logins from now on.
async fn nobody_logs_in(town: &Town) {
    let mut owner = PgConnection::connect_with(&town.records.database).await.unwrap();
    sqlx::query!("DELETE FROM directory.person_login").execute(&mut owner).await.unwrap();
}

async fn something_waits_for_the_log(town: &Town) {
    let mut observer = PgConnection::connect_with(&town.records.database).await.unwrap();
    loop {
        let waits = sqlx::query_scalar!(
            r#"SELECT EXISTS (SELECT FROM pg_locks WHERE relation = 'log.event'::regclass AND NOT granted) AS "waits!""#
        );
        if waits.fetch_one(&mut observer).await.unwrap() {
            return;
        }
    }
}

/// A leaver is out everywhere within 5 s, with what they began before too.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_leaves_while_their_request_comes_is_answered_as_one_who_has_left() {
    let town = Town::start().await;
    let ash = town.records.school(100_001).await;
    a_dsl(&town, ash, "zoe").await;
    let input = json!({ "at": { "schoolId": ash }, "category": "EMPLOYEE", "name": "A Friend" });
    let read = "query($id: UUID!) { school(id: $id) { people { id } } }";
    let body = |query: &str, variables: Value| json!({ "query": query, "variables": variables }).to_string();
    let park = async |body: String| {
        let token = town.staff_token("zoe").await;
        Parked::park(&town.gateway("/graphql"), &token, "Content-Type: application/json\r\n", &body).await
    };
    let told = park(body(RECORD, json!({ "input": input }))).await;
    let asked = park(body(read, json!({ "id": ash }))).await;
    let in_time = park(body(read, json!({ "id": ash }))).await.finish().await.1;
    assert!(serde_json::from_str::<Value>(&in_time).unwrap()["data"]["school"]["people"].is_array(), "{in_time}");

    nobody_logs_in(&town).await;
    until_out(&town, "zoe").await;
    let (_, told) = told.finish().await;
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(told["data"]["first"]["refused"]["reason"], "NOT_FOUND", "{told}");
    let asked: Value = serde_json::from_str(&asked.finish().await.1).unwrap();
    assert_eq!(asked, json!({ "data": { "school": null } }));
}

/// What one document tells is decided for each mutation: the first of two waited until the caller's role was over.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_leaves_while_their_document_is_at_work_tells_no_more() {
    let town = Town::start().await;
    let ash = town.records.school(100_001).await;
    a_dsl(&town, ash, "zoe").await;
    let mut owner = PgConnection::connect_with(&town.records.database).await.unwrap();
    let mut waited_for = owner.begin().await.unwrap();
    sqlx::query!("LOCK TABLE log.event IN EXCLUSIVE MODE").execute(&mut *waited_for).await.unwrap();
    let input = json!({ "at": { "schoolId": ash }, "category": "EMPLOYEE", "name": "A Friend" });
    let told = town.ask_as("zoe", RECORD, json!({ "input": input }), &Value::Null);
    let leaves = async {
        something_waits_for_the_log(&town).await;
        nobody_logs_in(&town).await;
        until_out(&town, "zoe").await;
        waited_for.rollback().await.unwrap();
    };
    let (told, ()) = tokio::join!(told, leaves);
    assert!(told["first"]["done"]["personId"].is_string(), "{told}");
    assert_eq!(told["second"]["refused"]["reason"], "NOT_FOUND", "{told}");
}

/// What a directory says of many is decided for each: the first of two waited until the key was revoked.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_revoked_while_its_request_is_at_work_changes_no_more() {
    let town = Town::start().await;
    let ash = Workplace::School(town.records.school(100_001).await);
    let (_, key) = town.records.scim_key(ash).await;
    let ask = async |method: Method, path: &str, body: Value| {
        let request = town.client.request(method, town.scim(path)).bearer_auth(&key);
        request.header("Content-Type", "application/scim+json").body(body.to_string()).send().await.unwrap()
    };
    let mut members = Vec::new();
    for name in ["zoe", "yan"] {
        let user = json!({ "userName": format!("{name}@ash.example"), "active": true, "name": { "formatted": name } });
        let made: Value = ask(Method::POST, "/Users", user).await.json().await.unwrap();
        members.push(json!({ "value": made["id"] }));
    }
    let mut owner = PgConnection::connect_with(&town.records.database).await.unwrap();
    let mut waited_for = owner.begin().await.unwrap();
    sqlx::query!("LOCK TABLE log.event IN EXCLUSIVE MODE").execute(&mut *waited_for).await.unwrap();
    let put = ask(Method::PUT, "/Groups/dpo", json!({ "displayName": "dpo", "members": members }));
    let revoked = async {
        something_waits_for_the_log(&town).await;
        let mut other = PgConnection::connect_with(&town.records.database).await.unwrap();
        sqlx::query!("UPDATE directory.scim_key SET revoked_at = now()").execute(&mut other).await.unwrap();
        while ask(Method::GET, "/Schemas", Value::Null).await.status() != 401 {}
        waited_for.rollback().await.unwrap();
    };
    let (put, ()) = tokio::join!(put, revoked);
    assert_eq!(put.status(), 401);
    let given = sqlx::query_scalar!(r#"SELECT count(*) AS "given!" FROM log.event WHERE type = 'role-given'"#);
    assert_eq!(given.fetch_one(&mut owner).await.unwrap(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_revoked_while_a_request_comes_opens_nothing() {
    let town = Town::start().await;
    let ash = Workplace::School(town.records.school(100_001).await);
    let Workplace::School(school) = ash else { unreachable!() };
    let (id, scim) = town.records.scim_key(ash).await;
    let user = json!({ "userName": "zoe@ash.example", "name": { "formatted": "Zoe" } }).to_string();
    let kind = "Content-Type: application/scim+json\r\n";
    let made = Parked::park(&town.scim("/Users"), &scim, kind, &user).await;
    let filter = town.records.filter(100_001).await;
    let events = event("gambling", "blocked").to_string() + "\n";
    let kind = "Content-Type: application/x-ndjson\r\nIdempotency-Key: b-1\r\n";
    let sent = Parked::park(&town.door("/v1/filter-events"), &filter, kind, &events).await;

    town.records.revoke_scim_key(ash, id).await;
    let query = "query($id: UUID!) { school(id: $id) { sources { id keys { id } } } }";
    let dsl = HeldRole::dsl(school);
    let seen = town.ask(dsl, query, json!({ "id": school })).await["school"]["sources"][0].clone();
    let revoke =
        "mutation($input: RevokeIngestKeyInput!) { revokeIngestKey(commandId: \"r-1\", input: $input) { token } }";
    let input = json!({ "schoolId": school, "sourceId": seen["id"], "keyId": seen["keys"][0]["id"] });
    town.ask(dsl, revoke, json!({ "input": input })).await;
    let refused = async {
        let get = async |url: String, key: &str| town.client.get(url).bearer_auth(key).send().await.unwrap().status();
        while get(town.scim("/Users"), &scim).await != 401 || get(town.door("/v1/batches/b-0"), &filter).await != 401 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(10), refused).await.expect("refused within 5 s");
    assert_eq!(made.finish().await.0, 401);
    assert_eq!(sent.finish().await.0, 401);
}
