//! `schema/events/released.blake3`: what is released does not change.

use std::collections::BTreeMap;

use crate::corpus::{MANIFEST, files, manifest};

/// What is wrong with the files, and what to do.
fn wrongs(manifest: &str, files: &BTreeMap<String, Vec<u8>>) -> Vec<String> {
    let mut wrongs = vec![];
    let mut listed = BTreeMap::new();
    for line in manifest.lines() {
        match line.split_once("  ") {
            Some((hash, path)) if listed.insert(path, hash).is_none() => {}
            _ => wrongs.push(format!("{MANIFEST}: expected a hash, two blanks and a path, each path once: {line:?}")),
        }
    }
    for (path, hash) in &listed {
        match files.get(*path) {
            None => wrongs.push(format!("{path} is released: put it back; events of its version are read for ever")),
            Some(bytes) if blake3::hash(bytes).to_string() != *hash => wrongs.push(format!(
                "{path} is released: put it back as it was, and add a new version beside it (schema/README.md)"
            )),
            Some(_) => {}
        }
    }
    let new = files.iter().filter(|(path, _)| !listed.contains_key(path.as_str()));
    let new: Vec<_> = new.map(|(path, bytes)| format!("{}  {path}\n", blake3::hash(bytes))).collect();
    if !new.is_empty() {
        let lines = new.concat();
        wrongs.push(format!("new files: when they are as they shall be for ever, add to {MANIFEST}:\n{lines}"));
    }
    wrongs
}

#[test]
fn every_released_file_is_as_it_was_and_every_file_is_released() {
    let wrongs = wrongs(&manifest(), &files());
    assert!(wrongs.is_empty(), "schema/events:\n{}", wrongs.join("\n"));
}

fn told(manifest: &str, files: &[(&str, &[u8])]) -> Vec<String> {
    wrongs(manifest, &files.iter().map(|&(path, bytes)| (path.to_owned(), bytes.to_vec())).collect())
}

#[test]
fn a_file_that_was_changed_or_removed_or_not_listed_is_refused_with_what_to_do() {
    let hash = blake3::hash(b"{}").to_string();
    let manifest = format!("{hash}  a/v1.sample.json\n");
    assert_eq!(told(&manifest, &[("a/v1.sample.json", b"{}")]), [""; 0]);
    for (files, says) in [
        (&[("a/v1.sample.json", &b"{}\n"[..])][..], "add a new version beside it"),
        (&[], "put it back"),
        (&[("a/v1.sample.json", b"{}"), ("a/v2.sample.json", b"{}")], &format!(":\n{hash}  a/v2.sample.json\n")),
    ] {
        let told = told(&manifest, files);
        assert!(told.len() == 1 && told[0].contains(says), "{told:?}");
    }
}

#[test]
fn a_manifest_that_says_two_things_of_a_file_or_nothing_is_refused() {
    let line = format!("{}  a/v1.sample.json\n", blake3::hash(b"{}"));
    for manifest in [line.repeat(2), format!("{line}\n"), format!("{line}# a remark\n")] {
        assert_eq!(told(&manifest, &[("a/v1.sample.json", b"{}")]).len(), 1, "{manifest}");
    }
}
