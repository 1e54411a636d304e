//! The wrapping keys in HashiCorp Vault: told to the processes by their settings, and used by each of them.

use std::fs;

use access::HeldRole;
use reqwest::Method;
use serde_json::{Value, json};
use vault::scratch::Server;

use crate::{
    flagged,
    forgetting::Dsl,
    people::{LEAVE, READ, RECORD, tell},
    town::{Records, Town, apart::Apart, issuer},
};

const STAYS: &str = "Somebody who stays";

/// R276, UK GDPR Art. 17.
#[tokio::test(flavor = "multi_thread")]
async fn the_names_of_a_school_are_sealed_read_and_forgotten_with_keys_that_no_process_sees() {
    let (server, issuer) = (Server::shared().await, issuer());
    let engine = server.engine().await;
    let token = fs::read_to_string(&engine.token).unwrap();
    let records = Records::import(database::scratch::database().await, "2026-09-01").await;
    let variables = vec![
        ("VAULT_TRANSIT_URL", engine.url.to_string()),
        ("VAULT_TRANSIT_TOKEN_FILE", engine.token.display().to_string()),
        ("VAULT_TRANSIT_CACERT", engine.authorities.unwrap().display().to_string()),
    ];
    let apart = Apart::start(&records.database, &issuer, variables).await;
    let mut town = Town::of(records, issuer, apart);

    let school = town.records.school(100_001).await;
    let (dsl, at) = (HeldRole::dsl(school), json!({ "schoolId": school }));
    let person = async |command: &str, name: &str| {
        let input = json!({ "at": at, "category": "EMPLOYEE", "name": name });
        tell(&town, dsl, RECORD, command, input).await["done"]["personId"].clone()
    };
    let (gone, stays) = (person("c-1", "Alex Example").await, person("c-2", STAYS).await);
    let names = async |command: &str| {
        let input = json!({ "at": at, "personIds": [gone, stays], "purpose": "STAFFING" });
        let read = tell(&town, dsl, READ, command, input).await["done"]["people"].clone();
        json!([read[0]["name"], read[1]["name"]])
    };
    assert_eq!(names("c-3").await, json!(["Alex Example", STAYS]));
    let asked = json!({ "url": "https://bets.example/", "user": "a.pupil" });
    let blocked = flagged::event(5, "blocked", "gambling", &asked);
    town.send(&town.records.filter(100_001).await, "b-1", &[blocked]).await;

    tell(&town, dsl, LEAVE, "f-1", json!({ "at": at, "personId": gone, "on": "2026-10-01" })).await;
    let by = |subject| Dsl { town: &town, school, subject };
    let ground = json!({ "ground": "ERASURE_REQUEST" });
    by("one").tell("proposeForgetting", "ProposeForgettingInput", "f-2", &gone, ground).await;
    let forgotten = by("two").tell("confirmForgetting", "ForgettingInput", "f-3", &gone, json!({})).await;
    assert_eq!(forgotten["done"]["personId"], gone, "{forgotten}");
    assert_eq!(names("c-4").await, json!([null, STAYS]));

    let mount = engine.url.path().strip_prefix("/v1/").unwrap();
    let key = async |context: &str| {
        let path = format!("{mount}/keys/wardlog-{context}-{school}");
        let key = server.ask(Method::GET, &path, &Value::Null).await["data"].clone();
        (key["min_available_version"].clone(), key["latest_version"].clone())
    };
    assert_eq!(key("directory").await, (json!(2), json!(2)), "the version that opened it is destroyed");
    assert_eq!(key("filtering").await, (json!(0), json!(1)), "that of another service is not");

    let homes = town.stop();
    for entry in fs::read_dir(homes).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            assert!(!path.join("wrapping.keys").exists(), "no process made a key of its own");
        } else if let Ok(text) = fs::read_to_string(&path) {
            assert!(!text.contains(&token), "the token is in {}", path.display());
        }
    }
}
