//! A request's body: its limits, its encoding, and its lines.

use std::{borrow::Cow, fmt, io::Read};

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, SeqAccess, Visitor},
};
use serde_json::value::RawValue;

use crate::{FilterEvent, Refusal, formats::Format, json};

/// The most bytes on the wire.
pub const WIRE: usize = 8 * 1024 * 1024;

/// The most bytes once inflated.
pub const INFLATED: usize = 32 * 1024 * 1024;

/// The most that a body may grow by inflating; a real log grows some 5 to 40 times.
pub const RATIO: usize = 200;

/// The largest zstd window that is allowed, as a power of two (8 MiB).
const WINDOW_LOG: u32 = 23;

/// The most events in one batch.
pub const EVENTS: usize = 10_000;

/// The most bytes of one line.
const LINE: usize = 64 * 1024;

/// How the body is encoded on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// As it is.
    Identity,
    /// gzip.
    Gzip,
    /// zstd.
    Zstd,
}

/// What the body is, once inflated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// One JSON object a line.
    Ndjson,
    /// One JSON array of objects.
    JsonArray,
    /// A filter's own log lines.
    Lines(Format),
}

/// Why a whole body is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// It inflates to too much.
    #[error("expected at most 32 MiB and at most 200 times the bytes sent, once inflated")]
    TooLarge,
    /// It has too many events.
    #[error("expected at most 10000 events in one batch")]
    TooMany,
    /// It is not what its Content-Encoding says.
    #[error("expected a body in the encoding that Content-Encoding names")]
    Encoding,
    /// It is not what its Content-Type says.
    #[error("expected a JSON array of objects")]
    NotAnArray,
    /// It has no line.
    #[error("expected at least one event")]
    Empty,
}

/// Inflates a body of at most [`WIRE`] bytes.
pub fn inflate(wire: &[u8], encoding: Encoding) -> Result<Cow<'_, [u8]>, BodyError> {
    let limit = INFLATED.min(wire.len().saturating_mul(RATIO).max(64 * 1024));
    let read = |source: &mut dyn Read| {
        let mut plain = Vec::with_capacity(limit.min(wire.len().saturating_mul(4)));
        source.take(limit as u64 + 1).read_to_end(&mut plain).map_err(|_| BodyError::Encoding)?;
        if plain.len() > limit { Err(BodyError::TooLarge) } else { Ok(Cow::Owned(plain)) }
    };
    match encoding {
        Encoding::Identity => Ok(Cow::Borrowed(wire)),
        Encoding::Gzip => read(&mut flate2::read::MultiGzDecoder::new(wire)),
        Encoding::Zstd => {
            let mut decoder = zstd::stream::read::Decoder::new(wire).map_err(|_| BodyError::Encoding)?;
            decoder.window_log_max(WINDOW_LOG).map_err(|_| BodyError::Encoding)?;
            read(&mut decoder)
        }
    }
}

/// A line as sent, and what it reads as. `Ok(None)` is a line that is no event and none was meant.
pub struct Line<'a> {
    /// Its number, from 1; in a JSON array the element's.
    pub number: u32,
    /// Its bytes.
    pub bytes: &'a [u8],
    /// The event.
    pub event: Result<Option<FilterEvent<'a>>, Refusal>,
}

/// Reads every line of a body; a line that cannot be read harms no other.
pub fn lines(body: &[u8], shape: Shape) -> Result<Vec<Line<'_>>, BodyError> {
    let lines = match shape {
        Shape::Ndjson => text_lines(body, |line| json::parse(line).map(Some))?,
        Shape::Lines(format) => text_lines(body, |line| format.parse(line))?,
        Shape::JsonArray => elements(body)?,
    };
    if lines.is_empty() { Err(BodyError::Empty) } else { Ok(lines) }
}

fn text_lines<'a>(
    body: &'a [u8],
    parse: impl Fn(&'a str) -> Result<Option<FilterEvent<'a>>, Refusal>,
) -> Result<Vec<Line<'a>>, BodyError> {
    // One check of the whole body is cheaper than one a line; only a body with a fault in it pays for the latter.
    let whole = std::str::from_utf8(body);
    let mut lines = Vec::with_capacity(body.len() / 200);
    let mut add = |number, bytes: &'a [u8], text: Result<&'a str, Refusal>| {
        if lines.len() == EVENTS {
            return Err(BodyError::TooMany);
        }
        lines.push(Line { number, bytes, event: text.and_then(&parse) });
        Ok(())
    };
    if let Ok(text) = whole {
        for (number, line) in (1..).zip(text.lines()).filter(|(_, line)| !line.trim_ascii().is_empty()) {
            add(number, line.as_bytes(), short(line))?;
        }
    } else {
        let pieces = (1..).zip(body.split(|&byte| byte == b'\n'));
        for (number, line) in pieces.filter(|(_, line)| !line.trim_ascii().is_empty()) {
            let text = std::str::from_utf8(line).map_err(|_| Refusal::new("line", "expected UTF-8"));
            add(number, line, text.map(|text| text.trim_end_matches('\r')).and_then(short))?;
        }
    }
    Ok(lines)
}

