//! The demo, as `make demo ONCE=1` runs it, with fewer events.

use std::process::Command;

use wardlog::demo;

use crate::town::{Town, temporary};

#[test]
fn the_demo_counts_exactly_what_it_sent_and_prints_what_a_visitor_needs() {
    let home = temporary("demo");
    let output = Command::new(env!("CARGO_BIN_EXE_wardlog"))
        .args(["demo", "--once", "--events-per-pupil", "1", "--listen", "127.0.0.1:0"])
        .env("WARDLOG_HOME", &home)
        .env_remove("DATABASE_URL")
        .output()
        .unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{printed}\n{errors}");
    for expected in
        ["UNITED LEARNING TRUST", "generated", "/graphql", "MAT lead", "DSL", "Governor", " squid: ", " e2guardian: "]
    {
        assert!(printed.contains(expected), "{expected} is missing from:\n{printed}");
    }
    let _ = std::fs::remove_dir_all(home);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_finds_the_schools_of_the_trust_that_it_is_told_in_the_directory() {
    let town = Town::start().await;
    let options = demo::Options {
        listen: town.address(),
        trust_uid: "16669".parse().unwrap(),
        events_per_pupil: 1,
        seed: 1,
        date: None,
        batch: 500,
        concern: 100,
        high_concern: 100,
        duplicates: 0,
        no_real_filters: true,
        once: true,
    };
    let world = demo::World { address: town.address(), database: town.records.database.clone(), issuer: town.issuer };
    assert!(demo::run(&options, world).await.unwrap(), "GraphQL answers what was sent");
}
