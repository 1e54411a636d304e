//! The proof of forgetting on the embedded default: two servers of its own, a process of the binary, and all files that they keep.

use std::fs;

use database::private::PrivateServer;
use wardlog::home::{self, Home};

use super::*;
use crate::{
    canaries::everywhere,
    town::{apart::Apart, issuer},
};

/// R276, UK GDPR Art. 17.
#[tokio::test(flavor = "multi_thread")]
async fn on_no_file_of_both_servers_and_the_process_stands_who_was_forgotten_or_what_opened_it() {
    let directory = temporary("embedded");
    let (kept_home, issuer) = (Home::open(&directory).unwrap(), issuer());
    let servers = [kept_home.postgres().unwrap(), kept_home.key_store().unwrap()];
    let log = home::prepare(&servers[0].options(), home::DATABASE).await.unwrap();
    let keys = home::prepare_key_store(&servers[1].options()).await.unwrap();
    let records = Records::import(log.clone(), "2026-09-01").await;
    let embedded = Apart::embedded(&directory, &issuer).await;
    let mut town = Town::of(records, issuer, embedded);
    let school = School::of(&town, (log, keys, directory.join("wrapping.keys"))).await;
    assert_eq!(school.shows(&town).await, school.everybody());
    let of_then = school.wrapped_by();
    let before = [dump(&school.log).await, dump(&school.keys).await];
    school.forget(&town).await;
    assert_eq!(school.shows(&town).await, all_but_the_forgotten());
    let after = [dump(&school.log).await, dump(&school.keys).await];
    town.stop();
    for pool in [&town.records.directory, &town.records.projections] {
        pool.close().await;
    }
    // The process has stopped the one that nobody else was connected to.
    for server in &servers {
        let _ = PrivateServer::stop(server);
    }
    assert!(!["postgres", "keys"].iter().any(|server| directory.join(server).join("data/postmaster.pid").exists()));

    let mut kept = everywhere::files(&directory);
    kept.extend(before.into_iter().chain(after).map(|dump| Kept::of("a dump", dump)));
    for place in ["postgres/data/pg_wal", "postgres/data/base", "keys/data/pg_wal", "keys/data/base", "wardlog.log"] {
        assert!(kept.iter().any(|kept| kept.place.contains(place)), "{place} was looked at");
    }
    let public = school.people[0].as_str().unwrap();
    assert!(kept.iter().any(|kept| kept.place.contains("pg_wal") && kept.has(public)), "an id is found in the log");
    assert_eq!(places(&kept, &school.canary), Vec::<String>::new());
    for key in of_then {
        let bytes = data_encoding::BASE64URL_NOPAD.decode(key.as_bytes()).unwrap();
        let found = kept.iter().find(|kept| kept.has(&key) || kept.has_bytes(&bytes));
        assert!(found.is_none(), "what wrapped the keys of then is in {}", found.unwrap().place);
    }
    fs::remove_dir_all(directory).unwrap();
}
