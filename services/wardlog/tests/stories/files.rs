//! What is written into the repository is what the program says now.

use std::path::Path;

#[test]
fn the_public_schema_files_are_as_wardlog_schema_writes_them() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schema");
    for (name, content) in wardlog::schema_files::files().unwrap() {
        let written = std::fs::read_to_string(directory.join(name)).unwrap_or_default();
        assert!(written == content, "schema/{name} is stale: run `cargo run -p wardlog -- schema`");
    }
}
