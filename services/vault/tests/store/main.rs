//! The key store against a real PostgreSQL: keys are durable, each context's own, and gone when they are destroyed.

#![expect(clippy::unwrap_used, reason = "a test that cannot do what it is about has failed")]

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use database::{Role, connect, scratch};
use reqwest::Method;
use schema::{DataKeyId, Sealed};
use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, PgPool, postgres::PgConnectOptions};
use tokio::task::JoinSet;
use uuid::Uuid;
use vault::{
    DataKey, Found, GivenUp, KeyFile, Place, Transit, TransitSettings, Unopened, Vault, VaultError, Wrapping,
    scratch::Server,
};

const SCHOOL: Uuid = Uuid::from_u128(0xb001);

/// A key store and wrapping keys of its own.
struct Home {
    options: PgConnectOptions,
    pool: PgPool,
    wrapping: Keeper,
    vault: Vault,
}

/// Who keeps the wrapping keys.
enum Keeper {
    File(PathBuf),
    Transit(TransitSettings),
}

impl Home {
    /// One for each keeper there is.
    async fn all() -> [Self; 2] {
        [Self::with_file().await, Self::new(Keeper::Transit(Server::shared().await.engine().await)).await]
    }

    async fn with_file() -> Self {
        let directory = std::env::temp_dir().join(format!("wardlog-vault-{}", id()));
        fs::create_dir(&directory).unwrap();
        Self::new(Keeper::File(directory.join("wrapping.keys"))).await
    }

    async fn new(wrapping: Keeper) -> Self {
        let options = scratch::database().await;
        // As whoever runs the server may have it.
        let mut owner = PgConnection::connect_with(&options).await.unwrap();
        let database = options.get_database().unwrap();
        let other = format!("ALTER DATABASE \"{database}\" SET default_transaction_isolation = 'repeatable read'");
        owner.execute(AssertSqlSafe(other)).await.unwrap();
        let pool = connect(&options, Role::Directory, 8).await.unwrap();
        let vault = vault(&pool, &wrapping).await.unwrap();
        Self { options, pool, wrapping, vault }
    }

    /// Another process with the same key store and wrapping keys.
    async fn another(&self) -> Vault {
        vault(&self.pool, &self.wrapping).await.unwrap()
    }

    async fn find(&self, id: DataKeyId) -> Found {
        self.vault.find(SCHOOL, &[id]).await.unwrap().remove(&id).unwrap()
    }

    /// Every row, as the database's owner sees it.
    async fn rows(&self) -> Vec<(Uuid, i32, Option<Vec<u8>>)> {
        let mut connection = self.owner().await;
        let rows = sqlx::query!("SELECT key_id, version, wrapped FROM keys.data_key ORDER BY key_id");
        let rows = rows.fetch_all(&mut connection).await.unwrap();
        rows.into_iter().map(|row| (row.key_id, row.version, row.wrapped)).collect()
    }

    async fn owner(&self) -> PgConnection {
        PgConnection::connect_with(&self.options).await.unwrap()
    }

    /// Keeps the whole key store as it is now.
    async fn dump(&self, name: &str) {
        self.all_tables(|table| format!("CREATE TABLE {table}_{name} AS TABLE keys.{table}")).await;
    }

    /// Makes the whole key store what it was.
    async fn restore(&self, name: &str) {
        let restore =
            |table: &str| format!("TRUNCATE keys.{table}; INSERT INTO keys.{table} SELECT * FROM {table}_{name}");
        self.all_tables(restore).await;
    }

    async fn all_tables(&self, statement: impl Fn(&str) -> String) {
        let mut owner = self.owner().await;
        for table in ["data_key", "given_up", "wrapping_key", "wrapping"] {
            owner.execute(AssertSqlSafe(statement(table))).await.unwrap();
        }
    }

    /// What the keeper shows of the school's wrapping key; another when anything of it has changed.
    async fn wrapping_key(&self) -> String {
        match &self.wrapping {
            Keeper::File(_) => self.file().lines().filter(|line| line.contains(&SCHOOL.to_string())).collect(),
            Keeper::Transit(settings) => {
                let path = format!("{}/keys/wardlog-directory-{SCHOOL}", mount(settings));
                Server::shared().await.ask(Method::GET, &path, &Value::Null).await["data"].to_string()
            }
        }
    }

