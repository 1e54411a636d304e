//! PostgreSQL's own programs, as an operator runs them.

use std::{
    fs,
    io::Write,
    path::Path,
    process::{Command, Stdio},
};

use sqlx::{Connection, PgConnection, postgres::PgConnectOptions};
use web::clock;

/// Runs the program that lies beside the server's own, and so is of its version; what it printed.
pub async fn run(program: &str, database: &PgConnectOptions, arguments: &[&str], input: &[u8]) -> Vec<u8> {
    let mut owner = PgConnection::connect_with(&database.clone().database("postgres")).await.unwrap();
    let data: String = sqlx::query_scalar("SHOW data_directory").fetch_one(&mut owner).await.unwrap();
    let started_by = fs::read_to_string(Path::new(&data).join("postmaster.opts")).unwrap();
    let server = Path::new(started_by.split_whitespace().next().unwrap());
    let host = database.get_socket().map_or(database.get_host().to_owned(), |socket| socket.display().to_string());
    let mut child = Command::new(server.with_file_name(program))
        .args(arguments)
        .env("PGHOST", host)
        .env("PGPORT", database.get_port().to_string())
        .env("PGUSER", database.get_username())
        .env("PGDATABASE", database.get_database().unwrap())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// What a database holds, as SQL.
pub async fn dump(database: &PgConnectOptions) -> Vec<u8> {
    run("pg_dump", database, &["--format=plain"], &[]).await
}

/// A new database of what a dump says.
pub async fn restore(dump: &[u8], beside: &PgConnectOptions) -> PgConnectOptions {
    let database = empty(beside).await;
    let whole = ["--no-psqlrc", "--quiet", "--single-transaction", "--set=ON_ERROR_STOP=1", "--output=/dev/null"];
    run("psql", &database, &whole, dump).await;
    database
}

/// A new database with nothing in it.
pub async fn empty(beside: &PgConnectOptions) -> PgConnectOptions {
    let name = format!("scratch_{}", clock::random_id().simple());
    run("createdb", beside, &[&name], &[]).await;
    beside.clone().database(&name)
}
