//! What the stories start from: two trusts, their schools, filters with keys, tokens for people, and every role running.

pub mod apart;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use access::{
    HeldRole, Subject,
    dev_issuer::DevIssuer,
    exchange::GatewaySecret,
    identity::{IssuerConfig, KeySource},
};
use chrono::{NaiveDate, TimeDelta};
use database::{Logins, Role, connect, scratch};
use directory::{
    DirectoryView, ProvisioningView,
    commands::{IssueKey, IssueScimKey, RegisterSource, RevokeScimKey},
    domain::workplace::Workplace,
    views,
};
use eventlog::{Owner, catch_up};
use reqwest::{Client, StatusCode};
use schema::{KeyId, SchoolId, TrustId, Urn, Vocabulary};
use serde_json::{Value, json};
use sqlx::{PgPool, postgres::PgConnectOptions};
use tokio_util::sync::{CancellationToken, DropGuard};
use uuid::Uuid;
use vault::{KeyFile, Secret};
use wardlog::serve::{self, KeyStore, Settings};
use web::{
    clock,
    command::{Means, Sent, carry_out},
};

use apart::Apart;

/// The issuer of tokens that state roles.
pub const ISSUER: &str = "https://town.invalid";
/// As whom [`Town::token`] logs in, whatever role it states.
pub const SOMEBODY: &str = "somebody";

/// The issuer of the schools' staff.
pub const STAFF: &str = "https://staff.invalid";

/// Two trusts with two schools each, and a school of no trust.
pub const REGISTER: &str = "urn,name,la,phase,type,status,trust_uid,trust_name,pupils\n\
    100001,Ash Primary,Leeds,Primary,Academy converter,Open,11,NORTH TRUST,200\n\
    100002,Beech School,Leeds,Secondary,Academy converter,Open,11,NORTH TRUST,1000\n\
    100003,Cedar Primary,Kent,Primary,Academy converter,Open,22,SOUTH TRUST,300\n\
    100004,Damson School,Kent,Secondary,Academy converter,Open,22,SOUTH TRUST,900\n\
    100005,Elm Primary,Kent,Primary,Community school,Open,,,150\n";

/// A database with the register imported.
pub struct Records {
    pub database: PgConnectOptions,
    pub directory: PgPool,
    pub projections: PgPool,
}

/// Everything, running.
pub struct Town {
    pub records: Records,
    pub issuer: DevIssuer,
    pub client: Client,
    gateway: SocketAddr,
    door: SocketAddr,
    scim: SocketAddr,
    running: Running,
}

/// How the roles run; dropping it ends them.
enum Running {
    /// All of them in this process.
    Together {
        #[expect(dead_code, reason = "what is dropped last ends the roles")]
        until_dropped: (serve::Running, DropGuard),
    },
    /// Each in a process of its own (`WARDLOG_STORIES=apart`).
    Apart(Apart),
}

impl Records {
    /// With nothing imported yet.
    pub async fn open(database: PgConnectOptions) -> Self {
        let directory = connect(&database, Role::Directory, 4).await.unwrap();
        let projections = connect(&database, Role::Projections, 4).await.unwrap();
        Self { database, directory, projections }
    }

    pub async fn import(database: PgConnectOptions, on: &str) -> Self {
        let records = Self::open(database).await;
        records.import_more(REGISTER, on).await;
        records
    }

    pub async fn import_more(&self, register: &str, on: &str) {
        self.import_by(register, on, &mut clock::random_id).await;
    }

    /// What is imported has these ids.
    pub async fn import_by(&self, register: &str, on: &str, ids: &mut impl FnMut() -> Uuid) {
        let (on, now): (NaiveDate, _) = (on.parse().unwrap(), clock::now());
        directory::import(&self.directory, &self.projections, register.as_bytes(), on, now, ids, |_| {}).await.unwrap();
    }

    pub async fn school(&self, urn: u32) -> SchoolId {
        let urn = Urn::try_from(urn).unwrap();
        views::school::holder(&mut self.directory.acquire().await.unwrap(), urn).await.unwrap().unwrap()
    }

