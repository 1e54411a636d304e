//! Where a filter keeps its configuration and its log, and as whom it runs.

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt, chown},
    path::{Path, PathBuf},
    process::Stdio,
};

use anyhow::{Context, Result, bail, ensure};
use nix::unistd::{Group, Uid, User};
use tokio::process::{Child, Command};

/// A directory of a filter's own, and the user that it runs as.
pub(super) struct Place {
    /// That directory, in full.
    pub directory: PathBuf,
    /// That user.
    pub user: User,
}

impl Place {
    /// Makes `directory`, its parents too.
    pub fn make(directory: &Path) -> Result<Self> {
        let user =
            if Uid::effective().is_root() { User::from_name("proxy")? } else { User::from_uid(Uid::effective())? };
        let user = user.context("expected a name for the user that the filters run as")?;
        let made = || format!("cannot make {}; name a directory that can be written", directory.display());
        fs::create_dir_all(directory).with_context(made)?;
        let place = Self { directory: fs::canonicalize(directory).with_context(made)?, user };
        place.hand_over(&place.directory)?;
        for parent in place.directory.ancestors().skip(1) {
            let meta = fs::metadata(parent)?;
            ensure!(
                meta.mode() & 0o001 != 0 || meta.uid() == place.user.uid.as_raw(),
                "{} cannot be reached by the user {}; name a directory that every user can reach, such as one in /tmp",
                parent.display(),
                place.user.name,
            );
        }
        Ok(place)
    }

    /// The path of `name` in it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// The name of the user's group.
    pub fn group(&self) -> Result<String> {
        Ok(Group::from_gid(self.user.gid)?.context("expected a name for the filters' group")?.name)
    }

    /// Writes a file that the filter may read.
    pub fn write(&self, name: &str, text: &str) -> Result<PathBuf> {
        let path = self.path(name);
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644))?;
        self.hand_over(&path)?;
        Ok(path)
    }

    /// Starts `program` with `flags` and its configuration, as the user; what it says goes to a file.
    pub fn spawn(&self, program: &str, flags: &[&str], configuration: &Path) -> Result<Child> {
        if !Path::new(program).exists() {
            bail!("{program} is not there; install it by `apt-get install squid e2guardian`");
        }
        let said = fs::File::create(self.path("said"))?;
        let mut command = Command::new(program);
        command.args(flags).arg(configuration).current_dir(&self.directory).kill_on_drop(true);
        command.stdin(Stdio::null()).stdout(said.try_clone()?).stderr(said);
        if Uid::effective().is_root() {
            command.uid(self.user.uid.as_raw()).gid(self.user.gid.as_raw());
        }
        command.spawn().with_context(|| format!("cannot start {program}"))
    }

    /// What the program has said so far, and Squid's own log after it.
    pub fn said(&self) -> String {
        let read = |name| fs::read_to_string(self.path(name)).unwrap_or_default();
        format!("{}{}", read("said"), read("cache.log"))
    }

    fn hand_over(&self, path: &Path) -> Result<()> {
        if Uid::effective().is_root() {
            let (uid, gid) = (self.user.uid.as_raw(), self.user.gid.as_raw());
            chown(path, Some(uid), Some(gid)).with_context(|| format!("cannot hand {} over", path.display()))?;
        }
        Ok(())
    }
}
