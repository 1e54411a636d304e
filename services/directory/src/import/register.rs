//! The register as a file: what each row says, and why a row is refused.

use std::{
    collections::{HashMap, HashSet},
    io::Read,
    str::FromStr,
};

use csv::{ByteRecord, ReaderBuilder};
use schema::{IdError, TrustUid, Urn, directory::SchoolDetails};

use super::ImportError;
use crate::domain::name::Name;

/// The columns that a file must have, in any order, beside any others.
const COLUMNS: [&str; 9] = ["urn", "name", "la", "phase", "type", "status", "trust_uid", "trust_name", "pupils"];

/// The largest number of pupils that is believed; the largest school in England has some 4,000.
const MOST_PUPILS: u32 = 99_999;

/// A file, read to its end.
pub(super) struct Register {
    pub(super) rows: Vec<Row>,
    pub(super) refused: Vec<Refused>,
}

/// What one row says.
pub(super) struct Row {
    pub(super) line: u64,
    pub(super) urn: Urn,
    pub(super) details: SchoolDetails,
    pub(super) trust: Option<(TrustUid, Name)>,
}

/// A row that is not imported; the others are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The line of the file on which the row begins, from 1.
    pub line: u64,
    /// The column, or `row` when it is about the row as a whole.
    pub field: &'static str,
    /// What was expected.
    pub reason: String,
}

pub(super) fn read(mut reader: impl Read) -> Result<Register, ImportError> {
    let mut bytes = vec![];
    reader.read_to_end(&mut bytes).map_err(csv::Error::from)?;
    let mut file = ReaderBuilder::new().flexible(true).from_reader(bytes.as_slice());
    let columns = Columns::find(file.byte_headers()?)?;
    let mut lines = Lines { bytes: &bytes, at: 0, line: 1 };
    let (mut said, mut register) = (Said::default(), Register { rows: vec![], refused: vec![] });
    let mut record = ByteRecord::new();
    while file.read_byte_record(&mut record)? {
        let line = record.position().map_or(0, |position| lines.of(position.byte()));
        match columns.parse(&record, line).and_then(|row| said.once(row)) {
            Ok(row) => register.rows.push(row),
            Err((field, reason)) => register.refused.push(Refused { line, field, reason }),
        }
    }
    Ok(register)
}

/// Line numbers. The csv crate's own are one too low after CRLF and after a blank line: to it, a record begins where
/// the last one's fields ended.
struct Lines<'b> {
    bytes: &'b [u8],
    at: usize,
    line: u64,
}

impl Lines<'_> {
    /// The line of the first record at or after byte `begins`, which never runs back.
    fn of(&mut self, begins: u64) -> u64 {
        let begins = usize::try_from(begins).unwrap_or(usize::MAX);
        while let Some(&byte) = self.bytes.get(self.at).filter(|byte| self.at < begins || b"\r\n".contains(byte)) {
            self.at += 1;
            self.line += u64::from(byte == b'\n');
        }
        self.line
    }
}

type Refusal = (&'static str, String);

/// Where each of [`COLUMNS`] stands.
struct Columns {
    at: [usize; COLUMNS.len()],
    width: usize,
}

impl Columns {
    fn find(header: &ByteRecord) -> Result<Self, ImportError> {
        let mut missing = vec![];
        let at = COLUMNS.map(|wanted| {
            let found = header.iter().position(|column| column.trim_ascii() == wanted.as_bytes());
            found.unwrap_or_else(|| {
                missing.push(wanted);
                0
            })
        });
        if missing.is_empty() { Ok(Self { at, width: header.len() }) } else { Err(ImportError::Header { missing }) }
    }

    fn parse(&self, record: &ByteRecord, line: u64) -> Result<Row, Refusal> {
        if record.len() != self.width {
            return Err(("row", format!("expected {} fields as in the header, found {}", self.width, record.len())));
        }
        let [urn, name, la, phase, kind, status, trust_uid, trust_name, pupils] = self.texts(record)?;
        let urn = parsed("urn", urn)?;
        let details = SchoolDetails {
            name: parsed::<Name>("name", name)?.into(),
            local_authority: parsed::<Name>("la", la)?.into(),
            phase: parsed::<Name>("phase", phase)?.into(),
            kind: parsed::<Name>("type", kind)?.into(),
            status: parsed::<Name>("status", status)?.into(),
            pupils: parse_pupils(pupils)?,
        };
        Ok(Row { line, urn, details, trust: parse_trust(trust_uid, trust_name)? })
    }

    /// The fields in the order of [`COLUMNS`], without the blanks around them.
    fn texts<'r>(&self, record: &'r ByteRecord) -> Result<[&'r str; COLUMNS.len()], Refusal> {
        let mut texts = [""; COLUMNS.len()];
        for ((text, column), at) in texts.iter_mut().zip(COLUMNS).zip(self.at) {
            let bytes = record.get(at).unwrap_or_default();
            *text = std::str::from_utf8(bytes).map_err(|_| (column, "expected UTF-8".to_owned()))?.trim();
        }
        Ok(texts)
    }
}

fn parsed<T: FromStr<Err = IdError>>(column: &'static str, text: &str) -> Result<T, Refusal> {
    text.parse().map_err(|error: IdError| (column, error.to_string()))
}

fn parse_pupils(text: &str) -> Result<Option<u32>, Refusal> {
    match text.parse() {
        _ if text.is_empty() => Ok(None),
        Ok(n @ 0..=MOST_PUPILS) => Ok(Some(n)),
        _ => Err(("pupils", format!("expected a whole number up to {MOST_PUPILS}, or nothing"))),
    }
}