    pub async fn trust(&self, uid: &str) -> TrustId {
        views::trust::by_uid(&mut self.directory.acquire().await.unwrap()).await.unwrap()[&uid.parse().unwrap()]
    }

    /// Registers a filter of the school; its key.
    pub async fn filter(&self, urn: u32) -> String {
        let school = self.school(urn).await;
        let (owner, sent, now) = (Owner::School(school), || Sent::here("story"), clock::now());
        let means = Means::without_keys(self.directory.clone());
        let filter = RegisterSource { school, name: "filter".parse().unwrap(), vocabulary: Vocabulary::General };
        let source = carry_out(&means, owner, filter, sent(), now).await.unwrap().answer;
        let issue = IssueKey { school, source };
        let key = carry_out(&means, owner, issue, sent(), now).await.unwrap().answer.key;
        catch_up(&self.projections, &DirectoryView).await.unwrap();
        key.unwrap()
    }

    /// Makes a school or trust a SCIM key; its id and itself.
    pub async fn scim_key(&self, at: Workplace) -> (KeyId, String) {
        let means = Means::without_keys(self.directory.clone());
        let issued = carry_out(&means, at.owner(), IssueScimKey { at }, Sent::here("story"), clock::now()).await;
        catch_up(&self.projections, &ProvisioningView).await.unwrap();
        let issued = issued.unwrap().answer;
        (issued.id, issued.key.unwrap())
    }

    /// Revokes it; the view learns of it in its own time.
    pub async fn revoke_scim_key(&self, at: Workplace, key: KeyId) {
        let means = Means::without_keys(self.directory.clone());
        let command = RevokeScimKey { at, key };
        carry_out(&means, at.owner(), command, Sent::here("story"), clock::now()).await.unwrap();
    }
}

impl Town {
    pub async fn start() -> Self {
        Self::start_on(Records::import(scratch::database().await, "2026-09-01").await).await
    }

    pub async fn start_on(records: Records) -> Self {
        let issuer = issuer();
        if std::env::var("WARDLOG_STORIES").is_ok_and(|shape| shape == "apart") {
            let apart = Apart::start(&records.database, &issuer, Vec::new()).await;
            return Self::of(records, issuer, apart);
        }
        let settings = settings(&records.database, &issuer);
        Self::together(records, issuer, settings).await
    }

    /// With keys of its own, and every role in this process.
    pub async fn start_with(records: Records, key_store: KeyStore) -> Self {
        let issuer = issuer();
        let settings = Settings { key_store: Some(key_store), ..settings(&records.database, &issuer) };
        Self::together(records, issuer, settings).await
    }

    async fn together(records: Records, issuer: DevIssuer, settings: Settings) -> Self {
        let stop = CancellationToken::new();
        let running = serve::start(settings, stop.clone()).await.unwrap();
        let address = running.address;
        let running = Running::Together { until_dropped: (running, stop.drop_guard()) };
        Self { records, issuer, client: client(), gateway: address, door: address, scim: address, running }
    }

    /// With each role in a process of its own, which somebody else has started.
    pub fn of(records: Records, issuer: DevIssuer, apart: Apart) -> Self {
        let (gateway, door, scim) = (apart.gateway, apart.door, apart.scim);
        Self { records, issuer, client: client(), gateway, door, scim, running: Running::Apart(apart) }
    }

    /// Ends the processes in an orderly way; where they logged.
    pub fn stop(&mut self) -> &Path {
        let Running::Apart(apart) = &mut self.running else { panic!("the roles are together") };
        apart.stop();
        &apart.directory
    }

    /// Where a process has its home.
    pub fn home_of(&self, role: &str) -> PathBuf {
        let Running::Apart(apart) = &self.running else { panic!("the roles are together") };
        apart.directory.join(role)
    }

    /// Where everything listens that is together.
    pub fn address(&self) -> SocketAddr {
        assert_eq!(self.gateway, self.door, "the roles are apart");
        self.gateway
    }