    fn path(&self) -> &Path {
        match &self.wrapping {
            Keeper::File(path) => path,
            Keeper::Transit(_) => panic!("no file keeps them"),
        }
    }

    fn file(&self) -> String {
        fs::read_to_string(self.path()).unwrap()
    }

    fn write_file(&self, text: &str) {
        fs::write(self.path(), text).unwrap();
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        if let Self::File(path) = self {
            fs::remove_dir_all(path.parent().unwrap()).unwrap();
        }
    }
}

/// Where the engine is, as the server calls it.
fn mount(settings: &TransitSettings) -> &str {
    settings.url.path().strip_prefix("/v1/").unwrap()
}

impl Keeper {
    fn open(&self) -> Result<Wrapping, VaultError> {
        Ok(match self {
            Self::File(path) => Arc::new(KeyFile::open(path)?).into(),
            Self::Transit(settings) => Transit::new(settings.clone())?.into(),
        })
    }
}

async fn vault(pool: &PgPool, wrapping: &Keeper) -> Result<Vault, VaultError> {
    Vault::open("directory", pool.clone(), wrapping.open()?).await
}

fn key(found: &Found) -> &DataKey {
    match found {
        Found::Key(key) => key,
        Found::Destroyed => panic!("destroyed"),
    }
}

fn id() -> Uuid {
    Uuid::from_u128(rand::random())
}

const PLACE: Place<'static> = Place { owner: SCHOOL, stream: "person-1", field: "identity" };

fn opens(key: &DataKey, sealed: &Sealed<String>) -> Result<String, Unopened> {
    key.open(PLACE, sealed)
}

#[tokio::test]
async fn a_key_is_made_once_and_opens_what_it_sealed_in_every_process() {
    for home in Home::all().await {
        let id = DataKeyId::from(id());
        let mut makers = JoinSet::new();
        for _ in 0..8 {
            let vault = home.another().await;
            makers.spawn(async move { vault.make(SCHOOL, id).await.unwrap() });
        }
        let keys = makers.join_all().await;
        let sealed = keys[0].seal(PLACE, &"Alex Example".to_owned()).unwrap();
        for key in keys.iter().chain([key(&home.find(id).await)]) {
            assert_eq!(opens(key, &sealed).unwrap(), "Alex Example");
        }
        assert_eq!(home.rows().await.len(), 1);
    }
}

#[tokio::test]
async fn a_key_is_its_owners_and_another_has_another_of_the_same_id() {
    for home in Home::all().await {
        let (id, other) = (DataKeyId::from(id()), Uuid::from_u128(0xb002));
        let sealed = home.vault.make(SCHOOL, id).await.unwrap().seal(PLACE, &"Alex Example".to_owned()).unwrap();
        assert!(home.vault.find(other, &[id]).await.unwrap().is_empty(), "there is none, and nothing is told of it");
        assert_eq!(opens(&home.vault.make(other, id).await.unwrap(), &sealed), Err(Unopened));
    }
}

