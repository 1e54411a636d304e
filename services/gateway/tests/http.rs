//! The edge over real HTTP, around a small schema.

#![expect(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

use std::{net::TcpListener, path::Path, sync::Arc};

use access::{Caller, Exchange, HeldRole, HeldRoles, Roles, Verifier, dev_issuer::DevIssuer, exchange::GatewaySecret};
use actix_web::{App, HttpServer, middleware::from_fn};
use async_graphql::{Context, EmptyMutation, EmptySubscription, Object, Schema};
use chrono::TimeDelta;
use reqwest::{
    Client, Method, RequestBuilder, Response,
    header::{ACCEPT, ALLOW, AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, WWW_AUTHENTICATE},
};
use serde_json::{Value, json};
use sqlx::PgPool;
use web::{clock, problem, read_token::ReadTokens};

const NEWER: &str = "application/graphql-response+json";
const OLDER: &str = "application/json";
const SCHOOL: &str = "0190a000-0000-7000-8000-000000000002";

struct Query;

#[Object]
#[expect(clippy::unused_async, reason = "the macro takes async functions")]
impl Query {
    /// The role that the token gave.
    async fn role(&self, context: &Context<'_>) -> async_graphql::Result<String> {
        Ok(format!("{:?}", context.data::<Caller>()?.roles))
    }

    async fn double(&self, number: i32) -> i32 {
        number * 2
    }

    async fn failing(&self) -> async_graphql::Result<Option<i32>> {
        Err("a field failed".into())
    }

    async fn failing_wholly(&self) -> async_graphql::Result<i32> {
        Err("a field that cannot be null failed".into())
    }

    async fn again(&self) -> Self {
        Self
    }

    async fn perhaps(&self) -> Option<Self> {
        Some(Self)
    }

    async fn several(&self) -> Vec<Option<Self>> {
        vec![Some(Self), None]
    }

    /// Done after whatever is asked for beside it.
    async fn later(&self) -> i32 {
        tokio::task::yield_now().await;
        1
    }

    async fn failing_later(&self) -> async_graphql::Result<Option<i32>> {
        tokio::task::yield_now().await;
        Err("a field failed later".into())
    }
}

struct Edge {
    client: Client,
    url: String,
    issuer: DevIssuer,
}

impl Edge {
    fn start() -> Self {
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("gateway-http");
        let issuer = DevIssuer::open(&directory, "https://dev.example".parse().unwrap(), "wardlog").unwrap();
        let verifier = Verifier::new(vec![issuer.config()]).unwrap();
        let schema =
            Schema::build(Query, EmptyMutation, EmptySubscription).limit_depth(15).limit_complexity(500).finish();
        // The issuer says what its bearers may read, so nobody asks the record.
        let nowhere = PgPool::connect_lazy("postgres://nowhere.invalid/").unwrap();
        let roles = Roles::new(nowhere, Arc::new(Exchange::new(&GatewaySecret::new([1; 32])).unwrap()));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/graphql", listener.local_addr().unwrap());
        let server = HttpServer::new(move || {
            let (schema, verifier, roles) = (schema.clone(), verifier.clone(), roles.clone());
            App::new()
                .wrap(from_fn(problem::complete))
                .configure(|cfg| gateway::http::routes(cfg, schema, verifier, roles, tokens()))
        });
        tokio::spawn(server.workers(1).disable_signals().listen(listener).unwrap().run());
        Self { client: Client::new(), url, issuer }
    }

    fn token(&self, lifetime: TimeDelta) -> String {
        let role = HeldRole::dsl(SCHOOL.parse().unwrap());
        self.issuer.mint(&"u-1".parse().unwrap(), role, clock::now(), lifetime)
    }

    /// A request with a good token and nothing else.
    fn request(&self, method: Method) -> RequestBuilder {
        let bearer = format!("Bearer {}", self.token(TimeDelta::minutes(5)));
        self.client.request(method, &self.url).header(AUTHORIZATION, bearer)
    }

