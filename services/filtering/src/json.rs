//! The API's own event: one JSON object.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use schema::{Action, UserGroup};
use serde::Deserialize;
use serde_json::Value;

use crate::{FilterEvent, Refusal, host_of};

/// The longest URL, in bytes.
const URL: usize = 8 * 1024;

/// The most that is kept of what was searched for, in bytes: its end says less than its beginning.
const SEARCH: usize = 1024;

#[derive(Deserialize)]
#[serde(transparent)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// The object's members. Others are ignored: a sender may add its own.
#[derive(Deserialize)]
struct Wire<'a> {
    #[serde(borrow)]
    id: Option<Text<'a>>,
    #[serde(borrow)]
    time: Option<Text<'a>>,
    #[serde(borrow)]
    action: Option<Text<'a>>,
    #[serde(borrow)]
    url: Option<Text<'a>>,
    #[serde(borrow)]
    host: Option<Text<'a>>,
    #[serde(borrow)]
    category: Option<Vec<Text<'a>>>,
    #[serde(borrow)]
    user: Option<Text<'a>>,
    #[serde(borrow)]
    group: Option<Text<'a>>,
    #[serde(borrow)]
    device: Option<Text<'a>>,
    #[serde(borrow)]
    address: Option<Text<'a>>,
    #[serde(borrow)]
    search: Option<Text<'a>>,
    #[serde(borrow)]
    policy: Option<Text<'a>>,
}

/// Reads one event.
pub fn parse(object: &str) -> Result<FilterEvent<'_>, Refusal> {
    let wire: Wire<'_> = serde_json::from_str(object).map_err(|_| why_not(object))?;
    let time = wire.time.ok_or(Refusal::new("time", "expected, but absent"))?;
    let action = wire.action.ok_or(Refusal::new("action", "expected, but absent"))?;
    let url = wire.url.map(|url| url.0);
    let of_url = url.as_ref().map(host_in).transpose()?;
    let host = match (wire.host, of_url) {
        (Some(host), _) => plain_host(host.0)?,
        (None, Some(host)) => host,
        (None, None) => return Err(Refusal::new("url", "expected url or host, but both are absent")),
    };
    Ok(FilterEvent {
        id: wire.id.map(|text| text.0),
        time: DateTime::parse_from_rfc3339(&time.0)
            .map_err(|_| Refusal::new("time", "expected an RFC 3339 time with its offset"))?
            .with_timezone(&Utc),
        action: action.0.parse::<Action>().map_err(|_| {
            Refusal::new("action", "expected allowed, blocked, warned, overridden, captured or auth_challenge")
        })?,
        host,
        url,
        search: wire.search.map(|text| beginning(text.0, SEARCH)).filter(|text| !text.is_empty()),
        labels: wire.category.into_iter().flatten().map(|text| text.0).collect(),
        user: wire.user.map(|text| text.0),
        group: match wire.group {
            None => UserGroup::Unknown,
            Some(group) => {
                group.0.parse().map_err(|_| Refusal::new("group", "expected learner, staff, guest or unknown"))?
            }
        },
        device: wire.device.map(|text| text.0),
        address: wire.address.map(|text| text.0),
        policy: wire.policy.map(|text| text.0),
    })
}

fn beginning(text: Cow<'_, str>, most: usize) -> Cow<'_, str> {
    let end = text.floor_char_boundary(most);
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(&text[..end]),
        Cow::Owned(mut text) => {
            text.truncate(end);
            Cow::Owned(text)
        }
    }
}

fn host_in<'a>(url: &Cow<'a, str>) -> Result<Cow<'a, str>, Refusal> {
    let wrong = Refusal::new("url", "expected a URL of at most 8192 bytes with a host");
    if url.len() > URL {
        return Err(wrong);
    }
    match url {
        Cow::Borrowed(url) => host_of(url).ok_or(wrong),
        Cow::Owned(url) => host_of(url).map(|host| Cow::Owned(host.into_owned())).ok_or(wrong),
    }
}

