//! An address at which somebody is reached for work.

use std::str::FromStr;

use schema::IdError;
use serde::{Deserialize, Serialize};

/// The longest address that mail servers take (RFC 5321, section 4.5.3.1.3).
const LONGEST: usize = 254;

/// An address with one `@` between two parts, without blanks and control characters. Whether it takes mail, only mail tells.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Email(String);

impl Email {
    /// The address as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Email {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let text = text.trim();
        let parts = text.split_once('@').filter(|(local, domain)| !local.is_empty() && !domain.is_empty());
        let plain = !text.contains(|c: char| c.is_whitespace() || c.is_control());
        if plain && text.len() <= LONGEST && parts.is_some_and(|(_, domain)| !domain.contains('@')) {
            Ok(Self(text.to_owned()))
        } else {
            Err(IdError { expected: "an e-mail address of at most 254 characters" })
        }
    }
}

impl TryFrom<String> for Email {
    type Error = IdError;

    fn try_from(text: String) -> Result<Self, IdError> {
        text.parse()
    }
}

impl From<Email> for String {
    fn from(email: Email) -> Self {
        email.0
    }
}

impl std::fmt::Debug for Email {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Email(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_one_at_between_two_parts() {
        assert_eq!(" alex@school.example ".parse::<Email>().unwrap().as_str(), "alex@school.example");
        let long = format!("{}@school.example", "x".repeat(240));
        for wrong in
            ["", "alex", "@school.example", "alex@", "a@b@c", "a b@school.example", "a@school\n.example", &long]
        {
            assert!(wrong.parse::<Email>().is_err(), "{wrong:?}");
        }
    }
}