    async fn post(&self, accept: &str, body: impl Into<reqwest::Body>) -> (u16, String, Value) {
        let request = self.request(Method::POST).header(CONTENT_TYPE, "application/json").header(ACCEPT, accept);
        read(request.body(body).send().await.unwrap()).await
    }

    async fn query(&self, accept: &str, body: Value) -> (u16, String, Value) {
        self.post(accept, body.to_string()).await
    }
}

fn tokens() -> ReadTokens {
    ReadTokens::new(&GatewaySecret::new([9; 32])).unwrap()
}

async fn read(response: Response) -> (u16, String, Value) {
    let kind = response.headers()[CONTENT_TYPE].to_str().unwrap().to_owned();
    (response.status().as_u16(), kind, response.json().await.unwrap())
}

#[tokio::test]
async fn a_query_is_answered_in_the_media_type_that_the_client_accepts() {
    let edge = Edge::start();
    for (accept, kind) in [(NEWER, NEWER), (OLDER, OLDER), ("*/*", NEWER)] {
        let answer = edge.query(accept, json!({ "query": "{ double(number: 21) }" })).await;
        assert_eq!(answer, (200, format!("{kind}; charset=utf-8"), json!({ "data": { "double": 42 } })));
    }
    let (status, kind, _) = edge.query("text/html", json!({ "query": "{ double(number: 21) }" })).await;
    assert_eq!((status, kind.as_str()), (406, "application/problem+json"));
}

#[tokio::test]
async fn a_resolver_knows_the_caller() {
    let edge = Edge::start();
    let (_, _, body) = edge.query(NEWER, json!({ "query": "{ role }" })).await;
    let expected = format!("{:?}", HeldRoles::from(HeldRole::dsl(SCHOOL.parse().unwrap())));
    assert_eq!(body["data"]["role"], json!(expected));
}

