//! Squid's native access log.
//!
//! `time elapsed client code/status bytes method URL user hierarchy/peer type`, separated by spaces; fields that a
//! custom `logformat` adds at the end are passed over. Squid knows no categories.
//!
//! - Denied, whatever the status, is blocked: `TCP_DENIED/403`, `TCP_DENIED_REPLY/403`, a `deny_info` page's 302.
//! - Status 407 asks for a password and decides nothing: `auth_challenge`.
//! - Everything else is allowed, whether or not the site then answered. A redirector that shows its own page leaves no
//!   mark to tell it by: such a school sends the redirector's log.
//! - `error:…`, `cache_object:…` and `-` in place of the URL are Squid's notes on connections that made no request.

use std::borrow::Cow;

use schema::{Action, UserGroup};

use super::{client, epoch, is_comment, present, whole};
use crate::{FilterEvent, Refusal, host_of};

/// Reads one line.
pub fn parse(line: &str) -> Result<Option<FilterEvent<'_>>, Refusal> {
    if is_comment(line) {
        return Ok(None);
    }
    let mut rest = line;
    let mut next = |missing| field(&mut rest).ok_or(missing);
    let few = Refusal::new("line", "expected the ten fields of Squid's native format");
    let time = epoch(next(few.clone())?)?;
    let _elapsed = next(few.clone())?;
    let (address, device) = client(next(few.clone())?);
    let result = next(few.clone())?;
    let _bytes = next(few.clone())?;
    let _method = next(few.clone())?;
    let url = next(few.clone())?;
    let action = action(result)?;
    let user = user(rest, few)?;
    if present(url).is_none() || url.starts_with("error:") || url.starts_with("cache_object:") {
        return Ok(None);
    }
    Ok(Some(FilterEvent {
        id: None,
        time,
        action,
        host: host_of(url).ok_or(Refusal::new("url", "expected a URL with a host"))?,
        url: Some(whole(url)),
        search: None,
        labels: Vec::new(),
        user,
        group: UserGroup::Unknown,
        device,
        address,
        policy: None,
    }))
}

/// Takes the next field off `rest`.
fn field<'a>(rest: &mut &'a str) -> Option<&'a str> {
    let text = rest.trim_ascii_start();
    let (field, after) = text.split_at(text.bytes().position(|b| b.is_ascii_whitespace()).unwrap_or(text.len()));
    *rest = after;
    (!field.is_empty()).then_some(field)
}

/// What Squid did, from its result code and the HTTP status, such as `TCP_DENIED/403`.
fn action(result: &str) -> Result<Action, Refusal> {
    let wrong = Refusal::new("action", "expected Squid's result code and an HTTP status, such as TCP_MISS/200");
    match result.split_once('/') {
        Some((code, status)) if is_code(code) && status.len() == 3 && status.bytes().all(|b| b.is_ascii_digit()) => {
            Ok(match status {
                "407" => Action::AuthChallenge,
                _ if code.split('_').any(|word| word == "DENIED") => Action::Blocked,
                _ => Action::Allowed,
            })
        }
        Some(_) | None => Err(wrong),
    }
}

/// Whether `text` is one of Squid's own words, such as `TCP_MISS_ABORTED` or `HIER_DIRECT`.
fn is_code(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
}

/// The user, before the hierarchy field: Squid escapes much in a name, but not a space. `few` where either is missing,
/// or the type after it.
fn user(rest: &str, few: Refusal) -> Result<Option<Cow<'_, str>>, Refusal> {
    let mut after = rest;
    let mut name = "";
    while let Some(next) = field(&mut after) {
        let is_hierarchy = next.split_once('/').is_some_and(|(code, _)| is_code(code));
        if !name.is_empty() && is_hierarchy {
            return field(&mut after).map(|_| present(name).map(unescaped)).ok_or(few);
        }
        name = &rest[..rest.len() - after.len()];
    }
    Err(few)
}

