//! What may go wrong with a key service that does not with a file.

use std::{
    fs::Permissions,
    io::Write,
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
};

use data_encoding::BASE64;
use reqwest::StatusCode;
use serde_json::json;
use vault::TransitError;

use super::*;

/// What Wardlog asks of the engine, as somebody who may do everything.
async fn as_root(settings: &TransitSettings, path: &str, body: Value) -> Value {
    Server::shared().await.ask(Method::POST, &format!("{}/{path}", mount(settings)), &body).await
}

fn key_path() -> String {
    format!("keys/wardlog-directory-{SCHOOL}")
}

/// The oldest version that there is, 0 for the first, and the newest.
async fn versions(home: &Home) -> (i64, i64) {
    let key: Value = serde_json::from_str(&home.wrapping_key().await).unwrap();
    let version = |name: &str| key[name].as_i64().unwrap();
    (version("min_available_version"), version("latest_version"))
}

/// As whoever renews a token writes it.
fn write_token(path: &Path, token: &str) {
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path).unwrap();
    file.write_all(token.as_bytes()).unwrap();
}

async fn with_transit() -> (Home, TransitSettings) {
    let settings = Server::shared().await.engine().await;
    (Home::new(Keeper::Transit(settings.clone())).await, settings)
}

/// The process died after a step of a destruction.
#[tokio::test]
async fn a_destruction_that_was_cut_short_is_finished_by_asking_again() {
    let (home, settings) = with_transit().await;
    let (gone, stays) = (DataKeyId::from(id()), DataKeyId::from(id()));
    home.vault.make_all(SCHOOL, &[gone, stays]).await.unwrap();
    // The next version was announced and made, and nothing was written.
    sqlx::query!("UPDATE keys.wrapping_key SET announced = 2").execute(&mut home.owner().await).await.unwrap();
    as_root(&settings, &format!("{}/rotate", key_path()), json!({})).await;
    assert_eq!(home.vault.destroy(SCHOOL, &[gone], &[]).await.unwrap(), 1);
    assert_eq!(versions(&home).await, (2, 2), "a version that wraps nothing is taken");
    // The rows are written anew, and no version was destroyed.
    let (again, path) = (DataKeyId::from(id()), key_path());
    home.vault.make(SCHOOL, again).await.unwrap();
    home.dump("before").await;
    as_root(&settings, &format!("{path}/rotate"), json!({})).await;
    sqlx::query!("UPDATE keys.wrapping_key SET announced = 3").execute(&mut home.owner().await).await.unwrap();
    home.vault.make(SCHOOL, DataKeyId::from(id())).await.unwrap();
    sqlx::query!("DELETE FROM keys.data_key WHERE version < 3").execute(&mut home.owner().await).await.unwrap();
    as_root(&settings, &format!("{path}/config"), json!({ "min_decryption_version": 3, "min_encryption_version": 3 }))
        .await;
    assert_eq!(home.vault.destroy(SCHOOL, &[gone], &[]).await.unwrap(), 0);
    assert_eq!(versions(&home).await, (3, 3));
}

/// As when its storage is restored from before the school's first name, or somebody deletes a key.
#[tokio::test]
async fn an_engine_that_lacks_a_version_which_was_used_makes_and_destroys_nothing() {
    let (home, settings) = with_transit().await;
    let key = DataKeyId::from(id());
    home.vault.make(SCHOOL, key).await.unwrap();
    as_root(&settings, &format!("{}/config", key_path()), json!({ "deletion_allowed": true })).await;
    let path = format!("{}/{}", mount(&settings), key_path());
    Server::shared().await.ask(Method::DELETE, &path, &Value::Null).await;
    for refused in [
        home.vault.find(SCHOOL, &[key]).await.map(drop),
        home.vault.make(SCHOOL, id().into()).await.map(drop),
        home.vault.destroy(SCHOOL, &[key], &[]).await.map(drop),
    ] {
        assert!(matches!(refused, Err(VaultError::OlderWrapping)), "{refused:?}");
    }
    let (status, _) =
        Server::shared().await.answer(Server::shared().await.root(), Method::GET, &path, &Value::Null).await;
    assert_eq!(status, StatusCode::NOT_FOUND, "no other was made in its place");
}

