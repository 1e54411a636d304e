//! `with-postgres COMMAND…`: runs a command beside a private PostgreSQL of its own, named to it in
//! `WARDLOG_TEST_DATABASE_URL` and migrated, and removes the server afterwards. Exits as the command does.

use std::{
    env,
    process::{Command, ExitCode, ExitStatus},
};

use database::private::PrivateServer;

fn main() -> ExitCode {
    let mut words = env::args_os().skip(1);
    let Some(program) = words.next() else {
        eprintln!("usage: with-postgres COMMAND [ARGUMENT …]");
        return ExitCode::from(2);
    };
    let directory = env::temp_dir().join(format!("wardlog-test-{}", std::process::id()));
    let server = match PrivateServer::start(&directory) {
        Ok(server) => server,
        Err(error) => {
            eprintln!("with-postgres: {error}");
            return ExitCode::from(2);
        }
    };
    let outcome = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| error.to_string())
        .and_then(|runtime| runtime.block_on(beside(&server, Command::new(program).args(words))));
    if let Err(error) = server.discard() {
        eprintln!("with-postgres: {error}");
    }
    match outcome {
        Ok(status) => status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from),
        Err(error) => {
            eprintln!("with-postgres: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Migrates the server's database and runs the command. A Ctrl-C reaches the command and this process alike; this one
/// waits for the command, so that it can clean up.
async fn beside(server: &PrivateServer, command: &mut Command) -> Result<ExitStatus, String> {
    database::migrate(&server.options()).await.map_err(|error| error.to_string())?;
    database::migrate_key_store(&server.options()).await.map_err(|error| error.to_string())?;
    command.env("WARDLOG_TEST_DATABASE_URL", server.url());
    let mut child = command.spawn().map_err(|error| format!("{}: {error}", command.get_program().display()))?;
    let waiting = tokio::task::spawn_blocking(move || child.wait());
    tokio::pin!(waiting);
    loop {
        tokio::select! {
            status = &mut waiting => return status.map_err(|error| error.to_string())?.map_err(|error| error.to_string()),
            _ = tokio::signal::ctrl_c() => {}
        }
    }
}