    /// An address at the gateway.
    pub fn gateway(&self, path: &str) -> String {
        format!("http://{}{path}", self.gateway)
    }

    /// An address at the door.
    pub fn door(&self, path: &str) -> String {
        format!("http://{}{path}", self.door)
    }

    /// An address where directories provision.
    pub fn scim(&self, path: &str) -> String {
        format!("http://{}/scim/v2{path}", self.scim)
    }

    pub fn token(&self, role: HeldRole) -> String {
        let subject: Subject = SOMEBODY.parse().unwrap();
        self.issuer.mint(&subject, role, clock::now(), TimeDelta::hours(1))
    }

    /// A token of one of the staff; what it claims beside counts for nothing.
    pub async fn staff_token(&self, subject: &str) -> String {
        let claimed = HeldRole::dsl(self.records.school(100_004).await);
        staff(&self.issuer).mint(&subject.parse().unwrap(), claimed, clock::now(), TimeDelta::hours(1))
    }

    /// The same of somebody who showed a second factor longer ago than it counts.
    pub async fn staff_token_of_yesterday(&self, subject: &str) -> String {
        let claimed = HeldRole::dsl(self.records.school(100_004).await);
        let yesterday = clock::now() - TimeDelta::hours(25);
        staff(&self.issuer).mint(&subject.parse().unwrap(), claimed, yesterday, TimeDelta::hours(26))
    }

    /// Asks as one of the staff, whatever the record lets them read; the data of an answer without errors.
    pub async fn ask_as(&self, subject: &str, query: &str, variables: Value, after: &Value) -> Value {
        self.ask_with(&self.staff_token(subject).await, query, variables, after).await
    }

    /// The same with a token.
    pub async fn ask_with(&self, token: &str, query: &str, variables: Value, after: &Value) -> Value {
        let body = json!({ "query": query, "variables": variables, "extensions": { "after": after } });
        let request = self.client.post(self.gateway("/graphql")).bearer_auth(token).json(&body);
        let answer = told(request.send().await.unwrap()).await;
        assert_eq!(answer.get("errors"), None, "{answer}");
        answer["data"].clone()
    }

    /// Asks; the bytes of the answer.
    pub async fn ask_bytes(&self, role: HeldRole, query: &str, variables: Value) -> Vec<u8> {
        let response = self.post(role, query, variables, &Value::Null).await;
        assert_eq!(response.status(), StatusCode::OK);
        response.bytes().await.unwrap().to_vec()
    }

    /// Asks; the data of an answer without errors.
    pub async fn ask(&self, role: HeldRole, query: &str, variables: Value) -> Value {
        self.ask_after(role, query, variables, &Value::Null).await
    }

    /// The same of what must show what a token stands for.
    pub async fn ask_after(&self, role: HeldRole, query: &str, variables: Value, token: &Value) -> Value {
        let answer = told(self.post(role, query, variables, token).await).await;
        assert_eq!(answer.get("errors"), None, "{answer}");
        answer["data"].clone()
    }

    /// Asks as one of several who hold the same role; the data of an answer without errors.
    pub async fn ask_by(&self, subject: &str, role: HeldRole, query: &str, variables: Value) -> Value {
        let token = self.issuer.mint(&subject.parse().unwrap(), role, clock::now(), TimeDelta::hours(1));
        let body = json!({ "query": query, "variables": variables });
        let request = self.client.post(self.gateway("/graphql")).bearer_auth(token).json(&body);
        let answer = told(request.send().await.unwrap()).await;
        assert_eq!(answer.get("errors"), None, "{answer}");
        answer["data"].clone()
    }

    /// The errors of an answer that has some.
    pub async fn errors_after(&self, role: HeldRole, query: &str, variables: Value, token: &Value) -> Value {
        let answer = told(self.post(role, query, variables, token).await).await;
        assert!(answer["errors"].is_array(), "{answer}");
        answer["errors"].clone()
    }

    /// The status of an answer.
    pub async fn status_after(&self, role: HeldRole, query: &str, variables: Value, token: &Value) -> StatusCode {
        self.post(role, query, variables, token).await.status()
    }

