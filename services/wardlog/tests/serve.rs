//! What `wardlog serve` refuses to start with.

use std::process::Command;

#[test]
fn a_gateway_on_a_given_database_does_not_believe_the_development_issuer() {
    for variable in ["DATABASE_URL", "DATABASE_URL_GATEWAY"] {
        let refused = Command::new(env!("CARGO_BIN_EXE_wardlog"))
            .args(["serve", "--roles", "gateway", "--listen", "127.0.0.1:0"])
            .env_clear()
            .env(variable, "postgres://nobody@127.0.0.1:1/nothing")
            .env("WARDLOG_HOME", std::env::temp_dir().join("wardlog-serve-test"))
            .output()
            .unwrap();
        let words = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(!refused.status.success() && words.contains("must be given too: --issuers"), "{variable}: {words}");
    }
}
