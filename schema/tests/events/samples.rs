//! Every frozen sample is as its schema says, is read, and is lifted to the current version.

use serde_json::Value;

use crate::corpus::{Released, released};

fn json(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap()
}

/// Every sample, by its path.
fn every_sample(mut each: impl FnMut(&Released, &str, &[u8])) {
    for released in &released() {
        for (path, bytes) in &released.samples {
            each(released, path, bytes);
        }
    }
}

#[test]
fn every_sample_is_as_its_schema_says() {
    every_sample(|released, path, bytes| assert_eq!(released.schema.check(&json(bytes)), Ok(()), "{path}"));
}

#[test]
fn every_sample_is_read_and_written_as_an_event_of_the_current_version() {
    let all = released();
    every_sample(|sample, path, bytes| {
        let written = (sample.family.rewrite)(sample.name, sample.version, bytes);
        let written = written.unwrap_or_else(|error| panic!("{path}: {error}"));
        let current = all.iter().find(|of| of.name == sample.name).unwrap();
        assert_eq!((written.name, written.version), (sample.name, current.version), "{path}");
        assert_eq!(current.schema.check(&json(&written.payload)), Ok(()), "{path}, lifted");
    });
}

#[test]
fn a_sample_of_the_current_version_is_written_again_byte_for_byte() {
    every_sample(|released, path, bytes| {
        let written = (released.family.rewrite)(released.name, released.version, bytes).unwrap();
        if written.version == released.version {
            let (is, was) = (String::from_utf8_lossy(&written.payload), String::from_utf8_lossy(bytes));
            assert_eq!(is, was, "{path}: a sample is one line without an end, just as serde writes the payload");
        }
    });
}

#[test]
fn what_may_be_null_is_seen_with_a_value_and_without() {
    for Released { schema, samples, name, version, .. } in released() {
        for (property, _) in schema.properties.iter().filter(|(_, property)| property.takes_null()) {
            let seen = |null| samples.values().any(|bytes| json(bytes)[property].is_null() == null);
            assert!(
                seen(true) && seen(false),
                "{name} {version}: {property} is null in one sample, and not in another"
            );
        }
    }
}
