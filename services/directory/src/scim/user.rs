//! A user: what a directory says of somebody, and what it is told.

use schema::{AccountId, people::PersonCategory, provisioning::Account};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::{
    error::{ScimError, ScimType},
    patch::Change,
    path::{Equals, Path},
};
use crate::domain::{email::Email, name::Name};

/// The schema of a user (RFC 7643, section 4.1).
pub(super) const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";

/// The longest user name, or id of the directory's own.
const LONGEST: usize = 256;

/// Somebody, as the directory knows them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct User {
    pub(super) name: Name,
    pub(super) email: Option<Email>,
    pub(super) category: PersonCategory,
    pub(super) account: Account,
}

/// What a request says of somebody; what it does not speak of stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Said {
    user_name: Spoken<String>,
    external_id: Spoken<String>,
    formatted: Spoken<String>,
    display_name: Spoken<String>,
    given_name: Spoken<String>,
    family_name: Spoken<String>,
    email: Spoken<Email>,
    category: Spoken<PersonCategory>,
    pub(super) active: Option<bool>,
}

/// What is said of one attribute.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
enum Spoken<T> {
    #[default]
    Nothing,
    Cleared,
    Is(T),
}

impl<T: Clone> Spoken<T> {
    fn onto(&self, was: Option<&T>) -> Option<T> {
        match self {
            Self::Nothing => was.cloned(),
            Self::Cleared => None,
            Self::Is(value) => Some(value.clone()),
        }
    }

    const fn value(&self) -> Option<&T> {
        match self {
            Self::Is(value) => Some(value),
            Self::Nothing | Self::Cleared => None,
        }
    }

    const fn is_said(&self) -> bool {
        !matches!(self, Self::Nothing)
    }
}

impl Said {
    /// What a whole user says.
    pub(super) fn of_body(body: Value) -> Result<Self, ScimError> {
        let Value::Object(attributes) = body else {
            return Err(ScimError::wrong(ScimType::InvalidSyntax, "expected a user, as an object"));
        };
        let said = attributes.into_iter().filter(|(_, value)| !value.is_null());
        let paths = said.filter_map(|(name, value)| Some((Path::read(&name)?, Change::Replace(value))));
        Self::of_changes(paths.collect())
    }

    /// What changes say. An attribute that nobody keeps here is passed over: the directory need not know which those are.
    pub(super) fn of_changes(changes: Vec<(Path, Change)>) -> Result<Self, ScimError> {
        let mut said = Self::default();
        for (path, change) in changes {
            match change {
                Change::Add(Value::Null) | Change::Replace(Value::Null) | Change::Remove(_) => said.clear(&path)?,
                Change::Add(value) | Change::Replace(value) => said.set(&path, &value)?,
            }
        }
        Ok(said)
    }

    /// Whether anything is said but whether the user is active.
    pub(super) fn is_of_more_than_active(&self) -> bool {
        Self { active: None, ..self.clone() } != Self::default()
    }

    fn set(&mut self, path: &Path, value: &Value) -> Result<(), ScimError> {
        match (path.attribute.as_str(), path.part.as_deref()) {
            ("username", None) => self.user_name = Spoken::Is(text("userName", value)?),
            ("externalid", None) => self.external_id = Spoken::Is(text("externalId", value)?),
            ("displayname", None) => self.display_name = Spoken::Is(text("displayName", value)?),
            ("name", Some("formatted")) => self.formatted = Spoken::Is(text("name.formatted", value)?),
            ("name", Some("givenname")) => self.given_name = optional(text("name.givenName", value)),
            ("name", Some("familyname")) => self.family_name = optional(text("name.familyName", value)),
            ("name", None) => self.set_name(value)?,
            ("emails", part) => self.set_email(path.of.as_ref(), part, value)?,
            ("usertype", None) => {
                let word = value.as_str().unwrap_or_default().to_lowercase();
                self.category = Spoken::Is(word.parse().map_err(|error| ScimError::value("userType", error))?);
            }
            ("active", None) => self.active = Some(truth(value)?),
            _ => {}
        }
        Ok(())
    }