#[tokio::test]
async fn row_level_security_shows_a_service_the_keys_of_its_own_context_alone() {
    let (home, id) = (Home::with_file().await, id());
    home.vault.make(SCHOOL, id.into()).await.unwrap();
    let mut owner = home.owner().await;
    sqlx::query!("UPDATE keys.data_key SET context = 'incidents'").execute(&mut owner).await.unwrap();
    let seen = sqlx::query_scalar!(r#"SELECT count(*) AS "n!" FROM keys.data_key"#).fetch_one(&home.pool).await;
    assert_eq!(seen.unwrap(), 0);
    let stolen =
        sqlx::query!("UPDATE keys.data_key SET destroyed_at = now(), wrapped = NULL").execute(&home.pool).await;
    assert_eq!(stolen.unwrap().rows_affected(), 0);
}

#[tokio::test]
async fn a_destroyed_key_is_gone_while_the_others_open_what_they_sealed() {
    for home in Home::all().await {
        let (gone, stays) = (DataKeyId::from(id()), DataKeyId::from(id()));
        home.vault.make(SCHOOL, gone).await.unwrap();
        let sealed = home.vault.make(SCHOOL, stays).await.unwrap().seal(PLACE, &"Alex Example".to_owned()).unwrap();
        home.vault.destroy(SCHOOL, &[gone], &[]).await.unwrap();
        assert!(matches!(home.find(gone).await, Found::Destroyed));
        assert!(matches!(home.vault.make(SCHOOL, gone).await, Err(VaultError::Destroyed)), "nor is it made again");
        assert_eq!(opens(key(&home.find(stays).await), &sealed).unwrap(), "Alex Example");
    }
}

/// What a backup of the key store from before has is wrapped under a wrapping key that is no more.
#[tokio::test]
async fn an_old_backup_of_the_key_store_does_not_bring_a_destroyed_key_back() {
    for home in Home::all().await {
        let (gone, stays) = (DataKeyId::from(id()), DataKeyId::from(id()));
        home.vault.make_all(SCHOOL, &[gone, stays]).await.unwrap();
        home.dump("backup").await;
        home.vault.destroy(SCHOOL, &[gone], &[]).await.unwrap();
        home.restore("backup").await;
        for vault in [home.vault.clone(), home.another().await] {
            let lacking = vault.find(SCHOOL, &[gone]).await;
            assert!(matches!(lacking, Err(VaultError::OlderStore)), "{lacking:?}");
        }
    }
}

/// Such as rows that were brought back alone.
#[tokio::test]
async fn a_key_that_nothing_opens_is_destroyed_by_its_row() {
    for home in Home::all().await {
        let (gone, stays) = (DataKeyId::from(id()), DataKeyId::from(id()));
        home.vault.make_all(SCHOOL, &[gone, stays]).await.unwrap();
        home.dump("backup").await;
        home.vault.destroy(SCHOOL, &[gone], &[]).await.unwrap();
        let later = DataKeyId::from(id());
        home.vault.make(SCHOOL, later).await.unwrap();
        let mut owner = home.owner().await;
        owner.execute("DELETE FROM keys.data_key WHERE key_id IN (SELECT key_id FROM data_key_backup)").await.unwrap();
        owner.execute("INSERT INTO keys.data_key SELECT * FROM data_key_backup").await.unwrap();
        assert!(matches!(home.vault.find(SCHOOL, &[gone]).await, Err(VaultError::OlderStore)));
        let before = home.wrapping_key().await;
        assert_eq!(home.vault.destroy(SCHOOL, &[gone], &[]).await.unwrap(), 1);
        assert_eq!(home.vault.destroy(SCHOOL, &[gone], &[]).await.unwrap(), 0);
        assert_eq!(home.wrapping_key().await, before, "it costs no version");
        assert!(matches!(home.find(gone).await, Found::Destroyed));
        // Whoever stays has a row that nothing opens either: no other key may take a version along that the newest dump needs, and
        // what would be made beside it is lost with that.
        assert!(matches!(home.vault.destroy(SCHOOL, &[later], &[]).await, Err(VaultError::OlderStore)));
        assert!(matches!(home.vault.make(SCHOOL, id().into()).await, Err(VaultError::OlderStore)));
        assert_eq!(home.wrapping_key().await, before);
    }
}

/// By mistake: the wrapping key of today is what the newest dump needs. In each of the older ones somebody comes and is
/// forgotten.
#[tokio::test]
async fn in_an_older_key_store_no_wrapping_key_is_destroyed_that_the_newest_needs() {
    for home in Home::all().await {
        let (gone, stays, new) = (DataKeyId::from(id()), DataKeyId::from(id()), DataKeyId::from(id()));
        home.dump("empty").await;
        home.vault.make(SCHOOL, gone).await.unwrap();
        home.dump("gone_alone").await;
        home.vault.make(SCHOOL, stays).await.unwrap();
        home.dump("both").await;
        home.vault.destroy(SCHOOL, &[gone], &[]).await.unwrap();
        home.dump("newest").await;
        let before = home.wrapping_key().await;
        for older in ["empty", "gone_alone", "both"] {
            home.restore(older).await;
            for vault in [home.vault.clone(), home.another().await] {
                for refused in [vault.destroy(SCHOOL, &[gone], &[]).await, vault.make(SCHOOL, new).await.map(|_| 0)] {
                    assert!(matches!(refused, Err(VaultError::OlderStore)), "{older}: {refused:?}");
                }
            }
            assert!(!matches!(home.vault.find(SCHOOL, &[gone]).await, Ok(found) if !found.is_empty()), "{older}");
            assert_eq!(home.wrapping_key().await, before, "{older}");
        }
        home.restore("newest").await;
        assert!(matches!(home.find(stays).await, Found::Key(_)));
        home.vault.make(SCHOOL, new).await.unwrap();
        assert_eq!(home.vault.destroy(SCHOOL, &[new], &[]).await.unwrap(), 1);
    }
}

/// No version tells a store that is older by a key alone from the newest; the records, which name the key, do.
#[tokio::test]
async fn nothing_is_destroyed_in_a_store_that_lacks_a_key_of_the_records_until_somebody_gives_it_up() {
    for home in Home::all().await {
        let (gone, stays, later) = (DataKeyId::from(id()), DataKeyId::from(id()), DataKeyId::from(id()));
        home.vault.make_all(SCHOOL, &[gone, stays]).await.unwrap();
        home.dump("older").await;
        home.vault.make(SCHOOL, later).await.unwrap();
        home.dump("newest").await;
        home.restore("older").await;
        let (named, before) = ([stays, later], (home.rows().await, home.wrapping_key().await));
        for vault in [home.vault.clone(), home.another().await] {
            assert!(matches!(vault.destroy(SCHOOL, &[gone], &named).await, Err(VaultError::Lacking(1))));
        }
        let named_by_owner = || BTreeMap::from([(SCHOOL, named.to_vec())]);
        let examined = async || {
            let wrapping = home.wrapping.open().unwrap();
            Vault::examine("directory", &home.pool, wrapping, named_by_owner()).await.unwrap().outdated
        };
        let told = examined().await;
        assert!(matches!(told[..], [(SCHOOL, VaultError::Lacking(1))]), "{told:?}");
        assert_eq!((home.rows().await, home.wrapping_key().await), before);
        home.restore("newest").await;
        assert!(examined().await.is_empty());
        // Where the newest is lost: whoever says so loses that key, and goes on.
        home.restore("older").await;
        let said = || GivenUp { by: "an operator".to_owned(), reason: "the newest dump is lost".to_owned() };
        assert_eq!(home.vault.give_up(SCHOOL, &named, said()).await.unwrap(), 1);
        assert_eq!(home.vault.give_up(SCHOOL, &named, said()).await.unwrap(), 0);
        assert!(examined().await.is_empty());
        assert_eq!(home.vault.given_up(SCHOOL).await.unwrap(), [later]);
        assert!(matches!(home.find(later).await, Found::Destroyed), "nobody waits for it");
        let mut owner = home.owner().await;
        let kept =
            sqlx::query!("SELECT key_id, given_up_by, reason FROM keys.given_up").fetch_all(&mut owner).await.unwrap();
        assert_eq!(kept.len(), 1);
        assert_eq!((kept[0].key_id, kept[0].given_up_by.as_str()), (later.into(), "an operator"));
        assert_eq!(kept[0].reason, "the newest dump is lost");
        assert_eq!(home.vault.destroy(SCHOOL, &[gone], &named).await.unwrap(), 1);
        assert!(matches!(home.find(stays).await, Found::Key(_)));
    }
}

/// What the store lacks may be in its newest dump, and which that is the wrapping keys tell first.
#[tokio::test]
async fn nothing_is_given_up_in_a_store_that_is_older_than_its_wrapping_keys() {
    for home in Home::all().await {
        let (gone, stays, later) = (DataKeyId::from(id()), DataKeyId::from(id()), DataKeyId::from(id()));
        home.vault.make_all(SCHOOL, &[gone, stays]).await.unwrap();
        home.dump("older").await;
        home.vault.destroy(SCHOOL, &[gone], &[stays]).await.unwrap();
        home.vault.make(SCHOOL, later).await.unwrap();
        home.restore("older").await;
        let said = GivenUp { by: "an operator".to_owned(), reason: "in haste".to_owned() };
        assert!(matches!(home.vault.give_up(SCHOOL, &[later], said).await, Err(VaultError::OlderStore)));
    }
}

/// A key that the store lacks and that is to be destroyed keeps nobody from being forgotten.
#[tokio::test]
async fn what_is_to_be_destroyed_need_not_be_there() {
    for home in Home::all().await {
        let [gone, stays, never] = [id(), id(), id()].map(DataKeyId::from);
        home.vault.make_all(SCHOOL, &[gone, stays]).await.unwrap();
        assert_eq!(home.vault.destroy(SCHOOL, &[gone, never], &[gone, stays, never]).await.unwrap(), 1);
        assert!(matches!(home.vault.destroy(SCHOOL, &[stays], &[never]).await, Err(VaultError::Lacking(1))));
    }
}

/// Asked before anything is recorded that ends with a destruction.
#[tokio::test]
async fn whether_keys_can_be_destroyed_is_told_before() {
    for home in Home::all().await {
        let (key, stays) = (DataKeyId::from(id()), DataKeyId::from(id()));
        let named = [key, stays];
        assert!(matches!(home.vault.check(SCHOOL, &named).await, Err(VaultError::Lacking(2))));
        home.vault.make_all(SCHOOL, &named).await.unwrap();
        home.dump("older").await;
        assert!(home.vault.has_left(SCHOOL, &[key]).await.unwrap());
        home.vault.destroy(SCHOOL, &[key], &[]).await.unwrap();
        assert!(!home.vault.has_left(SCHOOL, &[key]).await.unwrap());
        home.vault.check(SCHOOL, &named).await.unwrap();
        home.restore("older").await;
        assert!(matches!(home.vault.check(SCHOOL, &named).await, Err(VaultError::OlderStore)));
    }
}

/// However much a school asks for whose keys are being wrapped anew.
#[tokio::test]
async fn one_owner_does_not_take_all_connections_to_the_store() {
    let (home, gone) = (Home::with_file().await, DataKeyId::from(id()));
    let pool = connect(&home.options, Role::Filtering, 3).await.unwrap();
    let vault = Vault::open("filtering", pool, home.wrapping.open().unwrap()).await.unwrap();
    vault.make(SCHOOL, gone).await.unwrap();
    let mut owner = home.owner().await;
    let mut holds_up = owner.begin().await.unwrap();
    holds_up.execute("SELECT FROM keys.wrapping_key FOR UPDATE").await.unwrap();
    let mut asked = JoinSet::new();
    let destroying = vault.clone();
    asked.spawn(async move { destroying.destroy(SCHOOL, &[gone], &[]).await.map(drop) });
    waiting(&home, 1).await;
    for _ in 0..8 {
        let finding = vault.clone();
        asked.spawn(async move { finding.find(SCHOOL, &[gone]).await.map(drop) });
    }
    waiting(&home, 2).await;
    vault.find(Uuid::from_u128(0xb002), &[gone]).await.unwrap();
    holds_up.rollback().await.unwrap();
    for outcome in asked.join_all().await {
        outcome.unwrap();
    }
}

/// Until as many of those who ask the store wait for a lock.
async fn waiting(home: &Home, number: i64) {
    let mut connection = home.owner().await;
    let waiting =
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()";
    while sqlx::query_scalar::<_, i64>(waiting).fetch_one(&mut connection).await.unwrap() < number {
        tokio::task::yield_now().await;
    }
}

/// For whoever has just restored one of them.
#[tokio::test]
async fn which_owners_keys_are_older_than_what_wraps_them_is_told_and_nothing_is_written() {
    for home in Home::all().await {
        let other = Uuid::from_u128(0xb002);
        let examined = async || {
            let examined =
                Vault::examine("directory", &home.pool, home.wrapping.open().unwrap(), BTreeMap::new()).await.unwrap();
            let outdated =
                examined.outdated.iter().map(|(owner, error)| (*owner, matches!(error, VaultError::OlderStore)));
            (examined.owners, outdated.collect::<Vec<_>>())
        };
        assert_eq!(examined().await, (0, vec![]));
        let gone = DataKeyId::from(id());
        for owner in [SCHOOL, other] {
            home.vault.make(owner, gone).await.unwrap();
        }
        assert_eq!(examined().await, (2, vec![]));
        home.dump("older").await;
        home.vault.destroy(SCHOOL, &[gone], &[]).await.unwrap();
        assert_eq!(examined().await, (2, vec![]));
        home.restore("older").await;
        let before = (home.rows().await, home.wrapping_key().await);
        assert_eq!(examined().await, (2, vec![(SCHOOL, true)]));
        assert_eq!((home.rows().await, home.wrapping_key().await), before);
        // Dumped after the version was announced and before it was used, it has heard of it.
        sqlx::query!("UPDATE keys.wrapping_key SET announced = 2").execute(&mut home.owner().await).await.unwrap();
        assert!(matches!(home.vault.make(SCHOOL, id().into()).await, Err(VaultError::OlderStore)));
        assert_eq!(examined().await, (2, vec![(SCHOOL, true)]));
        if let Keeper::File(_) = home.wrapping {
            home.owner().await.execute("TRUNCATE keys.wrapping, keys.wrapping_key, keys.data_key").await.unwrap();
            assert_eq!(examined().await, (2, vec![(SCHOOL, true), (other, true)]), "nothing was ever made in it");
        }
    }
}

/// A key store from before an owner's first key shows nothing of its age, nor does the first version of a wrapping key.
#[tokio::test]
async fn a_key_store_from_before_the_first_key_is_told_by_its_not_knowing_of_the_wrapping_key() {
    for home in Home::all().await {
        let other = Uuid::from_u128(0xb002);
        home.dump("empty").await;
        let key = DataKeyId::from(id());
        home.vault.make(SCHOOL, key).await.unwrap();
        home.dump("newest").await;
        home.restore("empty").await;
        assert!(matches!(home.vault.make(SCHOOL, id().into()).await, Err(VaultError::OlderStore)));
        assert!(home.vault.find(SCHOOL, &[key]).await.unwrap().is_empty());
        home.vault.make(other, id().into()).await.unwrap();
        home.restore("newest").await;
        assert!(matches!(home.find(key).await, Found::Key(_)));
    }
}

/// The process died after a step of a destruction: each of them leaves something behind that another process finishes.
#[tokio::test]
async fn a_destruction_that_was_cut_short_is_finished_by_asking_again() {
    let (home, gone, stays) = (Home::with_file().await, DataKeyId::from(id()), DataKeyId::from(id()));
    home.vault.make_all(SCHOOL, &[gone, stays]).await.unwrap();
    home.dump("before").await;
    let old = home.file().lines().nth(1).unwrap().to_owned();
    home.vault.destroy(SCHOOL, &[gone], &[]).await.unwrap();
    home.dump("after").await;
    let new = home.file();
    // The rows are written anew, and the old wrapping key is there still.
    home.write_file(&format!("{new}{old}\n"));
    // Nobody who comes to it with an older key store, in which nothing was written anew, takes the new one.
    home.restore("before").await;
    assert!(matches!(home.another().await.destroy(SCHOOL, &[gone], &[]).await, Err(VaultError::OlderStore)));
    home.restore("after").await;
    assert_eq!(home.another().await.destroy(SCHOOL, &[gone], &[]).await.unwrap(), 0);
    assert!(!home.file().contains(&old));
    assert!(matches!(home.find(stays).await, Found::Key(_)));
    // The next version was announced and made, and nothing was written: as in the store of before, told of it.
    home.restore("before").await;
    let mut owner = home.owner().await;
    sqlx::query!("UPDATE keys.wrapping_key SET announced = 2").execute(&mut owner).await.unwrap();
    home.write_file(&format!("{new}{old}\n"));
    let (made, another) = (DataKeyId::from(id()), home.another().await);
    another.make(SCHOOL, made).await.unwrap();
    assert_eq!(another.destroy(SCHOOL, &[gone], &[]).await.unwrap(), 1);
    let versions: Vec<_> = home.rows().await.into_iter().filter(|row| row.2.is_some()).map(|row| row.1).collect();
    assert_eq!(versions, [3, 3], "a version that was ever made is not taken again");
    assert!(matches!((home.find(stays).await, home.find(made).await), (Found::Key(_), Found::Key(_))));
    assert_eq!(home.file().lines().count(), 2);
}

/// As when a backup of the file takes the place of a newer one.
#[tokio::test]
async fn older_wrapping_keys_are_told_from_the_newest() {
    let (home, other) = (Home::with_file().await, Uuid::from_u128(0xb002));
    let (gone, stays) = (DataKeyId::from(id()), DataKeyId::from(id()));
    let none = home.file();
    home.vault.make_all(SCHOOL, &[gone, stays]).await.unwrap();
    let before = home.file();
    home.vault.destroy(SCHOOL, &[gone], &[]).await.unwrap();
    let newest = home.file();
    // The one that has what was destroyed beside the newest is told by its number alone.
    let mut both = before.clone();
    both.push_str(newest.lines().nth(1).unwrap());
    for older in [&none, &before, &both] {
        home.write_file(older);
        let opened = vault(&home.pool, &home.wrapping).await;
        assert!(matches!(opened, Err(VaultError::OlderWrapping)), "{opened:?}");
    }
    // Nor does a process that runs already make or destroy anything with it: a key that the newest file opens would be taken for
    // one that nothing opens, and a new one would be lost with the older file.
    for older in [&both, &none, &before] {
        home.write_file(older);
        for refused in [
            home.vault.make(SCHOOL, id().into()).await.map(drop),
            home.vault.destroy(SCHOOL, &[stays], &[]).await.map(drop),
        ] {
            assert!(matches!(refused, Err(VaultError::OlderWrapping)), "{refused:?}");
        }
        let found = home.vault.find(SCHOOL, &[stays]).await;
        assert!(older == &both || matches!(found, Err(VaultError::OlderWrapping)), "{found:?}");
        assert_eq!(&home.file(), older);
    }
    home.write_file(&newest);
    assert!(matches!(home.find(stays).await, Found::Key(_)));
    // A crash after the file was changed leaves it ahead of what the store was told.
    let ahead = home.file();
    let (first, keys) = ahead.split_once('\n').unwrap();
    let (file, changes) = first.rsplit_once(' ').unwrap();
    home.write_file(&format!("{file} {}\n{keys}", changes.parse::<u64>().unwrap() + 1));
    home.another().await.make(other, id().into()).await.unwrap();
}

/// What README says to do then.
#[tokio::test]
async fn where_the_newest_is_lost_for_good_an_older_one_is_used_with_what_it_opens() {
    for home in Home::all().await {
        let [early, gone, stays, new] = [(); 4].map(|()| DataKeyId::from(id()));
        home.vault.make_all(SCHOOL, &[early, gone, stays]).await.unwrap();
        home.vault.destroy(SCHOOL, &[early], &[]).await.unwrap();
        home.dump("older").await;
        home.vault.destroy(SCHOOL, &[gone], &[]).await.unwrap();
        home.restore("older").await;
        let mut owner = home.owner().await;
        let known = format!(
            "INSERT INTO keys.wrapping_key (context, owner_id, announced, used) VALUES ('directory', '{SCHOOL}', 3, 3)
             ON CONFLICT (context, owner_id) DO UPDATE SET announced = 3, used = 3"
        );
        owner.execute(AssertSqlSafe(known)).await.unwrap();
        assert_eq!(
            home.vault.destroy(SCHOOL, &[early, gone], &[]).await.unwrap(),
            1,
            "as the directory asks each minute"
        );
        owner.execute("DELETE FROM keys.data_key WHERE version < 3 AND wrapped IS NOT NULL").await.unwrap();
        home.vault.make(SCHOOL, new).await.unwrap();
        assert_eq!(home.vault.destroy(SCHOOL, &[new], &[]).await.unwrap(), 1);
        assert!(home.vault.find(SCHOOL, &[stays]).await.unwrap().is_empty());
        for forgotten in [early, gone] {
            assert!(matches!(home.find(forgotten).await, Found::Destroyed), "whoever was forgotten stays forgotten");
        }
    }
    let (home, gone, new) = (Home::with_file().await, DataKeyId::from(id()), DataKeyId::from(id()));
    home.vault.make(SCHOOL, gone).await.unwrap();
    let older = home.file();
    home.vault.destroy(SCHOOL, &[gone], &[]).await.unwrap();
    home.vault.make(SCHOOL, new).await.unwrap();
    home.write_file(&older);
    let mut owner = home.owner().await;
    let lost = "DELETE FROM keys.data_key WHERE version > 1 AND wrapped IS NOT NULL; UPDATE keys.wrapping_key SET announced = 1, used = 1;
                UPDATE keys.wrapping SET changes = 0";
    owner.execute(lost).await.unwrap();
    home.vault.make(SCHOOL, new).await.unwrap();
    assert_eq!(home.another().await.destroy(SCHOOL, &[new], &[]).await.unwrap(), 1);
}

#[tokio::test]
async fn keys_that_are_made_while_others_are_destroyed_are_never_lost() {
    for home in Home::all().await {
        let mut makers = JoinSet::new();
        for _ in 0..4 {
            let vault = home.another().await;
            makers.spawn(async move {
                let mut made = Vec::new();
                for _ in 0..25 {
                    let id = DataKeyId::from(id());
                    let key = vault.make(SCHOOL, id).await.unwrap();
                    made.push((id, key.seal(PLACE, &"Alex Example".to_owned()).unwrap()));
                }
                made
            });
        }
        for _ in 0..10 {
            let gone = DataKeyId::from(id());
            home.vault.make(SCHOOL, gone).await.unwrap();
            assert_eq!(home.vault.destroy(SCHOOL, &[gone], &[]).await.unwrap(), 1);
        }
        let made = makers.join_all().await.concat();
        let ids: Vec<_> = made.iter().map(|(id, _)| *id).collect();
        let keys = home.another().await.find(SCHOOL, &ids).await.unwrap();
        for (id, sealed) in made {
            assert_eq!(opens(key(&keys[&id]), &sealed).unwrap(), "Alex Example");
        }
    }
}

/// Nobody goes back behind the version that somebody else has come to.
#[tokio::test]
async fn keys_that_several_destroy_at_once_are_all_destroyed() {
    for home in Home::all().await {
        let ids: Vec<_> = (0..12).map(|_| DataKeyId::from(id())).collect();
        home.vault.make_all(SCHOOL, &ids).await.unwrap();
        let mut destroyers = JoinSet::new();
        for gone in ids[1..].iter().copied() {
            let vault = home.another().await;
            destroyers.spawn(async move { vault.destroy(SCHOOL, &[gone], &[]).await.unwrap() });
        }
        assert_eq!(destroyers.join_all().await, [1; 11]);
        assert!(matches!(home.find(ids[0]).await, Found::Key(_)));
        assert!(matches!(home.find(ids[11]).await, Found::Destroyed));
    }
}

/// Before anything is sealed it may be given others, and where its own are lost for good.
#[tokio::test]
async fn a_key_store_whose_wrapping_keys_are_forgotten_takes_others() {
    for (home, other) in Home::all().await.into_iter().zip(Home::all().await.into_iter().rev()) {
        let lost = DataKeyId::from(id());
        home.vault.make(SCHOOL, lost).await.unwrap();
        let forget = "DELETE FROM keys.data_key WHERE context = 'directory' AND wrapped IS NOT NULL;
                      DELETE FROM keys.wrapping_key WHERE context = 'directory';
                      DELETE FROM keys.wrapping WHERE context = 'directory'";
        home.owner().await.execute(forget).await.unwrap();
        let with_others = vault(&home.pool, &other.wrapping).await.unwrap();
        with_others.make(SCHOOL, id().into()).await.unwrap();
        assert!(with_others.find(SCHOOL, &[lost]).await.unwrap().is_empty());
        assert!(matches!(home.vault.make(SCHOOL, lost).await, Err(VaultError::OtherWrapping)), "nor are the first");
    }
}

#[tokio::test]
async fn a_key_store_is_used_with_its_own_wrapping_keys_and_no_others() {
    let (homes, others) = (Home::all().await, Home::all().await);
    for home in &homes {
        for other in homes.iter().chain(&others).filter(|other| !std::ptr::eq(*other, home)) {
            assert!(matches!(vault(&home.pool, &other.wrapping).await, Err(VaultError::OtherWrapping)));
        }
        home.another().await;
    }
}

#[tokio::test]
async fn a_key_moved_to_another_row_does_not_open() {
    for home in Home::all().await {
        let (one, other) = (id(), id());
        for key in [one, other] {
            home.vault.make(SCHOOL, key.into()).await.unwrap();
        }
        let mut owner = home.owner().await;
        sqlx::query!(
        "UPDATE keys.data_key SET wrapped = (SELECT o.wrapped FROM keys.data_key o WHERE o.key_id = $2) WHERE key_id = $1",
        one,
        other
    )
    .execute(&mut owner)
    .await
    .unwrap();
        assert!(matches!(home.vault.find(SCHOOL, &[one.into()]).await, Err(VaultError::Unwrapped { .. })));
    }
}

#[tokio::test]
async fn without_a_key_store_nothing_is_sealed() {
    assert!(matches!(Vault::none().make(SCHOOL, id().into()).await, Err(VaultError::NoKeyStore)));
}

mod transit;
