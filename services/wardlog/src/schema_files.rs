//! The public schemas as files.

use std::{fs, path::Path};

use anyhow::{Context, Result};

/// Each file under `schema/`, and what it should hold.
pub fn files() -> Result<[(&'static str, String); 3]> {
    let door = serde_json::to_string_pretty(&filtering::http::openapi())? + "\n";
    let scim = serde_json::to_string_pretty(&directory::scim::openapi())? + "\n";
    Ok([("graphql/schema.graphql", gateway::schema::sdl()), ("openapi/door.json", door), ("openapi/scim.json", scim)])
}

/// Writes them.
pub fn write(directory: &Path) -> Result<()> {
    for (name, content) in files()? {
        let path = directory.join(name);
        fs::write(&path, content).with_context(|| format!("cannot write {}", path.display()))?;
        println!("wrote {}", path.display());
    }
    Ok(())
}
