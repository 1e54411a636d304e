//! Whether a value is as a schema says, for the part of JSON Schema that `schema/events` uses, and no more.
//!
//! A schema with a keyword, type, format or pattern that is not named here does not parse, so that nothing goes
//! unchecked.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate};
use serde::Deserialize;
use serde_json::{Map, Value};
use uuid::Uuid;

/// A schema of JSON Schema 2020-12.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Schema {
    #[serde(rename = "$schema")]
    pub dialect: Option<String>,
    pub title: Option<String>,
    pub description: Option<String>,
    #[serde(rename = "type")]
    types: Types,
    #[serde(default)]
    pub required: BTreeSet<String>,
    pub additional_properties: Option<bool>,
    #[serde(default)]
    pub properties: BTreeMap<String, Schema>,
    #[serde(rename = "enum")]
    pub words: Option<BTreeSet<String>>,
    pattern: Option<Pattern>,
    format: Option<Format>,
    pub minimum: Option<i64>,
    pub maximum: Option<i64>,
    pub min_length: Option<usize>,
    pub max_length: Option<usize>,
    pub items: Option<Box<Schema>>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Types {
    One(Type),
    Several(Vec<Type>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Type {
    Object,
    Array,
    String,
    Integer,
    Null,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Format {
    Uuid,
    Date,
    #[serde(rename = "date-time")]
    DateTime,
}

#[derive(Debug, Clone, Copy, Deserialize)]
enum Pattern {
    #[serde(rename = "^[0-9]{1,6}$")]
    TrustUid,
    #[serde(rename = "^[0-9a-f]{64}$")]
    Hash,
    #[serde(rename = "^[0-9a-f]{32}$")]
    LoginName,
    #[serde(rename = "^[0-9a-f]{16}$")]
    Pseudonym,
    #[serde(rename = "^[0-9a-f-]{36}\\.[A-Za-z0-9_-]+$")]
    Sealed,
}

impl Schema {
    /// Whether `null` is a value.
    pub fn takes_null(&self) -> bool {
        self.takes(Type::Null)
    }

    fn takes(&self, wanted: Type) -> bool {
        match &self.types {
            Types::One(one) => *one == wanted,
            Types::Several(several) => several.contains(&wanted),
        }
    }

    /// The first rule that `value` breaks.
    pub fn check(&self, value: &Value) -> Result<(), String> {
        let (of, holds) = match value {
            Value::Null => (Type::Null, true),
            Value::Object(fields) => {
                self.check_fields(fields)?;
                (Type::Object, true)
            }
            Value::String(text) => (Type::String, self.allows_text(text)),
            Value::Number(number) => {
                let number = number.as_i64().ok_or_else(|| format!("{number} is no integer"))?;
                let (low, high) = (self.minimum.unwrap_or(i64::MIN), self.maximum.unwrap_or(i64::MAX));
                (Type::Integer, (low..=high).contains(&number))
            }
            Value::Array(items) => {
                let of = self.items.as_ref().ok_or("a list is of what its schema does not say")?;
                items.iter().try_for_each(|item| of.check(item))?;
                (Type::Array, true)
            }
            Value::Bool(_) => return Err(format!("{value} is of a type that no schema uses")),
        };
        if self.takes(of) && holds { Ok(()) } else { Err(format!("{value} is refused")) }
    }

    fn check_fields(&self, fields: &Map<String, Value>) -> Result<(), String> {
        if let Some(missing) = self.required.iter().find(|name| !fields.contains_key(*name)) {
            return Err(format!("{missing} is missing"));
        }
        for (name, value) in fields {
            match self.properties.get(name) {
                Some(property) => property.check(value).map_err(|wrong| format!("{name}: {wrong}"))?,
                None if self.additional_properties == Some(false) => return Err(format!("{name} is unknown")),
                None => {}
            }
        }
        Ok(())
    }

    fn allows_text(&self, text: &str) -> bool {
        let length = text.chars().count();
        self.words.as_ref().is_none_or(|words| words.contains(text))
            && (self.min_length.unwrap_or(0)..=self.max_length.unwrap_or(usize::MAX)).contains(&length)
            && self.pattern.is_none_or(|pattern| pattern.allows(text))
            && self.format.is_none_or(|format| format.allows(text))
    }
}

impl Format {
    fn allows(self, text: &str) -> bool {
        match self {
            Self::Uuid => text.len() == 36 && Uuid::try_parse(text).is_ok(),
            Self::Date => text.len() == 10 && NaiveDate::parse_from_str(text, "%Y-%m-%d").is_ok(),
            Self::DateTime => text.ends_with('Z') && DateTime::parse_from_rfc3339(text).is_ok(),
        }
    }
}

impl Pattern {
    fn allows(self, text: &str) -> bool {
        match self {
            Self::TrustUid => (1..=6).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit()),
            Self::Hash => is_lower_hex(text, 64),
            Self::LoginName => is_lower_hex(text, 32),
            Self::Pseudonym => is_lower_hex(text, 16),
            Self::Sealed => text.split_once('.').is_some_and(|(key, sealed)| {
                let base64url = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
                Format::Uuid.allows(key) && !sealed.is_empty() && sealed.bytes().all(base64url)
            }),
        }
    }
}

fn is_lower_hex(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

mod tests;