fn short(line: &str) -> Result<&str, Refusal> {
    if line.len() > LINE { Err(Refusal::new("line", "expected at most 65536 bytes")) } else { Ok(line) }
}

fn elements(body: &[u8]) -> Result<Vec<Line<'_>>, BodyError> {
    let Elements(elements) = serde_json::from_slice(body).map_err(|_| BodyError::NotAnArray)?;
    if elements.len() > EVENTS {
        return Err(BodyError::TooMany);
    }
    Ok((1..)
        .zip(elements)
        .map(|(number, element)| Line {
            number,
            bytes: element.get().as_bytes(),
            event: short(element.get()).and_then(json::parse).map(Some),
        })
        .collect())
}

/// The elements of an array as text; of an array with too many, one too many.
struct Elements<'a>(Vec<&'a RawValue>);

impl<'de> Deserialize<'de> for Elements<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;

        impl<'de> Visitor<'de> for Collect {
            type Value = Elements<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<Elements<'de>, A::Error> {
                let mut elements = Vec::new();
                while elements.len() <= EVENTS
                    && let Some(element) = array.next_element()?
                {
                    elements.push(element);
                }
                while array.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Elements(elements))
            }
        }

        deserializer.deserialize_seq(Collect)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    const EVENT: &str = r#"{"time":"2026-11-20T09:14:03Z","action":"allowed","host":"a.org"}"#;

    #[test]
    fn each_encoding_inflates_to_what_was_sent() {
        let plain = EVENT.as_bytes();
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(plain).unwrap();
        assert_eq!(inflate(plain, Encoding::Identity).unwrap(), plain);
        assert_eq!(inflate(&gzip.finish().unwrap(), Encoding::Gzip).unwrap(), plain);
        assert_eq!(inflate(&zstd::encode_all(plain, 1).unwrap(), Encoding::Zstd).unwrap(), plain);
        assert_eq!(inflate(b"plain", Encoding::Gzip), Err(BodyError::Encoding));
        assert_eq!(inflate(b"plain", Encoding::Zstd), Err(BodyError::Encoding));
    }

    #[test]
    fn a_bomb_is_refused_before_it_has_grown() {
        let bomb = zstd::encode_all(vec![b' '; 100 * 1024 * 1024].as_slice(), 19).unwrap();
        assert!(bomb.len() < 20_000);
        assert_eq!(inflate(&bomb, Encoding::Zstd), Err(BodyError::TooLarge));
    }

    #[test]
    fn a_line_that_is_not_utf8_harms_no_other() {
        let body = [EVENT.as_bytes(), b"\n\xff\xfe\n\n", EVENT.as_bytes(), b"\r\n"].concat();
        let lines = lines(&body, Shape::Ndjson).unwrap();
        let read: Vec<_> = lines.iter().map(|line| (line.number, line.event.is_ok())).collect();
        assert_eq!(read, [(1, true), (2, false), (4, true)]);
    }

    #[test]
    fn an_array_reads_as_its_elements_do() {
        let body = format!("[{EVENT}, 7, {EVENT}]");
        let lines = lines(body.as_bytes(), Shape::JsonArray).unwrap();
        let read: Vec<_> = lines.iter().map(|line| (line.number, line.event.is_ok())).collect();
        assert_eq!(read, [(1, true), (2, false), (3, true)]);
        for wrong in ["", "{}", "[", "[1,]", "7"] {
            assert!(matches!(super::lines(wrong.as_bytes(), Shape::JsonArray), Err(BodyError::NotAnArray)), "{wrong}");
        }
        assert!(matches!(super::lines(b"[]", Shape::JsonArray), Err(BodyError::Empty)));
    }

    #[test]
    fn a_batch_holds_at_most_10000_events() {
        let body = format!("{EVENT}\n").repeat(EVENTS + 1);
        assert!(matches!(lines(body.as_bytes(), Shape::Ndjson), Err(BodyError::TooMany)));
        assert_eq!(lines(&body.as_bytes()[..body.len() - EVENT.len() - 1], Shape::Ndjson).unwrap().len(), EVENTS);
    }
}
