//! Clients that go away at any moment leave nothing behind: no open transaction, no tenant's setting.

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc, time::Duration};

use access::{Exchange, HeldRole, Roles, Verifier, exchange::GatewaySecret, tenant::Readers};
use actix_web::{App, HttpServer};
use database::{Role, connect, scratch};
use eventlog::{Wake, telemetry::Writer};
use filtering::{Pipeline, Sink, http::Door};
use rand::RngExt;
use schema::SchoolId;
use sqlx::{Connection, PgConnection, PgPool};
use tokio::{io::AsyncWriteExt, net::TcpStream};
use vault::{Secret, Vault};
use web::{
    clock,
    command::{Client, client::Services},
    read_token::ReadTokens,
};

use crate::town::{Records, event, issuer, wrapping_keys};

/// How many requests; `WARDLOG_CUTS` asks for more (`make prove`).
const REQUESTS: usize = 1_000;

/// The door and the gateway, each over a pool of one connection.
struct House {
    address: SocketAddr,
    door: PgPool,
    gateway: PgPool,
}

impl House {
    async fn open(records: &Records, verifier: Verifier) -> Self {
        let door = connect(&records.database, Role::Filtering, 1).await.unwrap();
        let gateway = connect(&records.database, Role::Gateway, 1).await.unwrap();
        let sink = Sink::Log(Writer::start(&door, 1, &Wake::default()));
        let key_store = connect(&records.database, Role::Filtering, 1).await.unwrap();
        let vault = Vault::open("filtering", key_store, wrapping_keys(&records.database)).await.unwrap();
        let pipeline = Pipeline::new(Secret::new([1; 32]), door.clone(), vault, sink);
        let (opened, schema) = (
            Door::new(door.clone(), pipeline, 64 << 20),
            gateway::schema::build(Readers::new(gateway.clone(), gateway.clone()), client()),
        );
        let roles = Roles::new(gateway.clone(), exchange());
        let server = HttpServer::new(move || {
            let (door, schema, verifier, roles) = (opened.clone(), schema.clone(), verifier.clone(), roles.clone());
            App::new().configure(|cfg| {
                filtering::http::routes(cfg, door);
                gateway::http::routes(cfg, schema, verifier, roles, tokens());
            })
        })
        .workers(2)
        .bind(("127.0.0.1", 0))
        .unwrap();
        let address = server.addrs()[0];
        tokio::spawn(server.run());
        Self { address, door, gateway }
    }
}

fn exchange() -> Arc<Exchange> {
    Arc::new(Exchange::new(&GatewaySecret::new([4; 32])).unwrap())
}

/// What nobody sends a command by here.
fn client() -> Client {
    let nowhere = Services { default: "http://127.0.0.1:1".parse().unwrap(), elsewhere: BTreeMap::new() };
    Client::new(exchange(), tokens(), nowhere).unwrap()
}

fn tokens() -> ReadTokens {
    ReadTokens::new(&GatewaySecret::new([4; 32])).unwrap()
}

fn http(path: &str, token: &str, kind: &str, extra: &str, body: &str) -> Vec<u8> {
    format!(
        "POST {path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\nContent-Type: {kind}\r\n{extra}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// Sends some or all of a request, waits for a moment, and goes away.
async fn cut_short(address: SocketAddr, request: &[u8]) {
    let (sent, moment) = {
        let mut random = rand::rng();
        let all = random.random_ratio(3, 4);
        (if all { request.len() } else { random.random_range(0..request.len()) }, random.random_range(0..4_000))
    };
    let mut connection = TcpStream::connect(address).await.unwrap();
    connection.write_all(&request[..sent]).await.unwrap();
    // The moment of going away is what is random here; nothing is waited for.
    tokio::time::sleep(Duration::from_micros(moment)).await;
    // Zero linger: the server sees a reset, at once.
    connection.set_zero_linger().unwrap();
    drop(connection);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_requests_cut_short_leave_no_open_transaction_and_no_tenants_setting() {
    let records = Records::import(scratch::database().await, "2026-09-01").await;
    let key = records.filter(100_001).await;
    let issuer = issuer();
    let verifier = Verifier::new(vec![issuer.config()]).unwrap();
    let house = House::open(&records, verifier).await;
    let school: SchoolId = records.school(100_001).await;
    let subject = "somebody".parse().unwrap();
    let token = issuer.mint(&subject, HeldRole::dsl(school), clock::now(), chrono::TimeDelta::hours(1));
    let query = format!(
        r#"{{"query": "{{ school(id: \"{school}\") {{ name days(from: \"2026-11-01\", to: \"2026-11-30\") {{ day requests }} month(month: \"2026-11\") {{ requests }} }} }}"}}"#
    );
    let requests = Arc::new(move |n: usize| {
        if n.is_multiple_of(2) {
            http("/graphql", &token, "application/json", "", &query)
        } else {
            let mut one = event("gambling", "blocked");
            one["user"] = format!("user-{n}").into();
            let extra = format!("Idempotency-Key: b-{n}\r\n");
            http("/v1/filter-events", &key, "application/x-ndjson", &extra, &one.to_string())
        }
    });
    let cuts = std::env::var("WARDLOG_CUTS").ok().and_then(|cuts| cuts.parse().ok()).unwrap_or(REQUESTS);
    let mut clients = tokio::task::JoinSet::new();
    for lane in 0..8 {
        let (requests, address) = (Arc::clone(&requests), house.address);
        clients.spawn(async move {
            for n in (lane..cuts).step_by(8) {
                cut_short(address, &requests(n)).await;
            }
        });
    }
    clients.join_all().await;

    // The one connection of each pool is had again, idle, in no transaction, and as nobody's tenant.
    let mut observer = PgConnection::connect_with(&records.database).await.unwrap();
    for pool in [&house.door, &house.gateway] {
        let mut connection = pool.acquire().await.expect("the one connection comes back");
        let left = sqlx::query!(
            r#"SELECT pg_backend_pid() AS "pid!",
                      concat(current_setting('wardlog.trusts', true), current_setting('wardlog.schools', true),
                             current_setting('wardlog.reviewed_schools', true), current_setting('wardlog.filters', true),
                             current_setting('wardlog.people', true)) AS "settings!",
                      current_setting('transaction_read_only') AS "read_only!""#
        )
        .fetch_one(&mut *connection)
        .await
        .unwrap();
        assert_eq!((left.settings.as_str(), left.read_only.as_str()), ("", "off"));
        let state = sqlx::query!(
            r#"SELECT state AS "state!", xact_start IS NULL AS "outside!" FROM pg_stat_activity WHERE pid = $1"#,
            left.pid
        )
        .fetch_one(&mut observer)
        .await
        .unwrap();
        assert_eq!((state.state.as_str(), state.outside), ("idle", true));
    }
}
