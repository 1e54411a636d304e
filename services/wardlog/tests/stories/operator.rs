//! What an operator does by the command line, beside a house that runs.

use std::{
    process::{Command, Output, Stdio},
    time::Duration,
};

use reqwest::StatusCode;
use sqlx::ConnectOptions;

use crate::town::{Town, event};

/// Runs `wardlog` on the town's database.
pub fn wardlog(town: &Town, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_wardlog"))
        .args(arguments)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("DATABASE_URL", town.records.database.to_url_lossy().as_str())
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

/// What it printed, if it did what it was told.
pub fn printed(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap().trim().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_opens_the_door_until_it_is_refused_and_is_shown_once() {
    let town = Town::start().await;
    let issued = wardlog(&town, &["key", "issue", "--urn", "100001", "--source", "Main filter"]);
    let key = printed(&issued);
    let told = String::from_utf8(issued.stderr).unwrap();
    let id = told.strip_prefix("key ").and_then(|told| told.split(' ').next()).unwrap();
    assert!(!told.contains(&key), "beside the key itself nothing repeats it");
    town.send(&key, "b-1", &[event("gambling", "blocked")]).await;

    let refused = printed(&wardlog(&town, &["key", "revoke", id]));
    assert!(refused.contains(id) && refused.contains("5 seconds"), "{refused}");
    let closed = async {
        let url = town.door("/v1/batches/b-1");
        while town.client.get(&url).bearer_auth(&key).send().await.unwrap().status() != StatusCode::UNAUTHORIZED {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), closed).await.expect("refused everywhere within 5 s");
    let again = wardlog(&town, &["key", "revoke", id]);
    assert!(printed(&again).contains(id), "asked again, it is so");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_is_told_with_what_to_do_next() {
    let town = Town::start().await;
    for (arguments, said) in [
        (["key", "issue", "--urn", "100099", "--source", "Main filter"].as_slice(), "import the register first"),
        (&["key", "revoke", "00000000-0000-0000-0000-000000000042"], "no ingest key has the id"),
    ] {
        let output = wardlog(&town, arguments);
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && told.contains(said), "{told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directorys_key_opens_its_door_until_it_is_refused() {
    let town = Town::start().await;
    let issued = wardlog(&town, &["key", "issue-scim", "--urn", "100001"]);
    let key = printed(&issued);
    let told = String::from_utf8(issued.stderr).unwrap();
    let id = told.strip_prefix("key ").and_then(|told| told.split(':').next()).unwrap();
    assert!(!told.contains(&key), "beside the key itself nothing repeats it");
    let url = town.scim("/Users");
    let status = async || town.client.get(&url).bearer_auth(&key).send().await.unwrap().status();
    assert_eq!(status().await, StatusCode::OK);
    let refused = printed(&wardlog(&town, &["key", "revoke", id]));
    assert!(refused.contains(id) && refused.contains("5 seconds"), "{refused}");
    let closed = async {
        while status().await != StatusCode::UNAUTHORIZED {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), closed).await.expect("refused everywhere within 5 s");
}