#[tokio::test]
async fn without_a_valid_token_every_request_gets_the_same_401() {
    let edge = Edge::start();
    let expired = format!("Bearer {}", edge.token(TimeDelta::minutes(-5)));
    let wrong = ["", "Bearer", "Bearer x.y.z", "Basic dTpw", expired.as_str()];
    let mut answers = Vec::new();
    for authorization in wrong {
        let request =
            edge.client.post(&edge.url).header(CONTENT_TYPE, "application/json").body(r#"{"query":"{ role }"}"#);
        let request = if authorization.is_empty() { request } else { request.header(AUTHORIZATION, authorization) };
        let response = request.send().await.unwrap();
        assert_eq!(response.headers()[WWW_AUTHENTICATE], "Bearer");
        answers.push(read(response).await);
    }
    assert_eq!((answers[0].0, answers[0].1.as_str()), (401, "application/problem+json"));
    assert_eq!(answers[0].2["type"], "/problems/unauthenticated");
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
}

#[tokio::test]
async fn only_post_is_allowed() {
    let edge = Edge::start();
    for method in [Method::GET, Method::PUT, Method::DELETE] {
        let response = edge.request(method).send().await.unwrap();
        assert_eq!(response.headers()[ALLOW], "POST");
        assert_eq!(read(response).await.0, 405);
    }
}

#[tokio::test]
async fn only_plain_json_in_utf_8_is_read() {
    let edge = Edge::start();
    let body = r#"{"query":"{ double(number: 1) }"}"#;
    for (kind, status) in [
        (Some("application/json"), 200),
        (Some("application/json; charset=utf-8"), 200),
        (Some("Application/JSON;charset=\"UTF-8\""), 200),
        (Some("application/json; charset=utf-16"), 415),
        (Some("application/graphql"), 415),
        (Some("text/plain"), 415),
        (Some("multipart/form-data; boundary=x"), 415),
        (Some("nonsense"), 415),
        (None, 415),
    ] {
        let request = edge.request(Method::POST).body(body);
        let request = if let Some(kind) = kind { request.header(CONTENT_TYPE, kind) } else { request };
        assert_eq!(request.send().await.unwrap().status(), status, "{kind:?}");
    }
    let packed = edge.request(Method::POST).header(CONTENT_TYPE, "application/json").header(CONTENT_ENCODING, "gzip");
    assert_eq!(packed.body(body).send().await.unwrap().status(), 415);
}

#[tokio::test]
async fn a_body_of_256_kib_is_read_and_one_byte_more_is_not() {
    let edge = Edge::start();
    let head = r#"{"query":"{ double(number: 1) }","#;
    let padded = |length: usize| format!("{head}{}}}", " ".repeat(length - head.len() - 6) + r#""x":1"#);
    let limit = gateway::http::MAX_BODY_BYTES;
    assert_eq!(padded(limit).len(), limit);
    assert_eq!(edge.post(NEWER, padded(limit)).await.0, 200);
    let (status, kind, body) = edge.post(NEWER, padded(limit + 1)).await;
    assert_eq!((status, kind.as_str()), (413, "application/problem+json"));
    assert_eq!(body["type"], "/problems/payload-too-large");
}

#[tokio::test]
async fn a_body_that_does_not_say_its_length_is_cut_off_at_the_limit() {
    let edge = Edge::start();
    let host = edge.url.trim_start_matches("http://").trim_end_matches("/graphql").to_owned();
    let head = format!(
        "POST /graphql HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\n\
         transfer-encoding: chunked\r\n\r\n",
        edge.token(TimeDelta::minutes(5))
    );
    let answer = tokio::task::spawn_blocking(move || {
        use std::io::{Read, Write};
        let mut stream = std::net::TcpStream::connect(host).unwrap();
        stream.write_all(head.as_bytes()).unwrap();
        let chunk = format!("10000\r\n{}\r\n", " ".repeat(0x10000));
        // Five chunks of 64 KiB are more than the limit, and the body never ends; the server may hang up on the way.
        let _ = (0..5).try_for_each(|_| stream.write_all(chunk.as_bytes()));
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).unwrap();
        answer
    });
    assert_eq!(&answer.await.unwrap(), b"HTTP/1.1 413");
}

#[tokio::test]
async fn a_body_that_is_not_one_well_formed_request_is_400() {
    let edge = Edge::start();
    let deep = format!(r#"{{"query":"{{ role }}","variables":{}{}}}"#, "[".repeat(1000), "]".repeat(1000));
    for body in [
        "",
        "NONSENSE",
        r#"{"query":"#,
        "[]",
        r#"[{"query":"{ role }"}]"#,
        r#"["{ role }"]"#,
        r#""{ role }""#,
        "{}",
        r#"{"qeury":"{ role }"}"#,
        r#"{"query":null}"#,
        r#"{"query":7}"#,
        r#"{"query":["{ role }"]}"#,
        r#"{"query":"{ role }","operationName":7}"#,
        r#"{"query":"{ role }","operationName":{}}"#,
        r#"{"query":"{ role }","variables":[7]}"#,
        r#"{"query":"{ role }","variables":"{}"}"#,
        r#"{"query":"{ role }","extensions":[]}"#,
        r#"{"query":"{ role }","extensions":"x"}"#,
        deep.as_str(),
    ] {
        for accept in [NEWER, OLDER] {
            let (status, kind, answer) = edge.post(accept, body.to_owned()).await;
            assert_eq!((status, kind.as_str()), (400, "application/problem+json"), "{body}");
            assert_eq!(answer["type"], "/problems/bad-request");
        }
    }
}

#[tokio::test]
async fn the_operation_is_chosen_by_name_and_given_its_variables() {
    let edge = Edge::start();
    let two = "query A { double(number: 1) } query B($n: Int!) { double(number: $n) }";
    for (body, expected) in [
        (json!({ "query": two, "operationName": "A" }), 2),
        (json!({ "query": two, "operationName": "B", "variables": { "n": 4 } }), 8),
        (json!({ "query": "{ double(number: 3) }", "operationName": null, "variables": null, "extensions": null }), 6),
        (json!({ "query": "{ double(number: 3) }", "extensions": { "a": [1] }, "unknown": true }), 6),
    ] {
        let (status, _, answer) = edge.query(NEWER, body).await;
        assert_eq!((status, &answer["data"]["double"]), (200, &json!(expected)));
    }
}

#[tokio::test]
async fn a_request_that_is_not_executed_is_400_in_the_newer_type_200_in_the_older_and_has_no_data() {
    let edge = Edge::start();
    let deep = format!("{}role{}", "{ again ".repeat(15) + "{ ", " }".repeat(16));
    let wide = format!("{{ {} }}", (0..501).map(|n| format!("a{n}: role")).collect::<Vec<_>>().join(" "));
    let two = "query A { role } query B { role }";
    for body in [
        json!({ "query": "{" }),
        json!({ "query": "" }),
        json!({ "query": "{ nothing }" }),
        json!({ "query": "{ double }" }),
        json!({ "query": "mutation { x }" }),
        json!({ "query": two }),
        json!({ "query": two, "operationName": "C" }),
        json!({ "query": "query($n: Int!) { double(number: $n) }" }),
        json!({ "query": "query($n: Int!) { double(number: $n) }", "variables": { "n": "four" } }),
        json!({ "query": "query($n: Int!) { double(number: $n) }", "variables": { "n": null } }),
        json!({ "query": deep }),
        json!({ "query": wide }),
    ] {
        let (status, kind, newer) = edge.query(NEWER, body.clone()).await;
        assert_eq!((status, kind), (400, format!("{NEWER}; charset=utf-8")), "{body} {newer}");
        let (status, kind, older) = edge.query(OLDER, body.clone()).await;
        assert_eq!((status, kind), (200, format!("{OLDER}; charset=utf-8")), "{body}");
        for answer in [newer, older] {
            assert!(answer.get("data").is_none(), "{body}");
            assert_eq!(answer["errors"][0]["extensions"]["code"], "BAD_REQUEST", "{body}");
        }
    }
}

#[tokio::test]
async fn an_executed_request_is_200_whatever_its_fields_say() {
    let edge = Edge::start();
    for accept in [NEWER, OLDER] {
        let (status, _, part) = edge.query(accept, json!({ "query": "{ failing double(number: 1) }" })).await;
        assert_eq!((status, &part["data"]["double"], &part["data"]["failing"]), (200, &json!(2), &Value::Null));
        assert_eq!(part["errors"][0]["path"], json!(["failing"]));
        let (status, _, none) = edge.query(accept, json!({ "query": "{ failingWholly }" })).await;
        assert_eq!((status, none.get("data")), (200, Some(&Value::Null)));
    }
}

/// As schema explorers ask: seven `ofType` below a type, 13 fields deep.
const INTROSPECTION: &str = "
    query IntrospectionQuery {
      __schema {
        queryType { name } mutationType { name } subscriptionType { name }
        types {
          kind name description
          fields(includeDeprecated: true) {
            name description args { ...Input } type { ...Ref } isDeprecated deprecationReason
          }
          inputFields { ...Input } interfaces { ...Ref }
          enumValues(includeDeprecated: true) { name description isDeprecated deprecationReason }
          possibleTypes { ...Ref }
        }
        directives { name description locations args { ...Input } }
      }
    }
    fragment Input on __InputValue { name description type { ...Ref } defaultValue }
    fragment Ref on __Type {
      kind name ofType { kind name ofType { kind name ofType { kind name ofType {
      kind name ofType { kind name ofType { kind name ofType { kind name } } } } } } }
    }";

/// GraphQL, section 7.2.2. Any other order would tell which took longer.
#[tokio::test]
async fn the_fields_and_errors_of_an_answer_are_in_the_order_of_the_document() {
    let query = "{ failingLater failing again { ...both ... { two: double(number: 1) } } later double(number: 3)
                   again { again { later double(number: 4) } } }
                 fragment both on Query { later double(number: 2) }";
    let body = json!({ "query": query }).to_string();
    let edge = Edge::start();
    let request = edge.request(Method::POST).header(CONTENT_TYPE, OLDER).header(ACCEPT, NEWER).body(body);
    let answer = request.send().await.unwrap().text().await.unwrap();
    let data = r#"{"data":{"failingLater":null,"failing":null,"again":{"later":1,"double":4,"two":2,"again":{"later":1,"double":8}},"later":1,"double":6},"#;
    assert!(answer.starts_with(data), "{answer}");
    let [later, failed] = ["a field failed later", "a field failed\""].map(|message| answer.find(message).unwrap());
    assert!(later < failed, "{answer}");
}

/// GraphQL, section 6.4.4.
#[tokio::test]
async fn what_failed_is_null_or_the_nearest_around_it_that_may_be() {
    let edge = Edge::start();
    for (query, data) in [
        ("{ a: failing skipped: failing @skip(if: true) double(number: 1) }", r#"{"a":null,"double":2}"#),
        ("{ perhaps { again { failingWholly } } double(number: 1) }", r#"{"perhaps":null,"double":2}"#),
        ("{ several { double(number: 1) again { failingWholly } } }", r#"{"several":[null,null]}"#),
        ("{ several { double(number: 1) failing } }", r#"{"several":[{"double":2,"failing":null},null]}"#),
        ("{ again { again { failingWholly } } double(number: 1) }", "null"),
        ("{ failing }", r#"{"failing":null}"#),
        ("{ again { failing } double(number: 1) }", r#"{"again":{"failing":null},"double":2}"#),
        ("{ perhaps { failing again { failing } } }", r#"{"perhaps":{"failing":null,"again":{"failing":null}}}"#),
        ("{ several { failing } }", r#"{"several":[{"failing":null},null]}"#),
        ("{ again { a: double(number: 1) @include(if: false) } failing }", r#"{"again":{},"failing":null}"#),
        ("query($a: Boolean = true) { double(number: 1) @skip(if: $a) failing }", r#"{"failing":null}"#),
        (
            "{ perhaps { __typename perhaps { __typename failingWholly } } }",
            r#"{"perhaps":{"__typename":"Query","perhaps":null}}"#,
        ),
    ] {
        let body = json!({ "query": query }).to_string();
        let request = edge.request(Method::POST).header(CONTENT_TYPE, OLDER).header(ACCEPT, NEWER).body(body);
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 200);
        let answer = answer.text().await.unwrap();
        assert!(answer.starts_with(&format!("{{\"data\":{data},\"errors\":[")), "{query}: {answer}");
    }
}

#[tokio::test]
async fn what_is_skipped_is_left_out_and_leaves_an_object_behind() {
    let edge = Edge::start();
    for (query, data) in [
        ("{ double(number: 1) @skip(if: true) }", json!({})),
        ("{ again { double(number: 1) @include(if: false) } }", json!({ "again": {} })),
        (
            "query($a: Boolean = false) { double(number: 1) @include(if: $a) again { __typename @skip(if: $a) } }",
            json!({ "again": { "__typename": "Query" } }),
        ),
        ("{ perhaps { double(number: 1) @skip(if: true) } }", json!({ "perhaps": {} })),
        ("{ again { later @skip(if: true) } again { double(number: 3) } }", json!({ "again": { "double": 6 } })),
        (
            "{ again { ...twice ...twice ... @skip(if: true) { later } } } fragment twice on Query { double(number: 1) }",
            json!({ "again": { "double": 2 } }),
        ),
    ] {
        let (status, _, answer) = edge.query(NEWER, json!({ "query": query })).await;
        assert_eq!((status, &answer), (200, &json!({ "data": data })), "{query}");
    }
}

/// Each of these is small, and some ask for more than there are atoms.
#[tokio::test]
async fn how_much_a_document_asks_for_is_counted_before_it_is_looked_at() {
    let edge = Edge::start();
    let nested = |most: usize, last: &str| {
        let each = (0..most).map(|n| format!("fragment f{n} on Query {{ ...f{0} ...f{0} }} ", n + 1));
        let each = each.collect::<Vec<_>>().join(" ");
        format!("{{ ...f0 }} {each} fragment f{most} on Query {{ {last} }}")
    };
    // Nothing spreads the first of them.
    let chain = |long: usize| {
        let each = (0..long).map(|n| format!("fragment f{n} on Query {{ ...f{} }} ", (n + 1) % long));
        format!("{{ later }} {}", each.collect::<Vec<_>>().join(" "))
    };
    let wide =
        |many: usize| format!("{{ {} }}", (0..many).map(|n| format!("a{n}: __typename")).collect::<Vec<_>>().join(" "));
    let values = |many: usize| format!("{{ double(number: [{}]) }}", "1 ".repeat(many));
    let too_much = "expected at most 1000 fields and fragments, those of a fragment counted wherever it is spread";
    let too_long = "expected a document of at most 10000 words, digits and signs";
    // The parser takes what is not closed for an empty text, and goes on.
    let hidden = format!("query($x: [String] = [\"\"\"x\"]) {}", chain(6_000));
    let within_itself = "{ again { ...f } } fragment f on Query { again { ...f } }".to_owned();
    for (query, refused) in [
        (nested(60, "later"), too_much),
        (nested(30, "...f0"), too_much),
        (nested(60, "__typename"), too_much),
        (wide(1_001), too_much),
        (chain(6_000), too_long),
        (hidden, too_long),
        (within_itself, too_much),
        (values(10_000), too_long),
        (format!("{{ double(number: [{}]) }}", "0".repeat(10_000)), too_long),
        (format!("{{ double(number: [{}]) }}", "null".repeat(10_000)), too_long),
    ] {
        let (status, _, answer) = edge.query(NEWER, json!({ "query": query })).await;
        let messages: Vec<_> = answer["errors"].as_array().unwrap().iter().map(|error| &error["message"]).collect();
        assert_eq!((status, messages), (400, vec![&json!(refused)]));
    }
    let copied = format!("query($a: [Int]) {{ double(number: [{}]) }}", "$a ".repeat(100));
    let variables = json!({ "a": vec![0; 20_000] });
    let (status, _, answer) = edge.query(NEWER, json!({ "query": copied, "variables": variables })).await;
    let refused = "expected variables whose bytes, as often as the document names one, are at most 2000000";
    assert_eq!((status, &answer["errors"][0]["message"]), (400, &json!(refused)));
    // As long as it may be, and refused for what it is.
    let (status, _, answer) = edge.query(NEWER, json!({ "query": chain(700) })).await;
    assert_eq!((status, &answer["data"]), (400, &Value::Null), "{answer}");
    let (status, _, answer) = edge.query(NEWER, json!({ "query": wide(1_000) })).await;
    assert_eq!(status, 200, "{answer}");
}

/// GraphQL, section 5.3.2: else the answer would tell which of them was done first.
#[tokio::test]
async fn two_fields_of_one_key_are_the_same() {
    let edge = Edge::start();
    for query in [
        "{ a: later a: double(number: 1) }",
        "{ a: double(number: 1) a: double(number: 2) }",
        "{ again { a: later } again { a: double(number: 1) } }",
        "{ ...one ...other } fragment one on Query { again { a: later } } fragment other on Query { again { a: double(number: 1) } }",
        "{ again { a: later } ... @include(if: false) { again { a: double(number: 1) } } }",
    ] {
        let (status, _, answer) = edge.query(NEWER, json!({ "query": query })).await;
        assert_eq!((status, answer["errors"].as_array().unwrap().len()), (400, 1), "{query}: {answer}");
    }
    let query = "{ again { a: double(number: 1) later } again { a: double(number: 1) b: double(number: 2) } }";
    let (_, _, answer) = edge.query(NEWER, json!({ "query": query })).await;
    assert_eq!(answer, json!({ "data": { "again": { "a": 2, "later": 1, "b": 4 } } }));
}

#[tokio::test]
async fn the_schema_can_be_asked_for() {
    let edge = Edge::start();
    let (status, _, answer) = edge.query(NEWER, json!({ "query": INTROSPECTION })).await;
    assert_eq!((status, &answer["data"]["__schema"]["queryType"]["name"]), (200, &json!("Query")), "{answer}");
}