/// Undoes Squid's `%XX` and `\\`, so that a user has one name whichever filter tells it.
fn unescaped(name: &str) -> Cow<'_, str> {
    if !name.contains(['%', '\\']) {
        return Cow::Borrowed(name);
    }
    let mut bytes = Vec::with_capacity(name.len());
    let mut rest = name.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let escape = after.get(..2).and_then(|two| std::str::from_utf8(two).ok());
        let decoded = escape.filter(|two| !two.starts_with('+')).and_then(|two| u8::from_str_radix(two, 16).ok());
        let (byte, left) = match (first, decoded) {
            (b'%', Some(byte)) => (byte, &after[2..]),
            (b'\\', _) if after.first() == Some(&b'\\') => (b'\\', &after[1..]),
            _ => (first, after),
        };
        bytes.push(byte);
        rest = left;
    }
    String::from_utf8(bytes).map_or(Cow::Borrowed(name), Cow::Owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(line: &str) -> FilterEvent<'_> {
        parse(line).unwrap().unwrap()
    }

    #[test]
    fn real_lines_of_two_collections_are_read() {
        let text = concat!(
            include_str!("../../tests/data/logs/squid_native_crowdstrike.log"),
            include_str!("../../tests/data/logs/squid_native_logstash.log")
        );
        let hosts: Vec<_> = text.lines().map(|line| event(line).host.into_owned()).collect();
        assert_eq!(
            hosts,
            [
                "clientconfig.akamai.steamstatic.com",
                "phantasm.spryfox.com",
                "api.geo.kontagent.net",
                "ocsp.digicert.com",
                "gateway.icloud.com",
                "logs.ap-southeast-2.amazonaws.com",
                "www.sample.com",
                "garfield.com",
                "at.atremis.com",
            ]
        );
        assert!(text.lines().all(|line| event(line).action == Action::Allowed));
        assert_eq!(event(text.lines().nth(6).unwrap()).user.as_deref(), Some("public-user"));
        assert_eq!(event(text.lines().next().unwrap()).time.to_rfc3339(), "2023-08-08T17:15:39.857+00:00");
    }

    #[test]
    fn a_denial_is_a_block_and_a_request_for_a_password_is_not() {
        for (result, action) in [
            ("TCP_DENIED/403", Action::Blocked),
            ("TCP_DENIED_REPLY/403", Action::Blocked),
            ("TCP_DENIED/302", Action::Blocked),
            ("TCP_DENIED/407", Action::AuthChallenge),
            ("TCP_MISS/407", Action::AuthChallenge),
            ("TCP_MISS/403", Action::Allowed),
            ("NONE_NONE/500", Action::Allowed),
        ] {
            let line = format!("1795346592.336 0 10.0.0.7 {result} 3439 GET http://a.test/ - HIER_NONE/- text/html");
            assert_eq!(event(&line).action, action, "{result}");
        }
    }

    #[test]
    fn a_user_may_have_spaces_and_escapes() {
        let line = |user| format!("1.0 1 10.0.0.7 TCP_MISS/200 1 CONNECT a.test:443 {user} HIER_DIRECT/10.0.0.1 - x/y");
        // The first name is as Squid 5.7 wrote it for the user `a b%é"'\[x]`.
        for (written, user) in [
            (r#"a b%25%c3%a9"'\\%5bx%5d"#, r#"a b%é"'\[x]"#),
            (r"SCHOOL\\jsmith", r"SCHOOL\jsmith"),
            ("100%", "100%"),
            ("%+1", "%+1"),
            ("%ff", "%ff"),
        ] {
            assert_eq!(event(&line(written)).user.as_deref(), Some(user));
        }
        assert_eq!(event(&line("-")).user, None);
    }

    #[test]
    fn a_client_name_is_the_device() {
        let event = event("1.0 1 lt-204.school.test TCP_MISS/200 1 GET http://a.test/ - HIER_DIRECT/- -");
        assert_eq!((event.device.as_deref(), event.address), (Some("lt-204.school.test"), None));
    }

    #[test]
    fn a_connection_without_a_request_is_no_event() {
        for line in [
            "",
            "# comment",
            "1795346592.302 0 127.0.0.1 NONE_NONE/000 0 - error:transaction-end-before-headers - HIER_NONE/- -",
            "1795345946.242 0 127.0.0.1 NONE_NONE/400 3404 GARBAGE error:invalid-request - HIER_NONE/- text/html",
        ] {
            assert_eq!(parse(line), Ok(None), "{line}");
        }
    }

    #[test]
    fn what_is_no_squid_line_is_refused_by_field() {
        for (line, field) in [
            ("Nov 20 09:14:03 dnsmasq[1]: query[A] a.test from 10.0.0.2", "time"),
            ("1.0 1 10.0.0.7 TCP_MISS/200 1 GET", "line"),
            ("1.0 1 10.0.0.7 TCP_MISS/200 1 GET http://a.test/ - HIER_DIRECT/-", "line"),
            ("1.0 1 10.0.0.7 200 1 GET http://a.test/ - HIER_DIRECT/- -", "action"),
            ("1.0 1 10.0.0.7 NONE/400 1 GET / - HIER_NONE/- -", "url"),
        ] {
            assert_eq!(parse(line).unwrap_err().field, field, "{line}");
        }
    }
}
