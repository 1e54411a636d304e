//! The host of a URL, as every door reads it: whatever else the URL says of a person is kept sealed, or not at all.

use std::{borrow::Cow, net::Ipv6Addr};

/// The host of `url`: lower-case, without user, port or trailing dot; borrowed where the URL has it so already.
///
/// Takes an absolute URL, `//host/path`, `host/path`, and the `host:port` of a CONNECT. An IPv6 address comes back in
/// brackets and in its shortest form, an internationalised name as it was written. `None` where there is no host.
pub fn host_of(url: &str) -> Option<Cow<'_, str>> {
    let (authority, port_may_be_empty) = authority(url.trim());
    // A browser takes the last `@` for the end of the user; so does whoever hides a host behind one.
    let host_and_port = authority.rfind('@').map_or(authority, |at| &authority[at + 1..]);
    let host = match host_and_port.strip_prefix('[') {
        Some(rest) => {
            let (address, port) = rest.split_once(']')?;
            return (port.is_empty() || is_port(port, true)).then(|| address.parse().ok().map(bracketed)).flatten();
        }
        None => match host_and_port.split_once(':') {
            Some((host, _)) if is_port(&host_and_port[host.len()..], port_may_be_empty) => host,
            Some(_) => return host_and_port.parse().ok().map(bracketed),
            None => host_and_port,
        },
    };
    let host = host.trim_end_matches('.');
    if !host.contains(char::is_alphanumeric) {
        return None;
    }
    // One pass over the bytes of the common name: nothing to lower, nothing to refuse, nothing to allocate.
    if host.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_')) {
        return Some(Cow::Borrowed(host));
    }
    let wrong = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '[' | ']' | ':');
    (!host.contains(wrong)).then(|| Cow::Owned(host.to_lowercase()))
}

/// Whether a URL says nothing beyond its host and port, as that of a CONNECT does.
pub(crate) fn is_host_alone(url: &str) -> bool {
    let url = url.trim();
    let (authority, _) = authority(url);
    let rest = url.split_once(authority).map_or(url, |(_, rest)| rest);
    !authority.contains('@') && matches!(rest, "" | "/")
}

/// What stands between the scheme and the path, and whether a scheme says that it is an authority for certain.
fn authority(url: &str) -> (&str, bool) {
    // Browsers read `\` as `/`, and so must whoever is to see the host that they went to.
    let ends = |c: char| matches!(c, '/' | '\\' | '?' | '#');
    let end = url.find(ends).unwrap_or(url.len());
    let (first, rest) = url.split_at(end);
    match rest.strip_prefix("//") {
        Some(after) if first.is_empty() || first.strip_suffix(':').is_some_and(is_scheme) => {
            (after.split(ends).next().unwrap_or_default(), true)
        }
        Some(_) | None => (first, false),
    }
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
}

/// Whether `text` is a colon and a port; without a scheme `word:` is no host, for it may be a scheme itself.
fn is_port(text: &str, may_be_empty: bool) -> bool {
    text.strip_prefix(':').is_some_and(|digits| {
        digits.len() <= 5 && (may_be_empty || !digits.is_empty()) && digits.bytes().all(|b| b.is_ascii_digit())
    })
}

fn bracketed(address: Ipv6Addr) -> Cow<'static, str> {
    Cow::Owned(format!("[{address}]"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn hosts(cases: &[(&str, &str)]) {
        for &(url, host) in cases {
            assert_eq!(host_of(url).as_deref(), Some(host), "{url}");
        }
    }

    #[test]
    fn a_plain_url_is_borrowed() {
        for url in ["https://example.org/a?b", "http://example.org", "example.org:443", "https://user@example.org:8/"] {
            assert_eq!(host_of(url), Some(Cow::Borrowed("example.org")), "{url}");
            assert!(matches!(host_of(url), Some(Cow::Borrowed(_))), "{url} was copied");
        }
    }

    #[test]
    fn a_host_is_found_in_whatever_a_filter_writes() {
        hosts(&[
            ("HTTP://WWW.Example.ORG.:8080?q", "www.example.org"),
            ("//cdn.example.org/x", "cdn.example.org"),
            ("example.org/redirect?to=https://other.test/", "example.org"),
            ("https://a.test#b@c.test/", "a.test"),
            ("https://user:p@ss@example.org/", "example.org"),
            ("https://example.org:/", "example.org"),
            (" https://example.org ", "example.org"),
            ("https://bücher.example/", "bücher.example"),
            ("https://XN--BCHER-KVA.example/", "xn--bcher-kva.example"),
            ("http://10.1.2.3:3128/", "10.1.2.3"),
        ]);
    }

    #[test]
    fn a_url_without_a_path_says_no_more_than_its_host() {
        for url in [
            "example.org",
            "example.org:443",
            "https://example.org",
            "https://example.org:8080/",
            "//[::1]/",
            " a.test ",
        ] {
            assert!(is_host_alone(url), "{url}");
        }
        for url in [
            "https://example.org/a",
            "https://example.org/?q",
            "https://example.org#a",
            "https://user@example.org/",
            "https://a.test/a.test",
            "example.org/a",
            "//example.org//",
        ] {
            assert!(!is_host_alone(url), "{url}");
        }
    }

    #[test]
    fn a_backslash_ends_the_authority_as_it_does_in_browsers() {
        hosts(&[(r"https://real.test\@decoy.test/", "real.test")]);
    }

    #[test]
    fn an_ipv6_address_has_brackets_and_one_spelling() {
        hosts(&[
            ("https://[2001:DB8:0:0::1]:8443/a", "[2001:db8::1]"),
            ("[::1]:443", "[::1]"),
            ("2001:db8::1", "[2001:db8::1]"),
        ]);
    }

    #[test]
    fn what_has_no_host_has_none() {
        for url in [
            "",
            "-",
            "/path",
            "error:invalid-request",
            "about:blank",
            "mailto:",
            "file:///etc/hosts",
            "http://:80/",
            "http:/example.org",
            "https://./",
            "https://a b/",
            "https://[::1",
            "https://[zz]/",
            "a:b:c",
            "example.org:http",
        ] {
            assert_eq!(host_of(url), None, "{url}");
        }
    }

    proptest! {
        #[test]
        fn a_host_holds_no_delimiter_of_a_url(url in "\\PC*|(https?://)?[a-zA-Z0-9.:@/?#\\[\\]\\\\ -]{0,40}") {
            if let Some(host) = host_of(&url) {
                let name = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
                    Some(address) => { prop_assert!(address.parse::<Ipv6Addr>().is_ok()); "" }
                    None => &host,
                };
                prop_assert!(!name.contains(['/', '?', '#', '@', ':', '\\', '[']), "{host} from {url}");
                prop_assert_eq!(host_of(&host), Some(host.clone()), "a host is its own host");
            }
        }

        #[test]
        fn a_host_comes_back_from_any_url_built_around_it(
            host in "[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?(\\.[a-z]{2,8}){1,3}",
            user in "([a-z:]{1,5}@)?", port in "(:[0-9]{1,5})?", rest in "([/?#][a-z@:/?]{0,20})?",
        ) {
            let url = format!("https://{user}{host}{port}{rest}");
            let found = host_of(&url);
            prop_assert_eq!(found.as_deref(), Some(host.as_str()), "{}", url);
        }
    }
}