    fn set_name(&mut self, value: &Value) -> Result<(), ScimError> {
        let Value::Object(parts) = value else { return Err(ScimError::value("name", "expected an object")) };
        for (part, value) in parts.iter().filter(|(_, value)| !value.is_null()) {
            let path = Path { attribute: "name".to_owned(), of: None, part: Some(part.to_ascii_lowercase()) };
            self.set(&path, value)?;
        }
        Ok(())
    }

    /// One address is kept: that for work, else the first one.
    fn set_email(&mut self, of: Option<&Equals>, part: Option<&str>, value: &Value) -> Result<(), ScimError> {
        let found = match (of, part) {
            (None, None) => work(value),
            (Some(of), None) if is_work(of) => work(value),
            (None, Some("value")) => Some(value),
            (Some(of), Some("value")) if is_work(of) => Some(value),
            _ => return Ok(()),
        };
        self.email = match found {
            None => Spoken::Cleared,
            Some(found) => {
                let found = found.as_str().unwrap_or_default();
                Spoken::Is(found.parse().map_err(|error| ScimError::value("emails", error))?)
            }
        };
        Ok(())
    }

    fn clear(&mut self, path: &Path) -> Result<(), ScimError> {
        match (path.attribute.as_str(), path.part.as_deref()) {
            ("username", None) => return Err(ScimError::value("userName", "expected a text, for every user has one")),
            ("active", None) => return Err(ScimError::value("active", "expected true or false")),
            ("externalid", None) => self.external_id = Spoken::Cleared,
            ("name", Some("givenname")) => self.given_name = Spoken::Cleared,
            ("name", Some("familyname")) => self.family_name = Spoken::Cleared,
            ("emails", _) if path.of.as_ref().is_none_or(is_work) => self.email = Spoken::Cleared,
            // Everybody has a name: which of its forms a directory keeps is its own affair.
            _ => {}
        }
        Ok(())
    }

    /// What is so then of somebody of whom this was so before; of whom nothing was said, the category is `other`.
    pub(super) fn onto(&self, was: Option<&User>, other: PersonCategory) -> Result<User, ScimError> {
        let kept = was.map(|user| &user.account);
        let user_name = self.user_name.onto(kept.map(|kept| &kept.user_name));
        let user_name =
            user_name.ok_or_else(|| ScimError::value("userName", "expected a text, for every user has one"))?;
        let given_name = self.given_name.onto(kept.and_then(|kept| kept.given_name.as_ref()));
        let family_name = self.family_name.onto(kept.and_then(|kept| kept.family_name.as_ref()));
        let parts = [&given_name, &family_name];
        let parts = parts.into_iter().flatten().map(String::as_str).collect::<Vec<_>>().join(" ");
        let parts_are_said = was.is_none() || self.given_name.is_said() || self.family_name.is_said();
        let parts = Some(parts).filter(|parts| parts_are_said && !parts.is_empty());
        let said = self.formatted.value().or(self.display_name.value()).or(parts.as_ref());
        let name = match (said, was) {
            (Some(said), _) => said.parse().map_err(|error| ScimError::value("displayName", error))?,
            (None, Some(user)) => user.name.clone(),
            (None, None) => return Err(ScimError::value("displayName", "expected a name, here or in name")),
        };
        let external_id = self.external_id.onto(kept.and_then(|kept| kept.external_id.as_ref()));
        Ok(User {
            name,
            email: self.email.onto(was.and_then(|user| user.email.as_ref())),
            category: self.category.value().copied().unwrap_or(other),
            account: Account { user_name, external_id, given_name, family_name },
        })
    }
}

/// A text of 1 to 256 characters without control characters.
fn text(field: &str, value: &Value) -> Result<String, ScimError> {
    let text = value
        .as_str()
        .map(str::trim)
        .filter(|text| !text.is_empty() && text.chars().count() <= LONGEST && !text.chars().any(char::is_control));
    let text = text.ok_or_else(|| ScimError::value(field, "expected a text of 1 to 256 characters"))?;
    Ok(text.to_owned())
}

