//! The files, as they are found.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use crate::{
    checker::Schema,
    families::{FAMILIES, Family},
};

const EVENTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/events");

/// One hash and path a line; see `released.rs`.
pub const MANIFEST: &str = "released.blake3";

/// Every file below a directory of the crate.
pub fn below(directory: &str) -> Vec<PathBuf> {
    let (mut files, mut directories) = (vec![], vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(directory)]);
    while let Some(directory) = directories.pop() {
        let (inner, here) =
            fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).partition(|p| p.is_dir());
        directories.extend::<Vec<_>>(inner);
        files.extend::<Vec<_>>(here);
    }
    files
}

/// Every file's bytes by its path below `schema/events`, the manifest apart.
pub fn files() -> BTreeMap<String, Vec<u8>> {
    let named =
        |path: PathBuf| (path.strip_prefix(EVENTS).unwrap().to_str().unwrap().to_owned(), fs::read(&path).unwrap());
    let mut files: BTreeMap<_, _> = below("events").into_iter().map(named).collect();
    files.remove(MANIFEST);
    files
}

/// The manifest.
pub fn manifest() -> String {
    fs::read_to_string(Path::new(EVENTS).join(MANIFEST)).unwrap()
}

/// A released version of a type, with its files.
pub struct Released {
    pub family: &'static Family,
    pub name: &'static str,
    pub version: i16,
    pub schema: Schema,
    /// The samples by path.
    pub samples: BTreeMap<String, Vec<u8>>,
}

/// Where a version's schema is.
pub fn schema_path(name: &str, version: i16) -> String {
    format!("{name}/v{version}.schema.json")
}

/// Whether a file is a sample of the version: `v1.sample.json`, or `v1.sample-minimal.json` with any word.
pub fn is_sample(path: &str, name: &str, version: i16) -> bool {
    let word = path.strip_prefix(&format!("{name}/v{version}.sample")).and_then(|rest| rest.strip_suffix(".json"));
    word.is_some_and(|word| word.is_empty() || (word.starts_with('-') && !word.contains(['.', '/'])))
}

/// Every released version of every type.
pub fn released() -> Vec<Released> {
    let files = files();
    let all = FAMILIES.iter().flat_map(|family| family.released.iter().map(move |released| (family, released)));
    all.map(|(family, &(name, version))| {
        let path = schema_path(name, version);
        let text = files.get(&path).unwrap_or_else(|| panic!("expected schema/events/{path}"));
        let schema = serde_json::from_slice(text).unwrap_or_else(|error| panic!("{path}: {error}"));
        let samples = files.iter().filter(|(path, _)| is_sample(path, name, version));
        let samples = samples.map(|(path, bytes)| (path.clone(), bytes.clone())).collect();
        Released { family, name, version, schema, samples }
    })
    .collect()
}
