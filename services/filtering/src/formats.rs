//! The log lines of real filters, each dialect in a file of its own.

use std::{borrow::Cow, net::IpAddr, str::FromStr};

use chrono::{DateTime, Utc};

use crate::{FilterEvent, Refusal};

pub mod e2guardian;
pub mod squid;

/// A log format by the name that it has in `POST /v1/filter-logs/{format}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// Squid's native access log.
    Squid,
    /// e2guardian's tab-separated log, formats 5 to 8.
    E2guardian,
}

/// The name is of no format that is read here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected one of: squid, e2guardian")]
pub struct UnknownFormat;

impl Format {
    /// Every format.
    pub const ALL: [Self; 2] = [Self::Squid, Self::E2guardian];

    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Squid => "squid",
            Self::E2guardian => "e2guardian",
        }
    }

    /// Reads one line. `None` is a line in order that tells of no request, such as an empty one or a comment.
    pub fn parse(self, line: &str) -> Result<Option<FilterEvent<'_>>, Refusal> {
        match self {
            Self::Squid => squid::parse(line),
            Self::E2guardian => e2guardian::parse(line),
        }
    }
}

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(name: &str) -> Result<Self, UnknownFormat> {
        Self::ALL.into_iter().find(|format| format.as_str() == name).ok_or(UnknownFormat)
    }
}

/// Whether a line says nothing.
fn is_comment(line: &str) -> bool {
    line.trim_ascii().is_empty() || line.starts_with('#')
}

/// A field's value; both `-` and nothing stand for its absence.
fn present(field: &str) -> Option<&str> {
    let field = field.trim_ascii();
    (!field.is_empty() && field != "-").then_some(field)
}

/// An instant written as seconds since 1970 with up to nine decimals.
fn epoch(field: &str) -> Result<DateTime<Utc>, Refusal> {
    const WRONG: Refusal = Refusal::new("time", "expected seconds since 1970, such as 1795337914.107");
    let (seconds, fraction) = field.split_once('.').unwrap_or((field, "0"));
    let digits = |text: &str, most| (1..=most).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    if !digits(seconds, 11) || !digits(fraction, 9) {
        return Err(WRONG);
    }
    let nanoseconds = fraction.bytes().chain(std::iter::repeat(b'0')).take(9);
    let nanoseconds = nanoseconds.fold(0, |sum, digit| sum * 10 + u32::from(digit - b'0'));
    DateTime::from_timestamp(seconds.parse().map_err(|_| WRONG)?, nanoseconds).ok_or(WRONG)
}

/// The longest URL that is kept, in bytes.
const URL: usize = 8 * 1024;

/// A URL as it is kept: the end of one that is too long says less than its beginning.
fn whole(url: &str) -> Cow<'_, str> {
    Cow::Borrowed(&url[..url.floor_char_boundary(URL)])
}

/// The client as its address or, where the filter looked its name up, as the device of that name.
fn client(field: &str) -> (Option<Cow<'_, str>>, Option<Cow<'_, str>>) {
    match present(field) {
        Some(text) if text.parse::<IpAddr>().is_ok() => (Some(Cow::Borrowed(text)), None),
        Some(name) => (None, Some(Cow::Borrowed(name))),
        None => (None, None),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_format_is_found_by_its_name() {
        for format in Format::ALL {
            assert_eq!(format.as_str().parse(), Ok(format));
        }
        assert_eq!("Squid".parse::<Format>(), Err(UnknownFormat));
    }

    #[test]
    fn an_epoch_keeps_its_decimals() {
        assert_eq!(epoch("1795337914.107").unwrap().to_rfc3339(), "2026-11-22T08:58:34.107+00:00");
        assert_eq!(epoch("1795337914").unwrap().timestamp_subsec_millis(), 0);
        assert_eq!(epoch("1795337914.5").unwrap().timestamp_subsec_millis(), 500);
        for wrong in ["", "-", ".5", "1795337914.", "-1.0", "1795337914.x", "999999999999", "1.0123456789", "１"] {
            assert!(epoch(wrong).is_err(), "{wrong:?}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_a_parser_panic(line in "\\PC*|[0-9]{1,10}\\.[0-9]{3}([ \t][\\PC]{0,9}){8,24}") {
            for format in Format::ALL {
                if let Ok(Some(event)) = format.parse(&line) {
                    prop_assert!(!event.host.is_empty());
                }
            }
        }

        #[test]
        fn a_line_cut_short_is_refused_or_still_the_same_request(cut in 0_usize..200) {
            let lines = [
                (Format::Squid, include_str!("../tests/data/logs/squid_native_crowdstrike.log")),
                (Format::E2guardian, include_str!("../tests/data/logs/e2guardian_format6_local.log")),
            ];
            for (format, text) in lines {
                for line in text.lines() {
                    let whole = format.parse(line).unwrap().unwrap();
                    if let Ok(Some(part)) = format.parse(&line[..cut.min(line.len())]) {
                        prop_assert_eq!((part.time, part.action, part.host), (whole.time, whole.action, whole.host));
                    }
                }
            }
        }
    }
}
