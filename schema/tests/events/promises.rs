//! A schema and the struct of its version say the same: samples are damaged, one property at a time, and shown to both.
//!
//! A schema may promise more of a text than the struct asks for when it is read, such as the length of a name, which
//! the context that writes it keeps; never less.

use std::fs;

use schema::{
    Action, Category, RiskArea, UserGroup, Vocabulary,
    people::{PersonCategory, ReadingPurpose, StaffRole},
};
use serde_json::{Map, Value, json};

use crate::{
    checker::Schema,
    corpus::{Released, below, released},
    families::Written,
};

/// Every word of every vocabulary.
fn words() -> impl Iterator<Item = &'static str> {
    let words = Action::ALL.iter().map(|word| word.as_str());
    let words = words.chain(Category::ALL.iter().map(|word| word.as_str()));
    let words = words.chain(RiskArea::ALL.iter().map(|word| word.as_str()));
    let words = words.chain(UserGroup::ALL.iter().map(|word| word.as_str()));
    let words = words.chain(Vocabulary::ALL.iter().map(|word| word.as_str()));
    let words = words.chain(PersonCategory::ALL.iter().map(|word| word.as_str()));
    let words = words.chain(ReadingPurpose::ALL.iter().map(|word| word.as_str()));
    words.chain(StaffRole::ALL.iter().map(|word| word.as_str()))
}

/// Values to put in a property's place: of every type, and on both sides of its bounds.
fn values(property: &Schema) -> Vec<Value> {
    let (hash, login, pseudonym) = ("f".repeat(64), "0".repeat(32), "0".repeat(16));
    let uuid = "00000000-0000-0000-0000-000000000000";
    let texts = [
        "",
        "x",
        "0",
        "1234567",
        "é",
        "2024-02-29",
        "2026-02-29",
        "2026-11-28T09:14:03Z",
        uuid,
        &hash,
        &login,
        &pseudonym,
    ];
    let bounds = [property.minimum, property.maximum].into_iter().flatten();
    let lengths = [property.min_length, property.max_length].into_iter().flatten();
    let mut values = vec![json!(null), json!(true), json!(-1), json!(0), json!(1.5), json!([]), json!({})];
    values.extend([
        json!([uuid]),
        json!([uuid, uuid]),
        json!([1]),
        json!(["dsl"]),
        json!(["governor", "dpo"]),
        json!(format!("{uuid}.x")),
        json!(format!("{uuid}.")),
    ]);
    values.extend(bounds.flat_map(|bound| [bound - 1, bound, bound + 1]).map(Value::from));
    values.extend(lengths.map(|length| Value::from("é".repeat(length))));
    values.extend(words().map(Value::from).chain(texts.map(Value::from)));
    values.extend(property.words.iter().flatten().map(|word| json!(word)));
    values
}

/// Calls `each` with every sample, one property replaced by one value: the property's schema, the value, the whole.
fn every_damage(mut each: impl FnMut(&Released, &Schema, &Value, &Value)) {
    for released in &released() {
        for bytes in released.samples.values() {
            let sample: Map<String, Value> = serde_json::from_slice(bytes).unwrap();
            for (name, property) in &released.schema.properties {
                for value in values(property) {
                    let mut damaged = sample.clone();
                    damaged.insert(name.clone(), value.clone());
                    each(released, property, &value, &damaged.into());
                }
            }
        }
    }
}

fn read(released: &Released, payload: &Value) -> Option<Written> {
    (released.family.rewrite)(released.name, released.version, payload.to_string().as_bytes()).ok()
}

#[test]
fn what_a_schema_accepts_is_read_and_nothing_of_it_is_lost() {
    every_damage(|released, _, _, damaged| {
        if released.schema.check(damaged).is_ok() {
            let written = read(released, damaged).unwrap_or_else(|| panic!("{} is not read: {damaged}", released.name));
            if written.version == released.version {
                assert_eq!(serde_json::from_slice::<Value>(&written.payload).unwrap(), *damaged, "{}", released.name);
            }
        }
    });
}

/// An older version is not written any more: what else its struct might read does no harm.
#[test]
fn a_value_of_another_type_or_another_number_or_word_is_read_only_where_the_schema_of_the_current_version_accepts_it() {
    every_damage(|released, property, value, damaged| {
        let exact = !value.is_string() || property.words.is_some();
        if exact && read(released, damaged).is_some_and(|written| written.version == released.version) {
            assert_eq!(released.schema.check(damaged), Ok(()), "{} is read: {damaged}", released.name);
        }
    });
}

/// So that a field which is added to a released struct shows, as `null` at least, when a frozen sample is written again.
#[test]
fn no_struct_leaves_a_field_out_when_it_is_written() {
    for path in below("src") {
        let source = fs::read_to_string(&path).unwrap();
        let skips = source.contains("skip_serializing") || source.contains("serde(skip");
        assert!(!skips, "{}: a payload writes every field, null where there is nothing", path.display());
    }
}