/// A part of a name may be empty: then there is none.
fn optional(text: Result<String, ScimError>) -> Spoken<String> {
    text.map_or(Spoken::Cleared, Spoken::Is)
}

/// Entra ID writes `"False"`.
fn truth(value: &Value) -> Result<bool, ScimError> {
    let word = value.as_str().map(str::to_ascii_lowercase);
    match (value.as_bool(), word.as_deref()) {
        (Some(truth), _) => Ok(truth),
        (None, Some("true")) => Ok(true),
        (None, Some("false")) => Ok(false),
        (None, _) => Err(ScimError::value("active", "expected true or false")),
    }
}

fn is_work(of: &Equals) -> bool {
    of.text("type").is_some_and(|kind| kind.eq_ignore_ascii_case("work"))
        || (of.attribute == "primary" && of.value == true)
}

/// The value of the address for work among several, else of the first.
fn work(value: &Value) -> Option<&Value> {
    let all = match value {
        Value::Array(all) => all.as_slice(),
        one => std::slice::from_ref(one),
    };
    let for_work = |email: &&Value| email["type"].as_str().is_some_and(|kind| kind.eq_ignore_ascii_case("work"));
    let email =
        all.iter().find(for_work).or_else(|| all.iter().find(|email| email["primary"] == true)).or(all.first())?;
    email.get("value").filter(|value| !value.is_null())
}

/// A user, as a directory sends and is sent it.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct UserResource {
    /// `urn:ietf:params:scim:schemas:core:2.0:User`.
    schemas: [&'static str; 1],
    /// Given by Wardlog.
    id: String,
    /// The directory's own id.
    #[serde(skip_serializing_if = "Option::is_none")]
    external_id: Option<String>,
    /// The name by which the person logs in at the directory; one user has it.
    user_name: String,
    /// The name as the person writes it; `name.formatted` and the parts of `name` say it as well.
    display_name: String,
    name: NameParts,
    /// One address: that for work.
    emails: Vec<EmailAddress>,
    /// employee, contractor, agency, volunteer or governor; employee unless it is said.
    user_type: &'static str,
    /// Whether the person is there; false says that they leave today.
    active: bool,
    meta: Meta,
}

#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct NameParts {
    formatted: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    given_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    family_name: Option<String>,
}

#[derive(Debug, Clone, Serialize, ToSchema)]
struct EmailAddress {
    value: String,
    #[serde(rename = "type")]
    kind: &'static str,
    primary: bool,
}

/// What every resource says of itself.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Meta {
    pub(super) resource_type: &'static str,
    /// Where it is.
    pub(super) location: String,
}

impl UserResource {
    pub(super) fn new(base: &str, id: AccountId, user: User, active: bool) -> Self {
        let User { name, email, category, account } = user;
        let name = String::from(name);
        // Parts that no longer make up the name, which others may have changed, are not told.
        let parts = [&account.given_name, &account.family_name].into_iter().flatten();
        let is_made_of_them = parts.map(String::as_str).collect::<Vec<_>>().join(" ") == name;
        let part = |part: Option<String>| part.filter(|_| is_made_of_them);
        let email = email.map(|email| EmailAddress { value: email.into(), kind: "work", primary: true });
        Self {
            schemas: [USER],
            id: id.to_string(),
            external_id: account.external_id,
            user_name: account.user_name,
            display_name: name.clone(),
            name: NameParts {
                formatted: name,
                given_name: part(account.given_name),
                family_name: part(account.family_name),
            },
            emails: email.into_iter().collect(),
            user_type: category.as_str(),
            active,
            meta: Meta { resource_type: "User", location: format!("{base}/Users/{id}") },
        }
    }

    pub(super) fn location(&self) -> &str {
        &self.meta.location
    }
}

#[cfg(test)]
mod tests;
