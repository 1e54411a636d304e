//! `with-postgres COMMAND…`: runs a command beside a private PostgreSQL of its own, named to it in
//! `WARDLOG_TEST_DATABASE_URL`, and removes the server afterwards. Exits as the command does.

use std::{
    env, fs,
    process::{Command, ExitCode},
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
    // A Ctrl-C reaches the command and this process alike; this one waits for the command, so that it can clean up.
    let interrupted = tokio::runtime::Builder::new_current_thread().enable_all().build().map(|runtime| {
        runtime.block_on(async {
            let mut child = tokio::process::Command::from(Command::new(program));
            child.args(words).env("WARDLOG_TEST_DATABASE_URL", server.url());
            let mut child = child.spawn()?;
            loop {
                tokio::select! {
                    status = child.wait() => return status,
                    _ = tokio::signal::ctrl_c() => {}
                }
            }
        })
    });
    if let Err(error) = server.stop() {
        eprintln!("with-postgres: {error}");
    }
    let _ = fs::remove_dir_all(&directory);
    match interrupted {
        Ok(Ok(status)) => status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from),
        Ok(Err(error)) | Err(error) => {
            eprintln!("with-postgres: {error}");
            ExitCode::FAILURE
        }
    }
}