fn plain_host(host: Cow<'_, str>) -> Result<Cow<'_, str>, Refusal> {
    let plain = !host.contains(|c: char| c.is_whitespace() || matches!(c, '/' | '?' | '#' | '@'));
    if !plain {
        return Err(Refusal::new("host", "expected a host name or address alone"));
    }
    Ok(if host.bytes().any(|b| b.is_ascii_uppercase()) { Cow::Owned(host.to_ascii_lowercase()) } else { host })
}

/// The field at fault in an object that was not read: the slow way, for the few that need it.
fn why_not(object: &str) -> Refusal {
    let Ok(value) = serde_json::from_str::<Value>(object) else {
        return Refusal::new("line", "expected a JSON object");
    };
    let Value::Object(members) = value else {
        return Refusal::new("line", "expected a JSON object");
    };
    let text_or_absent = |name: &str| matches!(members.get(name), None | Some(Value::String(_) | Value::Null));
    for field in ["id", "time", "action", "url", "host", "user", "group", "device", "address", "search", "policy"] {
        if !text_or_absent(field) {
            return Refusal::new(field, "expected a string");
        }
    }
    match members.get("category") {
        None | Some(Value::Null) => {}
        Some(Value::Array(labels)) if labels.iter().all(Value::is_string) => {}
        Some(_) => return Refusal::new("category", "expected an array of strings"),
    }
    Refusal::new("line", "expected each member once")
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = r#"{ "id": "e-1", "time": "2026-11-20T09:14:03.120Z", "action": "blocked", "url": "https://Example.org/a?b",
        "category": ["Gambling"], "user": "jsmith", "group": "learner", "device": "LT-204", "address": "10.1.2.3",
        "search": "optional", "policy": "optional" }"#;

    #[test]
    fn the_documented_example_is_read() {
        let event = parse(WHOLE).unwrap();
        assert_eq!(
            (event.host.as_ref(), event.action, event.group),
            ("example.org", Action::Blocked, UserGroup::Learner)
        );
        assert_eq!(event.labels, ["Gambling"]);
        assert_eq!(
            (event.url.as_deref(), event.search.as_deref()),
            (Some("https://Example.org/a?b"), Some("optional"))
        );
        assert_eq!(event.time.timestamp_millis(), 1_795_166_043_120);
    }

    #[test]
    fn plain_text_is_borrowed_and_escaped_text_is_read_as_meant() {
        let event =
            parse(r#"{"time":"2026-11-20T09:14:03Z","action":"allowed","host":"a.org","user":"o\u0027hara"}"#).unwrap();
        assert!(matches!(event.host, Cow::Borrowed(_)));
        assert_eq!(event.user.as_deref(), Some("o'hara"));
    }

    #[test]
    fn a_long_search_is_kept_by_its_beginning_and_an_empty_one_is_none() {
        let of = |search: &str| {
            format!(r#"{{"time":"2026-11-20T09:14:03Z","action":"blocked","host":"a.org","search":"{search}"}}"#)
        };
        let long = format!("a{}", "é".repeat(600));
        let line = of(&long);
        assert_eq!(parse(&line).unwrap().search.as_deref(), Some(&long[..1023]));
        assert_eq!(parse(&of("")).unwrap().search, None);
    }

    #[test]
    fn what_is_wrong_is_named_by_its_field_and_never_repeated() {
        let cases = [
            ("{", "line"),
            ("7", "line"),
            (r#"{"action":"blocked","host":"a"}"#, "time"),
            (r#"{"time":"2026-11-20T09:14:03Z","host":"a"}"#, "action"),
            (r#"{"time":"2026-11-20T09:14:03Z","action":"blocked"}"#, "url"),
            (r#"{"time":"2026-11-20T09:14:03","action":"blocked","host":"a"}"#, "time"),
            (r#"{"time":5,"action":"blocked","host":"a"}"#, "time"),
            (r#"{"time":"2026-11-20T09:14:03Z","action":"nope","host":"a"}"#, "action"),
            (r#"{"time":"2026-11-20T09:14:03Z","action":"blocked","host":"a","category":"x"}"#, "category"),
            (r#"{"time":"2026-11-20T09:14:03Z","action":"blocked","host":"a","category":[1]}"#, "category"),
            (r#"{"time":"2026-11-20T09:14:03Z","action":"blocked","host":"a","user":{"secret":1}}"#, "user"),
            (r#"{"time":"2026-11-20T09:14:03Z","action":"blocked","host":"a","search":["secret"]}"#, "search"),
            (r#"{"time":"2026-11-20T09:14:03Z","action":"blocked","host":"a","group":"pupil"}"#, "group"),
            (r#"{"time":"2026-11-20T09:14:03Z","action":"blocked","host":"a/b"}"#, "host"),
            (r#"{"time":"2026-11-20T09:14:03Z","action":"blocked","url":"https:///x"}"#, "url"),
            (r#"{"time":"2026-11-20T09:14:03Z","time":"2026-11-20T09:14:03Z","action":"blocked","host":"a"}"#, "line"),
        ];
        for (line, field) in cases {
            let refusal = parse(line).unwrap_err();
            assert_eq!(refusal.field, field, "{line}");
            assert!(!refusal.to_string().contains("secret"));
        }
    }
}
