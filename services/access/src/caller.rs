//! A caller as the rest of the program knows one.

use std::{collections::BTreeSet, fmt, str::FromStr};

use eventlog::Owner;
use schema::{IdError, SchoolId, TrustId};
use serde::Deserialize;

use crate::HeldRoles;

/// One thing that a caller may read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// A trust's online-safety lead: rounded figures of the trust's schools.
    Trust(TrustId),
    /// A school's own safeguarding staff: all of that school, its figures exactly.
    School(SchoolId),
    /// A school's governor, or whoever else reviews it: rounded figures of that school.
    ReviewedSchool(SchoolId),
    /// A school's technical staff: its filters and what they send that cannot be read.
    Filters(SchoolId),
    /// A data protection officer: who is known at a school or trust, and who read who they are.
    People(Owner),
}

/// All that a caller may read; row-level security is set from it. Empty, it is nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scopes(BTreeSet<Scope>);

impl Scopes {
    /// Each of them, always in the same order.
    pub fn iter(&self) -> impl Iterator<Item = Scope> {
        self.0.iter().copied()
    }
}

impl From<Scope> for Scopes {
    fn from(scope: Scope) -> Self {
        Self([scope].into())
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        Self(scopes.into_iter().collect())
    }
}

/// Somebody whose token was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Who it is, in the issuer's words.
    pub subject: Subject,
    /// Who says so.
    pub issuer: IssuerName,
    /// The roles that the caller holds: as the token says, where its issuer is trusted with that; none otherwise, until
    /// the record is asked ([`crate::Roles`]).
    pub roles: HeldRoles,
    /// Whether the caller has lately shown a second factor to the issuer (R220).
    pub second_factor: bool,
}

/// The issuer's own name for a caller: 1 to 255 characters (OIDC Core 1.0, section 2), none of them control.
///
/// It may be personal data, so it is not shown by `Debug`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Subject(String);

/// An issuer's name: the exact text of `iss`, compared byte by byte (RFC 7519, section 4.1.1).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct IssuerName(String);

fn is_name(text: &str) -> bool {
    (1..=255).contains(&text.chars().count()) && !text.chars().any(char::is_control)
}

impl FromStr for Subject {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        if is_name(text) {
            Ok(Self(text.to_owned()))
        } else {
            Err(IdError { expected: "1 to 255 printable characters" })
        }
    }
}

impl Subject {
    /// The issuer's words, for a record that needs them.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Subject(…)")
    }
}

impl FromStr for IssuerName {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        if is_name(text) {
            Ok(Self(text.to_owned()))
        } else {
            Err(IdError { expected: "1 to 255 printable characters" })
        }
    }
}

impl TryFrom<String> for IssuerName {
    type Error = IdError;

    fn try_from(text: String) -> Result<Self, IdError> {
        text.parse()
    }
}

impl IssuerName {
    /// The gateway, as the services behind it know it.
    pub(crate) fn gateway() -> Self {
        Self("wardlog-gateway".to_owned())
    }

    /// The text of `iss`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for IssuerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_has_1_to_255_printable_characters() {
        assert!("ä".repeat(255).parse::<Subject>().is_ok());
        for wrong in [String::new(), "x".repeat(256), "a\nb".to_owned(), "a\0".to_owned()] {
            assert!(wrong.parse::<Subject>().is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn an_issuers_name_is_shown_as_it_is() {
        let issuer: IssuerName = "https://id.example".parse().unwrap();
        assert_eq!(issuer.to_string(), issuer.as_str());
    }

    #[test]
    fn debug_does_not_show_a_subject() {
        let subject: Subject = "j.smith@school.example".parse().unwrap();
        assert!(!format!("{subject:?}").contains("smith"));
    }
}
