//! Where PostgreSQL's programs are.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use super::PrivateError;

/// The directory that holds `initdb` and `pg_ctl`.
#[derive(Debug, Clone)]
pub(super) struct Programs(PathBuf);

impl Programs {
    /// `WARDLOG_POSTGRES_BIN`, else the newest under `/usr/lib/postgresql` (Debian), else what the PATH has.
    pub(super) fn find() -> Result<Self, PrivateError> {
        let named = env::var_os("WARDLOG_POSTGRES_BIN").map(PathBuf::from);
        let on_path = env::var_os("PATH").map(|path| env::split_paths(&path).collect::<Vec<_>>()).unwrap_or_default();
        named
            .into_iter()
            .chain(debian())
            .chain(on_path)
            .find(|directory| directory.join("initdb").exists() && directory.join("pg_ctl").exists())
            .map(Self)
            .ok_or(PrivateError::NotInstalled)
    }

    pub(super) fn path(&self, program: &str) -> PathBuf {
        self.0.join(program)
    }
}

fn debian() -> Vec<PathBuf> {
    let mut versions: Vec<(u32, PathBuf)> = fs::read_dir(Path::new("/usr/lib/postgresql"))
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
        .filter(|(version, _)| *version >= 15)
        .collect();
    versions.sort_unstable_by(|a, b| b.cmp(a));
    versions.into_iter().map(|(_, directory)| directory).collect()
}
