//! What every event must satisfy, whatever format it came in.

use std::borrow::Cow;

use chrono::{DateTime, TimeDelta, Utc};

use crate::{FilterEvent, Refusal};

/// How far back an event's time may lie: its day is still open.
pub const OLDEST: TimeDelta = TimeDelta::days(8);

/// How far ahead it may lie: clocks differ.
pub const NEWEST: TimeDelta = TimeDelta::hours(1);

/// The longest texts, in bytes.
const ID: usize = 128;
const HOST: usize = 253;
const NAME: usize = 256;
const LABEL: usize = 128;

/// The most labels of one event.
const LABELS: usize = 16;

/// Checks an event that was received at `now`.
pub fn check(event: &FilterEvent<'_>, now: DateTime<Utc>) -> Result<(), Refusal> {
    if event.time < now - OLDEST {
        return Err(Refusal::new("time", "expected a time at most 8 days ago"));
    }
    if event.time > now + NEWEST {
        return Err(Refusal::new("time", "expected a time at most 1 hour ahead"));
    }
    if event.host.is_empty() || event.host.len() > HOST {
        return Err(Refusal::new("host", "expected a host of 1 to 253 bytes"));
    }
    if event.labels.len() > LABELS {
        return Err(Refusal::new("category", "expected at most 16 categories"));
    }
    if event.labels.iter().any(|label| label.is_empty() || label.len() > LABEL) {
        return Err(Refusal::new("category", "expected categories of 1 to 128 bytes"));
    }
    // PostgreSQL keeps no NUL in a text, and no label, host or policy has another control character either.
    if has_control(&event.host) {
        return Err(Refusal::new("host", "expected no control characters"));
    }
    if event.labels.iter().any(|label| has_control(label)) {
        return Err(Refusal::new("category", "expected no control characters"));
    }
    if event.url.as_deref().is_some_and(has_control) {
        return Err(Refusal::new("url", "expected no control characters"));
    }
    if event.policy.as_deref().is_some_and(has_control) {
        return Err(Refusal::new("policy", "expected no control characters"));
    }
    bounded("id", event.id.as_ref(), ID, "expected 1 to 128 bytes")?;
    bounded("user", event.user.as_ref(), NAME, "expected 1 to 256 bytes")?;
    bounded("device", event.device.as_ref(), NAME, "expected 1 to 256 bytes")?;
    bounded("address", event.address.as_ref(), NAME, "expected 1 to 256 bytes")?;
    bounded("policy", event.policy.as_ref(), NAME, "expected 1 to 256 bytes")
}

fn has_control(text: &str) -> bool {
    text.chars().any(char::is_control)
}

fn bounded(
    field: &'static str,
    text: Option<&Cow<'_, str>>,
    limit: usize,
    reason: &'static str,
) -> Result<(), Refusal> {
    match text {
        Some(text) if text.is_empty() || text.len() > limit => Err(Refusal::new(field, reason)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use schema::{Action, UserGroup};

    use super::*;

    fn event(time: DateTime<Utc>) -> FilterEvent<'static> {
        FilterEvent {
            id: None,
            time,
            action: Action::Allowed,
            host: "example.org".into(),
            url: None,
            search: None,
            labels: vec![],
            user: None,
            group: UserGroup::Unknown,
            device: None,
            address: None,
            policy: None,
        }
    }

    #[test]
    fn an_event_may_be_8_days_old_and_1_hour_ahead_and_no_more() {
        let now = "2026-11-20T09:00:00Z".parse().unwrap();
        let second = TimeDelta::seconds(1);
        assert!(check(&event(now - OLDEST), now).is_ok());
        assert!(check(&event(now + NEWEST), now).is_ok());
        assert_eq!(check(&event(now - OLDEST - second), now).unwrap_err().field, "time");
        assert_eq!(check(&event(now + NEWEST + second), now).unwrap_err().field, "time");
    }

    #[test]
    fn a_text_that_is_too_long_is_refused_by_its_field() {
        let now = "2026-11-20T09:00:00Z".parse().unwrap();
        let long: Cow<'static, str> = "x".repeat(300).into();
        let refused = |change: &dyn Fn(&mut FilterEvent<'static>)| {
            let mut wrong = event(now);
            change(&mut wrong);
            check(&wrong, now).unwrap_err().field
        };
        assert_eq!(refused(&|e| e.id = Some(long.clone())), "id");
        assert_eq!(refused(&|e| e.host = long.clone()), "host");
        assert_eq!(refused(&|e| e.user = Some(long.clone())), "user");
        assert_eq!(refused(&|e| e.device = Some("".into())), "device");
        assert_eq!(refused(&|e| e.labels = vec![long.clone()]), "category");
        assert_eq!(refused(&|e| e.labels = vec!["a".into(); 17]), "category");
    }

    #[test]
    fn what_is_kept_as_text_holds_no_control_character() {
        let now = "2026-11-20T09:00:00Z".parse().unwrap();
        let refused = |change: &dyn Fn(&mut FilterEvent<'static>)| {
            let mut wrong = event(now);
            change(&mut wrong);
            check(&wrong, now).unwrap_err().field
        };
        assert_eq!(refused(&|e| e.host = "a\0.org".into()), "host");
        assert_eq!(refused(&|e| e.labels = vec!["Gambling\0".into()]), "category");
        assert_eq!(refused(&|e| e.policy = Some("\u{1b}[2J".into())), "policy");
        assert_eq!(refused(&|e| e.url = Some("https://a.org/\u{1}".into())), "url");
    }
}
