//! Looking for a text in everything that is kept: each value of each table, and each file below a directory.

use std::{fs, io::Read, path::Path};

use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection, PgConnection, postgres::PgConnectOptions};

/// How a zstd frame begins (RFC 8878, section 3.1.1).
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// Something that is kept: where, and its bytes, as they are and inflated.
pub struct Kept {
    pub place: String,
    bytes: Vec<u8>,
}

impl Kept {
    pub fn of(place: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Self {
        Self { place: place.into(), bytes: bytes.into() }
    }

    pub fn has(&self, text: &str) -> bool {
        self.has_bytes(text.as_bytes())
    }

    pub fn has_bytes(&self, bytes: &[u8]) -> bool {
        self.bytes.windows(bytes.len()).any(|part| part == bytes)
    }
}

/// Every value of every table, whoever may read it.
pub async fn database(options: &PgConnectOptions) -> Vec<Kept> {
    let mut owner = PgConnection::connect_with(options).await.unwrap();
    // Row-level security that hid a row from this would be an error and no empty answer.
    sqlx::query("SET row_security = off").execute(&mut owner).await.unwrap();
    let tables =
        "SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                  WHERE c.relkind = 'r' AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')";
    let tables: Vec<String> = sqlx::query_scalar(tables).fetch_all(&mut owner).await.unwrap();
    let mut kept = Vec::new();
    for table in tables {
        let rows = AssertSqlSafe(format!("SELECT to_jsonb(t) FROM {table} t"));
        let rows: Vec<Value> = sqlx::query_scalar(rows).fetch_all(&mut owner).await.unwrap();
        for row in rows {
            for (column, value) in row.as_object().unwrap() {
                kept.push(Kept::of(format!("{table}.{column}"), bytes_of(value)));
            }
        }
    }
    kept
}

/// What stands in a column: of a `bytea` its bytes, and after them what they inflate to.
fn bytes_of(value: &Value) -> Vec<u8> {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let Some(mut bytes) = text.strip_prefix("\\x").and_then(decoded) else {
        return text.into_bytes();
    };
    if let Some(frame) = bytes.windows(ZSTD.len()).position(|start| start == ZSTD) {
        let mut inflated = Vec::new();
        zstd::Decoder::new(&bytes[frame..]).unwrap().read_to_end(&mut inflated).unwrap();
        bytes.extend(inflated);
    }
    bytes
}

fn decoded(hex: &str) -> Option<Vec<u8>> {
    let digits = hex.as_bytes().chunks(2).map(str::from_utf8);
    digits.map(|pair| u8::from_str_radix(pair.ok()?, 16).ok()).collect()
}

/// Every file below a directory.
pub fn files(directory: &Path) -> Vec<Kept> {
    let mut kept = Vec::new();
    for entry in fs::read_dir(directory).unwrap().map(Result::unwrap) {
        let path = entry.path();
        match entry.file_type().unwrap() {
            kind if kind.is_dir() => kept.extend(files(&path)),
            kind if kind.is_file() => kept.push(Kept::of(path.display().to_string(), fs::read(&path).unwrap())),
            _ => {}
        }
    }
    kept
}