/// However the engine is asked: what was destroyed, it has not.
#[tokio::test]
async fn what_was_destroyed_is_opened_by_nobody_who_may_do_everything() {
    let (home, settings) = with_transit().await;
    let gone = DataKeyId::from(id());
    home.vault.make(SCHOOL, gone).await.unwrap();
    let (_, version, wrapped) = home.rows().await.remove(0);
    let bound_to =
        [b"wardlog wrapped 1".as_slice(), SCHOOL.as_bytes(), Uuid::from(gone).as_bytes(), b"directory"].concat();
    let asked = json!({
        "ciphertext": format!("vault:v{version}:{}", BASE64.encode(&wrapped.unwrap())),
        "associated_data": BASE64.encode(&bound_to),
    });
    let path = format!("{}/decrypt/wardlog-directory-{SCHOOL}", mount(&settings));
    let server = Server::shared().await;
    assert!(server.ask(Method::POST, &path, &asked).await["data"]["plaintext"].is_string(), "it is asked rightly");
    home.vault.destroy(SCHOOL, &[gone], &[]).await.unwrap();
    let refused = |path: String, body: Value| async move {
        let (status, answer) = server.answer(server.root(), Method::POST, &path, &body).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{answer}");
    };
    let lowered = json!({ "min_decryption_version": 1, "min_encryption_version": 0 });
    refused(format!("{}/{}/config", mount(&settings), key_path()), lowered).await;
    refused(path, asked).await;
}

#[tokio::test]
async fn a_token_is_read_anew_and_one_that_may_not_is_told_what_it_lacks() {
    let (home, settings) = with_transit().await;
    let (good, key) = (fs::read_to_string(&settings.token).unwrap(), DataKeyId::from(id()));
    fs::write(&settings.token, "hvs.none").unwrap();
    let refused = home.vault.make(SCHOOL, key).await.unwrap_err();
    assert!(matches!(&refused, VaultError::Transit(TransitError::Forbidden { .. })), "{refused}");
    assert!(!refused.to_string().contains("hvs"));
    fs::write(&settings.token, "").unwrap();
    let refused = home.vault.make(SCHOOL, key).await.unwrap_err();
    assert!(refused.to_string().starts_with("VAULT_TRANSIT_TOKEN_FILE: "), "{refused}");
    // Whoever writes it may end it with a line's end.
    fs::write(&settings.token, format!("{good}\n")).unwrap();
    fs::set_permissions(&settings.token, Permissions::from_mode(0o644)).unwrap();
    let refused = home.vault.make(SCHOOL, key).await.unwrap_err();
    assert!(refused.to_string().contains("expected that not everybody may read it"), "{refused}");
    fs::set_permissions(&settings.token, Permissions::from_mode(0o640)).unwrap();
    home.vault.make(SCHOOL, key).await.unwrap();
}

/// Else a mistyped name would be a new key, and nobody would know.
#[tokio::test]
async fn the_token_makes_no_key_by_encrypting() {
    let (_, settings) = with_transit().await;
    let (server, token) = (Server::shared().await, fs::read_to_string(&settings.token).unwrap());
    let body = json!({ "plaintext": BASE64.encode(b"key") });
    let path = format!("{}/encrypt/wardlog-directory-none", mount(&settings));
    assert_eq!(server.answer(&token, Method::POST, &path, &body).await.0, StatusCode::FORBIDDEN);
    let path = format!("{}/keys/wardlog-directory-none", mount(&settings));
    for of_that_kind in [json!({ "type": "aes256-gcm96", "exportable": true }), json!({ "type": "rsa-2048" })] {
        assert_eq!(server.answer(&token, Method::POST, &path, &of_that_kind).await.0, StatusCode::FORBIDDEN);
    }
    let as_it_is = json!({ "type": "aes256-gcm96" });
    assert!(server.answer(&token, Method::POST, &path, &as_it_is).await.0.is_success(), "as Wardlog makes it");
    for change in
        [json!({ "exportable": true }), json!({ "deletion_allowed": true }), json!({ "allow_plaintext_backup": true })]
    {
        assert_eq!(
            server.answer(&token, Method::POST, &format!("{path}/config"), &change).await.0,
            StatusCode::FORBIDDEN
        );
    }
    // Nor any that is not Wardlog's, nor may it take one away or give it out.
    let path = |rest| format!("{}/{rest}", mount(&settings));
    for (method, path) in [
        (Method::POST, path("keys/others")),
        (Method::DELETE, path("keys/wardlog-directory-none")),
        (Method::GET, path("export/encryption-key/wardlog-directory-none")),
        (Method::GET, path("backup/wardlog-directory-none")),
        (Method::POST, path("keys/wardlog-installation/rotate")),
        (Method::POST, path("keys/wardlog-installation/trim")),
        (Method::GET, "auth/token/lookup-self".to_owned()),
    ] {
        assert_eq!(server.answer(&token, method, &path, &json!({})).await.0, StatusCode::FORBIDDEN, "{path}");
    }
}

