//! What a change is of, and what is looked for: `emails[type eq "work"].value`, `userName eq "…"` (RFC 7644, sections 3.4.2.2
//! and 3.5.2), of which this much is read and no more.

use serde_json::Value;

/// The schemas whose attributes are known here; their names may stand before an attribute's.
const KNOWN: [&str; 2] =
    ["urn:ietf:params:scim:schemas:core:2.0:user:", "urn:ietf:params:scim:schemas:core:2.0:group:"];

/// `attribute eq value`; the attribute's name in lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Equals {
    pub(super) attribute: String,
    pub(super) value: Value,
}

/// An attribute, or a part of it; names in lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Path {
    pub(super) attribute: String,
    /// Of its values, the one of which this is so.
    pub(super) of: Option<Equals>,
    pub(super) part: Option<String>,
}

impl Equals {
    /// One comparison with a text, a number, true or false; none if it is anything else.
    pub(super) fn read(text: &str) -> Option<Self> {
        let (attribute, rest) = text.trim().split_once(' ')?;
        let (operator, value) = rest.trim_start().split_once(' ')?;
        let attribute = name(unqualified(attribute))?;
        let value: Value = serde_json::from_str(value.trim()).ok()?;
        let plain = value.is_string() || value.is_boolean();
        (operator.eq_ignore_ascii_case("eq") && plain).then_some(Self { attribute, value })
    }

    /// The text that is compared with, where the attribute is this one.
    pub(super) fn text(&self, attribute: &str) -> Option<&str> {
        self.value.as_str().filter(|_| self.attribute == attribute)
    }
}

impl Path {
    /// None if it is no path at all. An attribute of a schema that is not known here is a path to what nobody keeps.
    pub(super) fn read(text: &str) -> Option<Self> {
        let text = unqualified(text.trim());
        if text.to_ascii_lowercase().starts_with("urn:") {
            return Some(Self { attribute: text.to_ascii_lowercase(), of: None, part: None });
        }
        let (attribute, of, rest) = match text.split_once('[') {
            None => match text.split_once('.') {
                None => return Some(Self { attribute: name(text)?, of: None, part: None }),
                Some((attribute, part)) => (attribute, None, Some(part)),
            },
            Some((attribute, rest)) => {
                let (filter, rest) = rest.split_once(']')?;
                let part = if rest.is_empty() { None } else { Some(rest.strip_prefix('.')?) };
                (attribute, Some(Equals::read(filter)?), part)
            }
        };
        let part = rest.map(|part| name(part).ok_or(())).transpose().ok()?;
        Some(Self { attribute: name(attribute)?, of, part })
    }
}

fn unqualified(text: &str) -> &str {
    let is_known = |schema: &&&str| text.get(..schema.len()).is_some_and(|start| start.eq_ignore_ascii_case(schema));
    KNOWN.iter().find(is_known).map_or(text, |schema| &text[schema.len()..])
}

/// The name of an attribute (RFC 7643, section 2.1), in lower case.
fn name(text: &str) -> Option<String> {
    let mut bytes = text.bytes();
    let begins = bytes.next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'$');
    let goes_on = bytes.all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'$' | b'-' | b'_'));
    (begins && goes_on).then(|| text.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::unnecessary_wraps, reason = "it is compared with what is read")]
    fn path(attribute: &str, of: Option<(&str, Value)>, part: Option<&str>) -> Option<Path> {
        let of = of.map(|(attribute, value)| Equals { attribute: attribute.into(), value });
        Some(Path { attribute: attribute.into(), of, part: part.map(str::to_owned) })
    }

    #[test]
    fn a_filter_is_one_comparison_with_a_text() {
        let found = Equals::read(r#"userName eq "Zoë \"Z\" Quillfeather""#).unwrap();
        assert_eq!(found.text("username"), Some(r#"Zoë "Z" Quillfeather"#));
        assert_eq!(found.text("externalid"), None);
        let qualified = Equals::read(r#"urn:ietf:params:scim:schemas:core:2.0:User:externalId EQ "7""#).unwrap();
        assert_eq!(qualified.text("externalid"), Some("7"));
        for wrong in [
            "",
            "userName",
            "userName eq",
            "userName eq zq",
            r#"userName co "zq""#,
            r#"userName eq "zq" and active eq true"#,
            r#"not (userName eq "zq")"#,
            r#"userName eq "zq"#,
            r#"user name eq "zq""#,
            r#"emails.value eq "zq""#,
            "userName eq null",
        ] {
            assert_eq!(Equals::read(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn a_path_is_an_attribute_or_a_part_of_it_or_of_one_of_its_values() {
        assert_eq!(Path::read("userName"), path("username", None, None));
        assert_eq!(Path::read("name.givenName"), path("name", None, Some("givenname")));
        let work = Some(("type", Value::from("work")));
        assert_eq!(Path::read(r#"emails[type eq "work"].value"#), path("emails", work.clone(), Some("value")));
        assert_eq!(Path::read(r#"emails[type eq "work"]"#), path("emails", work, None));
        assert_eq!(
            Path::read("emails[primary eq true].value"),
            path("emails", Some(("primary", true.into())), Some("value"))
        );
        assert_eq!(
            Path::read("urn:ietf:params:scim:schemas:core:2.0:User:name.familyName"),
            path("name", None, Some("familyname"))
        );
        let enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:user:department";
        assert_eq!(Path::read(enterprise), path(enterprise, None, None));
        for wrong in
            ["", "user name", "name.", "name.given.name", "emails[type]", r#"emails[type eq "work""#, "emails[]x", "1"]
        {
            assert_eq!(Path::read(wrong), None, "{wrong:?}");
        }
    }
}
