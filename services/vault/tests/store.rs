//! The key store against a real PostgreSQL: keys are durable, each context's own, and gone when they are destroyed.

#![expect(clippy::unwrap_used, reason = "a test that cannot do what it is about has failed")]

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use database::{Role, connect, scratch};
use schema::{DataKeyId, Sealed};
use sqlx::{Connection, PgConnection, PgPool, postgres::PgConnectOptions};
use tokio::task::JoinSet;
use uuid::Uuid;
use vault::{DataKey, Found, KeyFile, KeyFileError, Place, Unopened, Vault, VaultError};

const SCHOOL: Uuid = Uuid::from_u128(0xb001);

/// A key store and a key file of its own.
struct Home {
    options: PgConnectOptions,
    pool: PgPool,
    directory: PathBuf,
    vault: Vault,
}

impl Home {
    async fn new() -> Self {
        let options = scratch::database().await;
        let pool = connect(&options, Role::Directory, 8).await.unwrap();
        let directory = std::env::temp_dir().join(format!("wardlog-vault-{}", id()));
        fs::create_dir(&directory).unwrap();
        let vault = vault(&pool, &directory).await.unwrap();
        Self { options, pool, directory, vault }
    }

    /// Another process with the same key store and key file.
    async fn another(&self) -> Vault {
        vault(&self.pool, &self.directory).await.unwrap()
    }

    async fn find(&self, id: DataKeyId) -> Found {
        self.vault.find(SCHOOL, &[id]).await.unwrap().remove(&id).unwrap()
    }

    /// Every row, as the database's owner sees it.
    async fn rows(&self) -> Vec<(Uuid, i32, Option<Vec<u8>>)> {
        let mut connection = PgConnection::connect_with(&self.options).await.unwrap();
        let rows = sqlx::query!("SELECT key_id, version, wrapped FROM keys.data_key ORDER BY key_id");
        let rows = rows.fetch_all(&mut connection).await.unwrap();
        rows.into_iter().map(|row| (row.key_id, row.version, row.wrapped)).collect()
    }

    /// Makes these the only rows.
    async fn replace(&self, rows: Vec<(Uuid, i32, Option<Vec<u8>>)>) {
        let mut connection = PgConnection::connect_with(&self.options).await.unwrap();
        sqlx::query!("DELETE FROM keys.data_key").execute(&mut connection).await.unwrap();
        for (key, version, wrapped) in rows {
            let row = sqlx::query!(
                "INSERT INTO keys.data_key (context, owner_id, key_id, version, wrapped, destroyed_at)
                 VALUES ('directory', $1, $2, $3, $4, CASE WHEN $4::bytea IS NULL THEN clock_timestamp() END)",
                SCHOOL,
                key,
                version,
                wrapped,
            );
            row.execute(&mut connection).await.unwrap();
        }
    }

    /// What README says to do where a newer store is lost for good, for the one version that the file has of the school.
    async fn keep_for_good(&self, version: i32) {
        let mut connection = PgConnection::connect_with(&self.options).await.unwrap();
        sqlx::query!("DELETE FROM keys.data_key WHERE version <> $1", version).execute(&mut connection).await.unwrap();
        sqlx::query!(
            "INSERT INTO keys.data_key (context, owner_id, key_id, version, destroyed_at)
             VALUES ('directory', $1, gen_random_uuid(), $2, now())",
            SCHOOL,
            version,
        )
        .execute(&mut connection)
        .await
        .unwrap();
    }

    /// Makes these rows what they were.
    async fn restore(&self, rows: Vec<(Uuid, i32, Option<Vec<u8>>)>) {
        let mut connection = PgConnection::connect_with(&self.options).await.unwrap();
        for (key, version, wrapped) in rows {
            let row = sqlx::query!(
                "UPDATE keys.data_key SET version = $2, wrapped = $3,
                        destroyed_at = CASE WHEN $3::bytea IS NULL THEN clock_timestamp() END
                 WHERE key_id = $1",
                key,
                version,
                wrapped,
            );
            assert_eq!(row.execute(&mut connection).await.unwrap().rows_affected(), 1);
        }
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.directory).unwrap();
    }
}

