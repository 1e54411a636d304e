//! The file: one row for a person, or for each of their roles.

use std::io::Read;

use chrono::NaiveDate;
use csv::{ReaderBuilder, StringRecord};
use schema::people::{PersonCategory, StaffRole};

use super::{ImportPeopleError, Refused};
use crate::domain::{day::of_this_century, email::Email, name::Name};

/// The columns; a row without a role leaves the last two empty.
const COLUMNS: [&str; 5] = ["name", "email", "category", "role", "from"];

/// A row that can be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) line: u64,
    pub(super) name: Name,
    pub(super) email: Email,
    pub(super) category: PersonCategory,
    pub(super) role: Option<(StaffRole, NaiveDate)>,
}

/// What the file says.
#[derive(Debug, Default)]
pub(super) struct Rows {
    pub(super) people: Vec<Row>,
    pub(super) refused: Vec<Refused>,
}

pub(super) fn read(reader: impl Read) -> Result<Rows, ImportPeopleError> {
    let mut file = ReaderBuilder::new().flexible(true).from_reader(reader);
    let header = file.headers()?.clone();
    let find = |column: &str| header.iter().position(|name| name.trim().trim_start_matches('\u{feff}') == column);
    let places = COLUMNS.map(find);
    let missing: Vec<_> =
        COLUMNS.into_iter().zip(places).filter(|(_, at)| at.is_none()).map(|(name, _)| name).collect();
    if !missing.is_empty() {
        return Err(ImportPeopleError::Header { missing });
    }
    let places = places.map(Option::unwrap_or_default);
    let mut rows = Rows::default();
    for record in file.into_records() {
        let record = match record {
            Ok(record) => record,
            Err(error) if matches!(error.kind(), csv::ErrorKind::Utf8 { .. }) => {
                let line = error.position().map_or(0, csv::Position::line);
                rows.refused.push(Refused { line, field: "row", reason: "expected UTF-8".to_owned() });
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        let line = record.position().map_or(0, csv::Position::line);
        match row(&record, places, line) {
            Ok(row) => rows.people.push(row),
            Err((field, reason)) => rows.refused.push(Refused { line, field, reason }),
        }
    }
    Ok(rows)
}

fn row(record: &StringRecord, places: [usize; 5], line: u64) -> Result<Row, (&'static str, String)> {
    let [name, email, category, role, from] = places.map(|at| record.get(at).unwrap_or_default().trim());
    let wrong = |field| move |error: schema::IdError| (field, error.to_string());
    let role = match (role, from) {
        ("", "") => None,
        (role, from) => {
            let role = role.parse().map_err(|error: schema::UnknownWord| ("role", error.to_string()))?;
            let from = from.parse().ok().and_then(of_this_century);
            let from = from.ok_or_else(|| ("from", "expected a day of this century as YYYY-MM-DD".to_owned()))?;
            Some((role, from))
        }
    };
    Ok(Row {
        line,
        name: name.parse().map_err(wrong("name"))?,
        email: email.parse().map_err(wrong("email"))?,
        category: category.parse().map_err(|error: schema::UnknownWord| ("category", error.to_string()))?,
        role,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_found_by_their_names_and_a_role_may_be_empty() {
        let rows = read(
            "\u{feff}email,category,name,from,role,phone\n\
             zq@ash.example,employee,Zoë Quillfeather,2026-09-01,dsl,1\n\
             bo@ash.example,governor,\"Vantongeren, Bo\",,\n"
                .as_bytes(),
        )
        .unwrap();
        assert_eq!(rows.refused, []);
        let [first, second] = rows.people.as_slice() else { panic!("two rows") };
        assert_eq!((first.line, first.role), (2, Some((StaffRole::Dsl, "2026-09-01".parse().unwrap()))));
        assert_eq!((second.name.as_str(), second.role), ("Vantongeren, Bo", None));
    }

    #[test]
    fn a_row_that_cannot_be_read_is_told_by_line_and_field_and_not_repeated() {
        let rows = read(
            b"name,email,category,role,from\n\
              ,zq@ash.example,employee,,\n\
              Zoe,secret,employee,,\n\
              Zoe,zq@ash.example,secret,,\n\
              Zoe,zq@ash.example,employee,secret,2026-09-01\n\
              Zoe,zq@ash.example,employee,dsl,secret\n\
              Zoe,zq@ash.example,employee,dsl,\n\
              Zoe,zq@ash.example,employee,dsl,20026-09-01\n\
              Zo\xeb,zq@ash.example,employee,,\n\
              Zoe,zq@ash.example,employee,,\n"
                .as_slice(),
        )
        .unwrap();
        let told: Vec<_> = rows.refused.iter().map(|refused| (refused.line, refused.field)).collect();
        let expected = [
            (2, "name"),
            (3, "email"),
            (4, "category"),
            (5, "role"),
            (6, "from"),
            (7, "from"),
            (8, "from"),
            (9, "row"),
        ];
        assert_eq!(told, expected);
        assert!(rows.refused.iter().all(|refused| !refused.reason.contains("secret")));
        assert_eq!(rows.people.len(), 1);
    }

    #[test]
    fn a_file_without_the_columns_is_refused() {
        let error = read("name,email,role\n".as_bytes()).unwrap_err();
        assert_eq!(error.to_string(), "expected a header with the columns category, from");
    }
}
