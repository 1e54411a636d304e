//! Every released version has its files, and every file its released version.

use crate::{
    corpus::{self, is_sample, released, schema_path},
    families::FAMILIES,
};

#[test]
fn every_released_version_has_a_schema_and_a_sample() {
    for released in released() {
        let sample = format!("{}/v{}.sample.json", released.name, released.version);
        assert!(released.samples.contains_key(&sample), "expected schema/events/{sample}");
    }
}

#[test]
fn no_file_is_without_a_released_version() {
    let released: Vec<_> = FAMILIES.iter().flat_map(|family| family.released).collect();
    for path in corpus::files().keys() {
        let belongs =
            |&&(name, version): &&(&str, i16)| *path == schema_path(name, version) || is_sample(path, name, version);
        assert!(released.iter().any(belongs), "schema/events/{path} is of no type and version");
    }
}

#[test]
fn a_schema_tells_its_dialect_and_what_it_is_of() {
    for released in released() {
        let (name, version, schema) = (released.name, released.version, released.schema);
        assert_eq!(schema.dialect.as_deref(), Some("https://json-schema.org/draft/2020-12/schema"), "{name}");
        assert_eq!(schema.title, Some(format!("{name}, version {version}")));
        assert!(schema.description.is_some(), "{name}");
    }
}

#[test]
fn a_payload_has_every_property_and_no_other() {
    for released in released() {
        let (name, version, schema) = (released.name, released.version, released.schema);
        assert!(schema.properties.keys().eq(&schema.required), "{name} {version}: null stands for nothing");
        assert_eq!(schema.additional_properties, Some(false), "{name} {version}");
        let described = schema.properties.values().all(|property| property.description.is_some());
        assert!(described, "{name} {version}");
    }
}