async fn vault(pool: &PgPool, directory: &Path) -> Result<Vault, VaultError> {
    Vault::open("directory", pool.clone(), Arc::new(KeyFile::open(&directory.join("wrapping.keys"))?)).await
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
    let (home, id) = (Home::new().await, DataKeyId::from(id()));
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

#[tokio::test]
async fn a_key_is_its_owners_and_another_has_another_of_the_same_id() {
    let (home, id, other) = (Home::new().await, DataKeyId::from(id()), Uuid::from_u128(0xb002));
    let sealed = home.vault.make(SCHOOL, id).await.unwrap().seal(PLACE, &"Alex Example".to_owned()).unwrap();
    assert!(home.vault.find(other, &[id]).await.unwrap().is_empty(), "there is none, and nothing is told of it");
    assert_eq!(opens(&home.vault.make(other, id).await.unwrap(), &sealed), Err(Unopened));
}

#[tokio::test]
async fn row_level_security_shows_a_service_the_keys_of_its_own_context_alone() {
    let (home, id) = (Home::new().await, id());
    home.vault.make(SCHOOL, id.into()).await.unwrap();
    let mut owner = PgConnection::connect_with(&home.options).await.unwrap();
    sqlx::query!("UPDATE keys.data_key SET context = 'incidents'").execute(&mut owner).await.unwrap();
    let seen = sqlx::query_scalar!(r#"SELECT count(*) AS "n!" FROM keys.data_key"#).fetch_one(&home.pool).await;
    assert_eq!(seen.unwrap(), 0);
    let stolen =
        sqlx::query!("UPDATE keys.data_key SET destroyed_at = now(), wrapped = NULL").execute(&home.pool).await;
    assert_eq!(stolen.unwrap().rows_affected(), 0);
}

#[tokio::test]
async fn a_destroyed_key_is_gone_while_the_others_open_what_they_sealed() {
    let home = Home::new().await;
    let (gone, stays) = (DataKeyId::from(id()), DataKeyId::from(id()));
    home.vault.make(SCHOOL, gone).await.unwrap();
    let sealed = home.vault.make(SCHOOL, stays).await.unwrap().seal(PLACE, &"Alex Example".to_owned()).unwrap();
    home.vault.destroy(SCHOOL, &[gone]).await.unwrap();
    assert!(matches!(home.find(gone).await, Found::Destroyed));
    assert!(matches!(home.vault.make(SCHOOL, gone).await, Err(VaultError::Destroyed)), "nor is it made again");
    assert_eq!(opens(key(&home.find(stays).await), &sealed).unwrap(), "Alex Example");
}

/// What a backup of the key store from before has is wrapped under a wrapping key that is no more.
#[tokio::test]
async fn an_old_backup_of_the_key_store_does_not_bring_a_destroyed_key_back() {
    let home = Home::new().await;
    let (gone, stays) = (id(), id());
    for key in [gone, stays] {
        home.vault.make(SCHOOL, key.into()).await.unwrap();
    }
    let backup = home.rows().await;
    home.vault.destroy(SCHOOL, &[gone.into()]).await.unwrap();
    home.restore(backup).await;
    for vault in [home.vault.clone(), home.another().await] {
        let lacking = vault.find(SCHOOL, &[gone.into()]).await;
        assert!(matches!(lacking, Err(VaultError::KeyFile(KeyFileError::Lacking { version: 1, .. }))), "{lacking:?}");
    }
    // The same store has what it had destroyed again: it is destroyed once more, and that costs no version.
    let file = || fs::read_to_string(home.directory.join("wrapping.keys")).unwrap();
    let before = file();
    assert_eq!(home.vault.destroy(SCHOOL, &[gone.into()]).await.unwrap(), 1);
    assert_eq!(home.vault.destroy(SCHOOL, &[gone.into()]).await.unwrap(), 0);
    assert_eq!(file(), before);
    assert!(matches!(home.vault.find(SCHOOL, &[gone.into()]).await.unwrap()[&gone.into()], Found::Destroyed));
}

/// By mistake: the wrapping key of today is what the newest dump needs.
#[tokio::test]
async fn in_an_older_key_store_no_wrapping_key_is_destroyed_that_the_newest_needs() {
    let home = Home::new().await;
    let (gone, stays, new) = (DataKeyId::from(id()), DataKeyId::from(id()), DataKeyId::from(id()));
    home.vault.make_all(SCHOOL, &[gone, stays]).await.unwrap();
    let older = home.rows().await;
    home.vault.destroy(SCHOOL, &[gone]).await.unwrap();
    let newest = home.rows().await;
    home.restore(older).await;
    // What is left over is destroyed by itself; then somebody comes and is forgotten.
    home.vault.destroy(SCHOOL, &[gone]).await.unwrap();
    home.vault.make(SCHOOL, new).await.unwrap();
    let refused = home.vault.destroy(SCHOOL, &[new]).await;
    assert!(matches!(refused, Err(VaultError::Outdated)), "{refused:?}");
    assert!(matches!(home.vault.find(SCHOOL, &[new]).await.unwrap()[&new], Found::Key(_)), "nothing was done");
    home.restore(newest).await;
    assert!(matches!(home.vault.find(SCHOOL, &[stays]).await.unwrap()[&stays], Found::Key(_)));
    assert_eq!(home.vault.destroy(SCHOOL, &[new]).await.unwrap(), 1);
}

/// It had no key of the school at all, or all that it had is forgotten since.
#[tokio::test]
async fn an_older_key_store_that_has_nothing_left_to_tell_by_destroys_no_wrapping_key_either() {
    for had in [0, 1] {
        let home = Home::new().await;
        let (gone, stays, new) = (DataKeyId::from(id()), DataKeyId::from(id()), DataKeyId::from(id()));
        home.vault.make(SCHOOL, gone).await.unwrap();
        let older: Vec<_> = home.rows().await.into_iter().take(had).collect();
        let sealed = home.vault.make(SCHOOL, stays).await.unwrap().seal(PLACE, &"Alex Example".to_owned()).unwrap();
        home.vault.destroy(SCHOOL, &[gone]).await.unwrap();
        let newest = home.rows().await;
        home.replace(older).await;
        home.vault.destroy(SCHOOL, &[gone]).await.unwrap();
        home.vault.make(SCHOOL, new).await.unwrap();
        let refused = home.vault.destroy(SCHOOL, &[new]).await;
        assert!(matches!(refused, Err(VaultError::Outdated)), "{refused:?}");
        assert!(matches!(home.find(new).await, Found::Key(_)), "nothing was done");
        if had == 0 {
            home.keep_for_good(2).await;
            assert_eq!(home.vault.destroy(SCHOOL, &[new]).await.unwrap(), 1);
            continue;
        }
        home.replace(newest).await;
        assert_eq!(opens(key(&home.find(stays).await), &sealed).unwrap(), "Alex Example");
        assert_eq!(home.vault.destroy(SCHOOL, &[stays]).await.unwrap(), 1);
    }
}

/// What was destroyed before is of the newest version too: of an older store it is not.
#[tokio::test]
async fn a_store_from_between_two_forgettings_is_an_older_one() {
    let home = Home::new().await;
    let (first, second, new) = (DataKeyId::from(id()), DataKeyId::from(id()), DataKeyId::from(id()));
    home.vault.make_all(SCHOOL, &[first, second]).await.unwrap();
    home.vault.destroy(SCHOOL, &[first]).await.unwrap();
    let between = home.rows().await;
    home.vault.destroy(SCHOOL, &[second]).await.unwrap();
    assert!(home.rows().await.iter().all(|(_, version, wrapped)| *version == 3 && wrapped.is_none()));
    home.replace(between).await;
    home.vault.destroy(SCHOOL, &[second]).await.unwrap();
    home.vault.make(SCHOOL, new).await.unwrap();
    assert!(matches!(home.vault.destroy(SCHOOL, &[new]).await, Err(VaultError::Outdated)));
}

/// An old copy of the file would show whom a school has forgotten, with a dump of its time.
#[tokio::test]
async fn an_older_copy_of_the_key_file_is_not_taken() {
    let (home, gone) = (Home::new().await, DataKeyId::from(id()));
    home.vault.make(SCHOOL, gone).await.unwrap();
    let path = home.directory.join("wrapping.keys");
    let older = fs::read_to_string(&path).unwrap();
    home.vault.destroy(SCHOOL, &[gone]).await.unwrap();
    let newest = fs::read_to_string(&path).unwrap();
    fs::write(&path, older).unwrap();
    let refused = vault(&home.pool, &home.directory).await;
    assert!(matches!(refused, Err(VaultError::OlderKeyFile { found: 2, seen: 3 })), "{refused:?}");
    // Where the newest is lost for good, the store is told so.
    let mut owner = PgConnection::connect_with(&home.options).await.unwrap();
    sqlx::query!("UPDATE keys.wrapping_file SET changes = 2").execute(&mut owner).await.unwrap();
    home.another().await;
    fs::write(&path, newest).unwrap();
    home.another().await;
}

/// Else a key that the newest file opens would be taken for one that nothing opens, and stay in every dump; and a new one would
/// be lost with the older file.
#[tokio::test]
async fn an_older_copy_of_the_key_file_makes_and_destroys_nothing_in_a_process_that_runs() {
    let (home, first, gone) = (Home::new().await, DataKeyId::from(id()), DataKeyId::from(id()));
    home.vault.make_all(SCHOOL, &[first, gone]).await.unwrap();
    let path = home.directory.join("wrapping.keys");
    let older = fs::read_to_string(&path).unwrap();
    home.vault.destroy(SCHOOL, &[first]).await.unwrap();
    let (newest, dump) = (fs::read_to_string(&path).unwrap(), home.rows().await);
    fs::write(&path, &older).unwrap();
    let refused = home.vault.destroy(SCHOOL, &[gone]).await;
    assert!(matches!(refused, Err(VaultError::OlderKeyFile { found: 2, seen: 3 })), "{refused:?}");
    let refused = home.vault.make(SCHOOL, id().into()).await;
    assert!(matches!(refused, Err(VaultError::OlderKeyFile { found: 2, seen: 3 })), "{refused:?}");
    assert_eq!((fs::read_to_string(&path).unwrap(), home.rows().await), (older, dump.clone()), "nothing was done");
    fs::write(&path, newest).unwrap();
    assert_eq!(home.vault.destroy(SCHOOL, &[gone]).await.unwrap(), 1);
    home.replace(dump).await;
    let lacking = home.vault.find(SCHOOL, &[gone]).await;
    assert!(matches!(lacking, Err(VaultError::KeyFile(KeyFileError::Lacking { version: 2, .. }))), "{lacking:?}");
}

#[tokio::test]
async fn a_destruction_that_was_cut_short_is_finished_by_asking_again() {
    let (home, gone) = (Home::new().await, DataKeyId::from(id()));
    home.vault.make(SCHOOL, gone).await.unwrap();
    let before = fs::read_to_string(home.directory.join("wrapping.keys")).unwrap();
    home.vault.destroy(SCHOOL, &[gone]).await.unwrap();
    // The process died between the two: the rows are written anew, and the old wrapping key is there still.
    let after = fs::read_to_string(home.directory.join("wrapping.keys")).unwrap();
    let old = before.split_once('\n').unwrap().1;
    fs::write(home.directory.join("wrapping.keys"), format!("{after}{old}")).unwrap();
    home.vault.destroy(SCHOOL, &[gone]).await.unwrap();
    let left = fs::read_to_string(home.directory.join("wrapping.keys")).unwrap();
    assert!(!old.is_empty() && !left.contains(old));
}

#[tokio::test]
async fn keys_that_are_made_while_others_are_destroyed_are_never_lost() {
    let home = Home::new().await;
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
        assert_eq!(home.vault.destroy(SCHOOL, &[gone]).await.unwrap(), 1);
    }
    let made = makers.join_all().await.concat();
    let ids: Vec<_> = made.iter().map(|(id, _)| *id).collect();
    let keys = home.another().await.find(SCHOOL, &ids).await.unwrap();
    for (id, sealed) in made {
        assert_eq!(opens(key(&keys[&id]), &sealed).unwrap(), "Alex Example");
    }
}

#[tokio::test]
async fn a_key_store_is_used_with_its_own_key_file_and_no_other() {
    let home = Home::new().await;
    let elsewhere = home.directory.join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    assert!(matches!(vault(&home.pool, &elsewhere).await, Err(VaultError::OtherKeyFile)));
    home.another().await;
}

#[tokio::test]
async fn a_key_moved_to_another_row_does_not_open() {
    let (home, one, other) = (Home::new().await, id(), id());
    for key in [one, other] {
        home.vault.make(SCHOOL, key.into()).await.unwrap();
    }
    let mut owner = PgConnection::connect_with(&home.options).await.unwrap();
    sqlx::query!(
        "UPDATE keys.data_key SET wrapped = (SELECT o.wrapped FROM keys.data_key o WHERE o.key_id = $2) WHERE key_id = $1",
        one,
        other
    )
    .execute(&mut owner)
    .await
    .unwrap();
    assert!(matches!(home.vault.find(SCHOOL, &[one.into()]).await, Err(VaultError::Unwrapped)));
}

#[tokio::test]
async fn without_a_key_store_nothing_is_sealed() {
    assert!(matches!(Vault::none().make(SCHOOL, id().into()).await, Err(VaultError::NoKeyStore)));
}
