//! A real signal to this very process; alone in its file, for it is about the whole process.

use std::{process::Command, time::Duration};

use web::shutdown;

#[tokio::test]
async fn sigterm_cancels_the_token_and_does_not_kill_the_process() {
    let stop = shutdown::on_signal().unwrap();
    assert!(!stop.is_cancelled());
    let sent = Command::new("sh").args(["-c", &format!("kill -TERM {}", std::process::id())]).status().unwrap();
    assert!(sent.success());
    tokio::time::timeout(Duration::from_secs(20), stop.cancelled()).await.unwrap();
}