    async fn post(&self, role: HeldRole, query: &str, variables: Value, after: &Value) -> reqwest::Response {
        let request = self.client.post(self.gateway("/graphql")).bearer_auth(self.token(role));
        let body = json!({ "query": query, "variables": variables, "extensions": { "after": after } });
        request.json(&body).send().await.unwrap()
    }

    /// Sends events as one batch and waits until they are counted.
    pub async fn send(&self, key: &str, batch: &str, events: &[Value]) {
        let body = events.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
        let request = self.client.post(self.door("/v1/filter-events")).bearer_auth(key);
        let request = request.header("Idempotency-Key", batch).header("Content-Type", "application/x-ndjson");
        let answer = request.body(body).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::ACCEPTED);
        assert_eq!(answer.json::<Value>().await.unwrap()["accepted"], events.len());
        let counted = async {
            loop {
                let status = self.client.get(self.door(&format!("/v1/batches/{batch}"))).bearer_auth(key);
                let status: Value = status.send().await.unwrap().json().await.unwrap();
                if !status["counted"].is_null() {
                    return;
                }
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), counted).await.expect("counted within 30 s");
    }
}

/// What an answer says, or all of it if that is not JSON.
async fn told(response: reqwest::Response) -> Value {
    let (status, body) = (response.status(), response.text().await.unwrap());
    serde_json::from_str(&body).unwrap_or_else(|error| panic!("{status} {body:?}: {error}"))
}

/// Every role, each by a login of its own.
pub fn settings(database: &PgConnectOptions, issuer: &DevIssuer) -> Settings {
    Settings {
        database: Logins::of_their_own(database),
        listen: "127.0.0.1:0".parse().unwrap(),
        internal_listen: "127.0.0.1:0".parse().unwrap(),
        services: BTreeMap::new(),
        gateway_secret: Some(GatewaySecret::new([4; 32])),
        gateway_keys: None,
        key_store: Some(KeyStore {
            database: Logins::of_their_own(database),
            wrapping: wrapping_keys(database).into(),
        }),
        roles: BTreeSet::from(serve::Role::ALL),
        issuers: vec![issuer.config(), IssuerConfig { states_roles: false, ..staff(issuer).config() }],
        secret: Some(Secret::new([3; 32])),
        door_memory: 64 << 20,
    }
}

/// The wrapping keys of the key store in this database: another's of the same school would be older or newer than they.
pub fn wrapping_keys(database: &PgConnectOptions) -> Arc<KeyFile> {
    let name = format!("{}-{}.keys", std::process::id(), database.get_database().unwrap());
    Arc::new(KeyFile::open(&Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)).unwrap())
}

/// A development issuer, whose key is the same for every story.
pub fn issuer() -> DevIssuer {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("stories-issuer");
    DevIssuer::open(&directory, ISSUER.parse().unwrap(), "wardlog").unwrap()
}

/// The issuer of the schools' staff, with the same key: it says who they are, and the record what they may read.
fn staff(issuer: &DevIssuer) -> DevIssuer {
    let KeySource::File(keys) = issuer.config().jwks else { panic!("a development issuer keeps its keys in a file") };
    DevIssuer::open(keys.parent().unwrap(), STAFF.parse().unwrap(), "wardlog").unwrap()
}

/// A directory that nobody else uses.
pub fn temporary(purpose: &str) -> PathBuf {
    std::env::temp_dir().join(format!("wardlog-story-{purpose}-{}", clock::random_id()))
}

/// An event of now.
pub fn event(category: &str, action: &str) -> Value {
    json!({ "time": clock::now().to_rfc3339(), "action": action, "host": "a.example", "category": [category] })
}

/// The month that events of now lie in.
pub fn this_month() -> String {
    schema::Month::of(schema::london_day(clock::now())).to_string()
}

/// A client that has given up a connection before the server does, so that no request meets one which is just being closed.
fn client() -> Client {
    Client::builder().pool_idle_timeout(Duration::from_secs(1)).build().unwrap()
}