fn parse_trust(uid: &str, name: &str) -> Result<Option<(TrustUid, Name)>, Refusal> {
    match (uid.is_empty(), name.is_empty()) {
        (true, true) => Ok(None),
        (true, false) => Err(("trust_uid", "expected the uid of the trust that is named".to_owned())),
        (false, true) => Err(("trust_name", "expected the name of the trust whose uid is given".to_owned())),
        (false, false) => Ok(Some((parsed("trust_uid", uid)?, parsed("trust_name", name)?))),
    }
}

/// What earlier rows said: a school is said once, and a trust has one name.
#[derive(Default)]
struct Said {
    urns: HashSet<Urn>,
    trusts: HashMap<TrustUid, (Name, u64)>,
}

impl Said {
    fn once(&mut self, row: Row) -> Result<Row, Refusal> {
        if let Some((uid, name)) = &row.trust
            && let Some((_, line)) = self.trusts.get(uid).filter(|(known, _)| known != name)
        {
            return Err(("trust_name", format!("expected the trust's name as on line {line}")));
        }
        if !self.urns.insert(row.urn) {
            return Err(("urn", "expected each URN once, found it on an earlier line".to_owned()));
        }
        if let Some((uid, name)) = &row.trust {
            self.trusts.entry(uid.clone()).or_insert_with(|| (name.clone(), row.line));
        }
        Ok(row)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "urn,name,la,phase,type,status,trust_uid,trust_name,pupils";
    const GOOD: &str = "103217,Ward End,Birmingham,Primary,Community school,Open,,,878";

    fn read_text(text: impl AsRef<[u8]>) -> Register {
        read(text.as_ref()).unwrap_or_else(|error| panic!("the header is complete: {error}"))
    }

    fn refused(row: impl AsRef<[u8]>) -> (u64, &'static str, String) {
        let after = GOOD.replace("17,", "18,");
        let file = [HEADER.as_bytes(), GOOD.as_bytes(), row.as_ref(), after.as_bytes()];
        let register = read_text(file.join(&b"\n"[..]));
        assert_eq!(register.rows.len(), 2, "the rows before and after are kept");
        let [Refused { line, field, reason }] = register.refused.try_into().expect("one row is refused");
        (line, field, reason)
    }

    #[test]
    fn a_refused_row_names_its_line_its_field_and_what_was_expected() {
        let cases: [(&[u8], &str, &str); 12] = [
            (b"10321,A,B,P,T,Open,,,1", "urn", "six digits"),
            (b",A,B,P,T,Open,,,1", "urn", "six digits"),
            (b"103219, ,B,P,T,Open,,,1", "name", "not blank"),
            ("103219,St Mary\u{fffd}s,B,P,T,Open,,,1".as_bytes(), "name", "U+FFFD"),
            (b"103219,St Mary\x92s,B,P,T,Open,,,1", "name", "UTF-8"),
            (b"103219,A,,P,T,Open,,,1", "la", "not blank"),
            (b"103219,A,B,P,T,Open,,,many", "pupils", "whole number"),
            (b"103219,A,B,P,T,Open,,,-1", "pupils", "whole number"),
            (b"103219,A,B,P,T,Open,5143,,1", "trust_name", "name of the trust"),
            (b"103219,A,B,P,T,Open,,UNITED,1", "trust_uid", "uid of the trust"),
            (b"103219,A,B,P,T,Open,TR1,UNITED,1", "trust_uid", "one to six digits"),
            (b"103219,A,B,P,T,Open,,1", "row", "9 fields"),
        ];
        for (row, field, expected) in cases {
            let (line, at, reason) = refused(row);
            assert_eq!((line, at), (3, field));
            assert!(reason.contains(expected), "{reason}");
        }
    }

    #[test]
    fn a_urn_is_said_once() {
        let (line, field, reason) = refused(GOOD.replace("Ward End", "Another"));
        assert_eq!((line, field), (3, "urn"));
        assert!(reason.contains("earlier line"));
    }

    #[test]
    fn a_trust_has_one_name_in_a_file() {
        let text = format!("{HEADER}\n103217,A,B,P,T,Open,5143,UNITED,1\n103218,A,B,P,T,Open,5143,UNTIED,1\n");
        let register = read_text(text);
        assert_eq!(register.rows.len(), 1);
        assert_eq!((register.refused[0].line, register.refused[0].field), (3, "trust_name"));
    }

    #[test]
    fn a_byte_order_mark_crlf_blank_lines_and_moved_columns_change_nothing() {
        let text = "\u{feff}pupils,urn,name,la,phase,type,status,trust_uid,trust_name,more\r\n\
                    , 103217 ,\"Eden Boys' School, Birmingham\",\"Bristol, City of\",Secondary,Free schools,\"Open, but proposed to close\",4903,STAR ACADEMIES,x\r\n\
                    \r\n\
                    1,x,A,B,P,T,Open,,,x\r\n";
        let register = read_text(text);
        let [row] = register.rows.as_slice() else { panic!("one row is good") };
        assert_eq!((u32::from(row.urn), row.details.pupils, row.line), (103_217, None, 2));
        assert_eq!(row.details.name, "Eden Boys' School, Birmingham");
        assert_eq!(row.details.status, "Open, but proposed to close");
        assert_eq!((register.refused[0].line, register.refused[0].field), (4, "urn"));
    }

    #[test]
    fn missing_columns_are_named() {
        let Err(ImportError::Header { missing }) = read("urn,name,la,phase,type,status,pupil\n".as_bytes()) else {
            panic!("the header is incomplete");
        };
        assert_eq!(missing, ["trust_uid", "trust_name", "pupils"]);
        assert!(matches!(read("".as_bytes()), Err(ImportError::Header { missing }) if missing == COLUMNS));
    }
}
