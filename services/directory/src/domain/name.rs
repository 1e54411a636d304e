//! A name as people write it.

use std::{fmt, str::FromStr};

use schema::IdError;
use serde::{Deserialize, Serialize};

/// The longest name; the longest in the national register has some 120 characters.
const LONGEST: usize = 200;

/// A name of 1 to 200 characters, without blanks around it, control characters or U+FFFD (a character that was lost).
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(String);

impl Name {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Without the name, which may be somebody's.
impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Name")
    }
}

impl FromStr for Name {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let expected = |expected| Err(IdError { expected });
        let text = text.trim();
        if text.is_empty() {
            expected("a text that is not blank")
        } else if text.contains(char::REPLACEMENT_CHARACTER) {
            expected("a text in which no character was lost (U+FFFD)")
        } else if text.chars().any(char::is_control) {
            expected("a text without control characters")
        } else if text.chars().count() > LONGEST {
            expected("a text of at most 200 characters")
        } else {
            Ok(Self(text.to_owned()))
        }
    }
}

impl TryFrom<String> for Name {
    type Error = IdError;

    fn try_from(text: String) -> Result<Self, IdError> {
        text.parse()
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_loses_the_blanks_around_it() {
        assert_eq!("  St Mary’s \u{a0}".parse::<Name>().unwrap().as_str(), "St Mary’s");
    }

    #[test]
    fn what_is_blank_damaged_or_endless_is_no_name() {
        for wrong in ["", " \u{a0}\t", "St Mary\u{fffd}s", "two\nlines", &"x".repeat(201)] {
            assert!(wrong.parse::<Name>().is_err(), "{wrong:?}");
        }
    }
}