#[tokio::test]
async fn a_server_that_is_sealed_or_gone_is_told_apart() {
    let server = Server::start().await;
    let settings = server.engine().await;
    let home = Home::new(Keeper::Transit(settings.clone())).await;
    let key = DataKeyId::from(id());
    home.vault.make(SCHOOL, key).await.unwrap();
    server.ask(Method::PUT, "sys/seal", &Value::Null).await;
    let refused = home.vault.find(SCHOOL, &[key]).await.unwrap_err();
    assert!(matches!(refused, VaultError::Transit(TransitError::Sealed)), "{refused}");
    server.unseal().await;
    assert!(matches!(home.find(key).await, Found::Key(_)));
    drop(server);
    let refused = home.vault.find(SCHOOL, &[key]).await.unwrap_err();
    assert!(refused.to_string().starts_with("VAULT_TRANSIT_TOKEN_FILE: "), "its token went with it: {refused}");
    fs::create_dir(settings.token.parent().unwrap()).unwrap();
    write_token(&settings.token, "hvs.none");
    let refused = home.vault.find(SCHOOL, &[key]).await.unwrap_err();
    assert_eq!(refused.to_string(), "HashiCorp Vault cannot be reached: Connection refused (os error 111)");
    fs::remove_dir_all(settings.token.parent().unwrap()).unwrap();
}

#[tokio::test]
async fn a_setting_that_cannot_be_used_is_named() {
    let settings = Server::shared().await.engine().await;
    let nowhere = settings.token.with_extension("none");
    for (wrong, named) in [
        (
            TransitSettings { url: "http://vault.example:8200/v1/transit".parse().unwrap(), ..settings.clone() },
            "VAULT_TRANSIT_URL: ",
        ),
        (TransitSettings { authorities: Some(nowhere.clone()), ..settings.clone() }, "VAULT_TRANSIT_CACERT: "),
        (TransitSettings { token: nowhere, ..settings.clone() }, "VAULT_TRANSIT_TOKEN_FILE: "),
    ] {
        let refused = Transit::new(wrong).unwrap_err();
        assert!(refused.to_string().starts_with(named), "{refused}");
    }
    // A server that another authority vouches for is not shown the token.
    let other = Server::start().await;
    let stranger = TransitSettings { authorities: other.engine().await.authorities, ..settings };
    let home = Home::with_file().await;
    let refused = Vault::open("directory", home.pool.clone(), Transit::new(stranger).unwrap()).await.unwrap_err();
    assert!(matches!(refused, VaultError::Transit(TransitError::Unreachable(_))), "{refused}");
}

