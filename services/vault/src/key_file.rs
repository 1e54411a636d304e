//! The wrapping keys of the embedded default: a file, outside every database and every backup of one.
//!
//! Each school or trust has one of its own for each context, of which there are versions: to destroy a key beyond the
//! reach of an old backup, the others are wrapped under the next version and this one is destroyed.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    fmt, fs,
    io::{self, BufRead, BufReader, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use aws_lc_rs::rand;
use data_encoding::BASE64URL_NOPAD;
use uuid::Uuid;

use crate::{
    aead::Aead,
    holder::{Holder, Versions},
    wrapping::State,
};

/// Why the wrapping keys cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// The file cannot be read or written.
    #[error("the wrapping keys cannot be used: {path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A line is none of ours.
    #[error(
        "{path}: line {line}: expected `file` and an id on the first, and then a context, an id, a version and a key"
    )]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
    },
}

/// Each wrapping key's versions, by context and owner.
type Keys = BTreeMap<(String, Uuid), BTreeMap<i32, [u8; 32]>>;

/// The file: on the first line `file`, its id and how often it was changed, then `context owner version key` for each
/// version of each wrapping key. Processes of one machine may share it.
pub struct KeyFile {
    path: PathBuf,
    known: Mutex<Known>,
}

/// What the file was when it was read; another process may have changed it since, and then its first line is another.
#[derive(Default)]
struct Known {
    first: String,
    keys: Keys,
}

impl KeyFile {
    /// Opens the file, making it the first time, readable by its owner alone.
    pub fn open(path: &Path) -> Result<Self, KeyFileError> {
        let file = Self { path: path.to_owned(), known: Mutex::default() };
        if !path.try_exists().map_err(|source| file.failed(source))? {
            file.change(|_| Ok(()))?;
        }
        let found = fs::metadata(path).map_err(|source| file.failed(source))?;
        if found.mode() & 0o077 != 0 {
            return Err(file.failed(io::Error::other("expected it to be readable by its owner alone (mode 0600)")));
        }
        drop(file.known()?);
        Ok(file)
    }

    /// Opens a file that is there.
    pub fn open_existing(path: &Path) -> Result<Self, KeyFileError> {
        fs::metadata(path).map_err(|source| KeyFileError::File { path: path.to_owned(), source })?;
        Self::open(path)
    }

    /// The file's own id, and how often it was changed.
    pub(crate) fn state(&self) -> Result<State, KeyFileError> {
        State::parse(&self.known()?.first).ok_or_else(|| self.wrong(0))
    }

    /// Whose wrapping keys of a context there are.
    pub(crate) fn owners(&self, context: &str) -> Result<Vec<Uuid>, KeyFileError> {
        let known = self.known()?;
        Ok(known.keys.keys().filter(|(of, _)| of == context).map(|(_, owner)| *owner).collect())
    }

    /// Which versions of a wrapping key there are; none of one that was never made.
    pub(crate) fn versions(&self, of: Holder) -> Result<Option<Versions>, KeyFileError> {
        let known = self.known()?;
        let versions = known.keys.get(&of.key()).map(BTreeMap::keys);
        Ok(versions.and_then(|mut all| {
            let oldest = *all.next()?;
            Some(Versions { oldest, newest: all.next_back().copied().unwrap_or(oldest) })
        }))
    }

    /// One version of a wrapping key, if it is there.
    pub(crate) fn version(&self, of: Holder, version: i32) -> Result<Option<Aead>, KeyFileError> {
        let key = self.known()?.keys.get(&of.key()).and_then(|versions| versions.get(&version).copied());
        let cipher = key.map(|key| Aead::new(&key)).transpose();
        cipher.map_err(|_| self.failed(io::Error::other("the cipher refuses a key")))
    }

    /// Makes a version of a wrapping key, unless it is there.
    pub(crate) fn add(&self, of: Holder, version: i32) -> Result<(), KeyFileError> {
        self.change(|keys| {
            let versions = keys.entry(of.key()).or_default();
            if let Entry::Vacant(absent) = versions.entry(version) {
                absent.insert(fresh()?);
            }
            Ok(())
        })
    }

    /// Destroys every version of a wrapping key before this one.
    pub(crate) fn destroy_before(&self, of: Holder, version: i32) -> Result<(), KeyFileError> {
        self.change(|keys| {
            keys.entry(of.key()).or_default().retain(|other, _| *other >= version);
            Ok(())
        })
    }