#[tokio::test]
async fn a_token_reaches_the_keys_of_its_own_service_alone_and_renews_itself() {
    let (home, settings) = with_transit().await;
    home.vault.make(SCHOOL, id().into()).await.unwrap();
    let (server, mount) = (Server::shared().await, mount(&settings));
    let other = server.token(&[format!("{mount}-filtering")]).await;
    for (method, path) in [
        (Method::GET, format!("{mount}/{}", key_path())),
        (Method::POST, format!("{mount}/{}", key_path())),
        (Method::POST, format!("{mount}/{}/rotate", key_path())),
        (Method::POST, format!("{mount}/{}/trim", key_path())),
        (Method::POST, format!("{mount}/encrypt/wardlog-directory-{SCHOOL}")),
        (Method::POST, format!("{mount}/decrypt/wardlog-directory-{SCHOOL}")),
    ] {
        let (status, _) = server.answer(&other, method, &path, &json!({})).await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{path}");
    }
    let own = format!("{mount}/keys/wardlog-filtering-{SCHOOL}");
    assert!(server.answer(&other, Method::POST, &own, &json!({ "type": "aes256-gcm96" })).await.0.is_success());
    let renewed = server.answer(&other, Method::POST, "auth/token/renew-self", &json!({})).await;
    assert!(renewed.0.is_success(), "{renewed:?}");
}

/// Each request is answered in time, however many keys there are.
#[tokio::test]
async fn the_keys_of_a_large_school_are_wrapped_anew_in_parts() {
    let (home, _) = with_transit().await;
    let ids: Vec<_> = (0..2_100).map(|_| DataKeyId::from(id())).collect();
    home.vault.make_all(SCHOOL, &ids).await.unwrap();
    let last = home.find(ids[2_099]).await;
    let sealed = key(&last).seal(PLACE, &"Alex Example".to_owned()).unwrap();
    assert_eq!(home.vault.destroy(SCHOOL, &ids[..1], &[]).await.unwrap(), 1);
    let found = home.vault.find(SCHOOL, &ids).await.unwrap();
    assert_eq!(found.values().filter(|found| matches!(found, Found::Key(_))).count(), 2_099);
    assert_eq!(opens(key(&found[&ids[2_099]]), &sealed).unwrap(), "Alex Example");
}

/// It is asked for each minute until it is done, and an engine keeps every version's number for ever.
#[tokio::test]
async fn a_destruction_that_fails_again_and_again_makes_one_version() {
    let (home, settings) = with_transit().await;
    let (gone, stays) = (DataKeyId::from(id()), DataKeyId::from(id()));
    home.vault.make_all(SCHOOL, &[gone, stays]).await.unwrap();
    let (server, mount) = (Server::shared().await, mount(&settings));
    let good = fs::read_to_string(&settings.token).unwrap();
    let policy = ["keys", "decrypt", "hmac"]
        .map(|path| format!("path \"{mount}/{path}/wardlog-*\" {{ capabilities = [\"read\", \"update\"] }}"));
    let name = format!("{mount}-that-does-not-wrap");
    server.ask(Method::PUT, &format!("sys/policies/acl/{name}"), &json!({ "policy": policy.join("\n") })).await;
    write_token(&settings.token, &server.token(&[name]).await);
    for _ in 0..3 {
        let refused = home.vault.destroy(SCHOOL, &[gone], &[]).await.unwrap_err();
        assert!(matches!(refused, VaultError::Transit(TransitError::Forbidden { .. })), "{refused}");
    }
    write_token(&settings.token, &good);
    assert_eq!(home.vault.destroy(SCHOOL, &[gone], &[]).await.unwrap(), 1);
    assert_eq!(versions(&home).await, (2, 2));
    assert!(matches!(home.find(stays).await, Found::Key(_)));
}

/// As when its server's name leads to another, or its storage is set up anew.
#[tokio::test]
async fn an_engine_that_takes_anothers_place_makes_no_key() {
    let (home, settings) = with_transit().await;
    home.vault.make(SCHOOL, id().into()).await.unwrap();
    let (server, path) = (Server::shared().await, format!("sys/mounts/{}", mount(&settings)));
    server.ask(Method::DELETE, &path, &Value::Null).await;
    server.ask(Method::POST, &path, &json!({ "type": "transit" })).await;
    let other = Uuid::from_u128(0xb002);
    for refused in
        [home.vault.make(other, id().into()).await.map(drop), vault(&home.pool, &home.wrapping).await.map(drop)]
    {
        assert!(matches!(refused, Err(VaultError::OtherWrapping)), "{refused:?}");
    }
    let examined =
        Vault::examine("directory", &home.pool, home.wrapping.open().unwrap(), BTreeMap::new()).await.unwrap_err();
    assert!(matches!(examined, VaultError::OtherWrapping), "{examined}");
}