    /// What the file says now.
    fn known(&self) -> Result<MutexGuard<'_, Known>, KeyFileError> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.first.is_empty() || known.first != self.first_line().map_err(|source| self.failed(source))? {
            // While it is read nobody replaces it, and writes over what was there.
            let lock = self.lock_file().map_err(|source| self.failed(source))?;
            lock.lock_shared().map_err(|source| self.failed(source))?;
            *known = self.read()?;
        }
        Ok(known)
    }

    fn first_line(&self) -> io::Result<String> {
        let mut first = Vec::new();
        BufReader::with_capacity(128, fs::File::open(&self.path)?).read_until(b'\n', &mut first)?;
        Ok(String::from_utf8_lossy(&first).trim_end().to_owned())
    }

    fn read(&self) -> Result<Known, KeyFileError> {
        let text = fs::read_to_string(&self.path).map_err(|source| self.failed(source))?;
        let mut lines = text.lines().enumerate();
        let first = lines.next().map(|(_, first)| first).filter(|first| State::parse(first).is_some());
        let first = first.ok_or_else(|| self.wrong(0))?.to_owned();
        let mut keys = Keys::new();
        for (number, line) in lines {
            let (of, version, key) = parse(line).ok_or_else(|| self.wrong(number))?;
            keys.entry(of).or_default().insert(version, key);
        }
        Ok(Known { first, keys })
    }

    fn lock_file(&self) -> io::Result<fs::File> {
        fs::OpenOptions::new().append(true).create(true).mode(0o600).open(self.path.with_extension("lock"))
    }

    /// Changes the file as a whole, one process at a time. The old one is written over before it goes: what a disk keeps
    /// of it all the same, no program can take away.
    fn change(&self, what: impl FnOnce(&mut Keys) -> io::Result<()>) -> Result<(), KeyFileError> {
        let lock = self.lock_file().map_err(|source| self.failed(source))?;
        lock.lock().map_err(|source| self.failed(source))?;
        let Known { first, mut keys } =
            if self.path.try_exists().map_err(|source| self.failed(source))? { self.read()? } else { Known::default() };
        let replace = || {
            what(&mut keys)?;
            let before = State::parse(&first).map_or_else(State::fresh, Ok)?;
            self.write(&State { changes: before.changes + 1, ..before }, &keys)
        };
        replace().map_err(|source| self.failed(source))
    }

    fn write(&self, State { id, changes }: &State, keys: &Keys) -> io::Result<()> {
        let draft = self.path.with_extension("draft");
        // One that a crash left has keys too.
        if let Some(left) = if_there(fs::OpenOptions::new().write(true).open(&draft))? {
            write_over(left)?;
            fs::remove_file(&draft)?;
        }
        let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
        writeln!(file, "file {id} {changes}")?;
        for ((context, owner), versions) in keys {
            for (version, key) in versions {
                writeln!(file, "{context} {owner} {version} {}", BASE64URL_NOPAD.encode(key))?;
            }
        }
        file.sync_all()?;
        let old = if_there(fs::OpenOptions::new().write(true).open(&self.path))?;
        fs::rename(&draft, &self.path)?;
        if let Some(directory) = self.path.parent() {
            fs::File::open(directory)?.sync_all()?;
        }
        old.map_or(Ok(()), write_over)
    }

    fn failed(&self, source: io::Error) -> KeyFileError {
        KeyFileError::File { path: self.path.clone(), source }
    }

    fn wrong(&self, line: usize) -> KeyFileError {
        KeyFileError::Line { path: self.path.clone(), line: line + 1 }
    }
}

impl Holder {
    fn key(self) -> (String, Uuid) {
        (self.context.to_owned(), self.owner)
    }
}

impl State {
    fn parse(line: &str) -> Option<Self> {
        let (id, changes) = line.strip_prefix("file ")?.split_once(' ')?;
        Some(Self { id: id.parse().ok()?, changes: changes.parse().ok()? })
    }

    fn fresh() -> io::Result<Self> {
        Ok(Self { id: uuid::Builder::from_random_bytes(fresh()?).into_uuid(), changes: 0 })
    }
}

fn if_there(file: io::Result<fs::File>) -> io::Result<Option<fs::File>> {
    match file {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        file => file.map(Some),
    }
}

fn write_over(mut file: fs::File) -> io::Result<()> {
    let length = usize::try_from(file.metadata()?.len()).map_err(io::Error::other)?;
    file.write_all(&vec![0; length])?;
    file.sync_all()
}

fn fresh<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    rand::fill(&mut bytes).map_err(|_| io::Error::other("the machine has no randomness to give"))?;
    Ok(bytes)
}

fn parse(line: &str) -> Option<((String, Uuid), i32, [u8; 32])> {
    let mut words = line.split(' ');
    let (context, owner, version, key) = (words.next()?, words.next()?, words.next()?, words.next()?);
    let key = BASE64URL_NOPAD.decode(key.as_bytes()).ok()?.try_into().ok()?;
    words.next().is_none().then_some(((context.to_owned(), owner.parse().ok()?), version.parse().ok()?, key))
}

impl fmt::Debug for KeyFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyFile({})", self.path.display())
    }
}

#[cfg(test)]
mod tests;
