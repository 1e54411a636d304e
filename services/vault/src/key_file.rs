//! The wrapping keys of the embedded default: a file, outside every database and every backup of one.
//!
//! Each school or trust has one of its own for each context, of which there are versions: to destroy a key beyond the
//! reach of an old backup, the others are wrapped under the next version and this one is destroyed.

use std::{
    collections::{BTreeMap, HashMap},
    fmt, fs,
    io::{self, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use aws_lc_rs::rand;
use data_encoding::BASE64URL_NOPAD;
use uuid::Uuid;

use crate::aead::Aead;

/// Whose wrapping key: a context's for a school or trust.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Holder {
    pub(crate) context: &'static str,
    pub(crate) owner: Uuid,
}

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
    /// It was destroyed.
    #[error("{path} lacks version {version} of a wrapping key")]
    Lacking {
        /// The file.
        path: PathBuf,
        /// The version.
        version: i32,
    },
}

type Keys = BTreeMap<(String, Uuid, i32), [u8; 32]>;

/// The file: `file` and its id, then `context owner version key` for each version of each wrapping key. Processes of one
/// machine may share it.
pub struct KeyFile {
    path: PathBuf,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    /// What the file was when it was read; another process may have written it since.
    stamp: Option<(u64, u64, i64, i64)>,
    id: Uuid,
    keys: HashMap<(String, Uuid), BTreeMap<i32, [u8; 32]>>,
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

    /// The file's own id.
    pub(crate) fn id(&self) -> Result<Uuid, KeyFileError> {
        Ok(self.known()?.id)
    }

    /// The newest version of a wrapping key, made if there is none.
    pub(crate) fn newest(&self, of: Holder) -> Result<(i32, Aead), KeyFileError> {
        let newest = |known: &Known| known.of(of)?.last_key_value().map(|(version, key)| (*version, *key));
        if let Some((version, key)) = newest(&*self.known()?) {
            return Ok((version, self.cipher(&key)?));
        }
        self.change(|keys| {
            if versions(keys, of).next().is_none() {
                keys.insert((of.context.to_owned(), of.owner, 1), fresh()?);
            }
            Ok(())
        })?;
        let (version, key) = newest(&*self.known()?).ok_or_else(|| self.lacking(1))?;
        Ok((version, self.cipher(&key)?))
    }

    /// One version of a wrapping key.
    pub(crate) fn version(&self, of: Holder, version: i32) -> Result<Aead, KeyFileError> {
        let key = self.known()?.of(of).and_then(|versions| versions.get(&version).copied());
        self.cipher(&key.ok_or_else(|| self.lacking(version))?)
    }

    /// Makes the next version of a wrapping key.
    pub(crate) fn renew(&self, of: Holder) -> Result<(), KeyFileError> {
        self.change(|keys| {
            let next = versions(keys, of).max().unwrap_or(0) + 1;
            keys.insert((of.context.to_owned(), of.owner, next), fresh()?);
            Ok(())
        })
    }

    /// Destroys every version of a wrapping key before this one.
    pub(crate) fn destroy_before(&self, of: Holder, version: i32) -> Result<(), KeyFileError> {
        self.change(|keys| {
            keys.retain(|(context, owner, other), _| {
                (context.as_str(), *owner) != (of.context, of.owner) || *other >= version
            });
            Ok(())
        })
    }

    /// What the file says now.
    fn known(&self) -> Result<MutexGuard<'_, Known>, KeyFileError> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let stamp = || {
            let found = fs::metadata(&self.path)?;
            Ok(Some((found.ino(), found.len(), found.mtime(), found.mtime_nsec())))
        };
        if known.stamp != stamp().map_err(|source| self.failed(source))? {
            // While it is read nobody replaces it, and writes over what was there.
            let lock = self.lock_file().map_err(|source| self.failed(source))?;
            lock.lock_shared().map_err(|source| self.failed(source))?;
            let (id, keys) = self.read()?;
            *known = Known { stamp: stamp().map_err(|source| self.failed(source))?, id, keys: HashMap::new() };
            for ((context, owner, version), key) in keys {
                known.keys.entry((context, owner)).or_default().insert(version, key);
            }
        }
        Ok(known)
    }

    fn read(&self) -> Result<(Uuid, Keys), KeyFileError> {
        let text = fs::read_to_string(&self.path).map_err(|source| self.failed(source))?;
        let wrong = |line: usize| KeyFileError::Line { path: self.path.clone(), line: line + 1 };
        let mut lines = text.lines().enumerate();
        let first = lines.next().and_then(|(_, line)| line.strip_prefix("file ")?.parse().ok());
        let keys = lines.map(|(number, line)| parse(line).ok_or_else(|| wrong(number))).collect::<Result<_, _>>()?;
        Ok((first.ok_or_else(|| wrong(0))?, keys))
    }

    fn lock_file(&self) -> io::Result<fs::File> {
        fs::OpenOptions::new().append(true).create(true).mode(0o600).open(self.path.with_extension("lock"))
    }

    /// Changes the file as a whole, one process at a time. The old one is written over before it goes: what a disk keeps
    /// of it all the same, no program can take away.
    fn change(&self, what: impl FnOnce(&mut Keys) -> io::Result<()>) -> Result<(), KeyFileError> {
        let change = || -> io::Result<Result<(), KeyFileError>> {
            let lock = self.lock_file()?;
            lock.lock()?;
            let old = match fs::OpenOptions::new().write(true).open(&self.path) {
                Ok(old) => Some(old),
                Err(error) if error.kind() == io::ErrorKind::NotFound => None,
                Err(error) => return Err(error),
            };
            let (id, mut keys) = match old.as_ref().map(|_| self.read()).transpose() {
                Ok(read) => read.map_or_else(|| Ok((fresh_id()?, Keys::new())), io::Result::Ok)?,
                Err(error) => return Ok(Err(error)),
            };
            what(&mut keys)?;
            let draft = self.path.with_extension("draft");
            let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
            writeln!(file, "file {id}")?;
            for ((context, owner, version), key) in &keys {
                writeln!(file, "{context} {owner} {version} {}", BASE64URL_NOPAD.encode(key))?;
            }
            file.sync_all()?;
            fs::rename(&draft, &self.path)?;
            if let Some(directory) = self.path.parent() {
                fs::File::open(directory)?.sync_all()?;
            }
            let Some(mut old) = old else { return Ok(Ok(())) };
            let length = usize::try_from(old.metadata()?.len()).map_err(io::Error::other)?;
            old.write_all(&vec![0; length])?;
            old.sync_all().map(Ok)
        };
        change().map_err(|source| self.failed(source))?
    }

    fn cipher(&self, key: &[u8; 32]) -> Result<Aead, KeyFileError> {
        Aead::new(key).map_err(|_| self.failed(io::Error::other("the cipher refuses a key")))
    }

    fn failed(&self, source: io::Error) -> KeyFileError {
        KeyFileError::File { path: self.path.clone(), source }
    }

    fn lacking(&self, version: i32) -> KeyFileError {
        KeyFileError::Lacking { path: self.path.clone(), version }
    }
}

impl Known {
    fn of(&self, of: Holder) -> Option<&BTreeMap<i32, [u8; 32]>> {
        self.keys.get(&(of.context.to_owned(), of.owner))
    }
}

fn versions(keys: &Keys, of: Holder) -> impl Iterator<Item = i32> {
    keys.keys()
        .filter(move |(context, owner, _)| (context.as_str(), *owner) == (of.context, of.owner))
        .map(|(_, _, version)| *version)
}

fn fresh<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    rand::fill(&mut bytes).map_err(|_| io::Error::other("the machine has no randomness to give"))?;
    Ok(bytes)
}

fn fresh_id() -> io::Result<Uuid> {
    Ok(uuid::Builder::from_random_bytes(fresh()?).into_uuid())
}

fn parse(line: &str) -> Option<((String, Uuid, i32), [u8; 32])> {
    let mut words = line.split(' ');
    let (context, owner, version, key) = (words.next()?, words.next()?, words.next()?, words.next()?);
    let key = BASE64URL_NOPAD.decode(key.as_bytes()).ok()?.try_into().ok()?;
    words.next().is_none().then_some(((context.to_owned(), owner.parse().ok()?, version.parse().ok()?), key))
}

impl fmt::Debug for KeyFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyFile({})", self.path.display())
    }
}

#[cfg(test)]
mod tests {
    use std::{os::unix::fs::PermissionsExt, thread};

    use super::*;

    const OURS: Holder = Holder { context: "directory", owner: Uuid::from_u128(1) };

    /// A file of its own, removed at the end.
    struct Place(PathBuf);

    impl Place {
        fn new() -> Self {
            let directory = std::env::temp_dir().join(format!("wardlog-keys-{}", Uuid::from_u128(::rand::random())));
            fs::create_dir(&directory).unwrap();
            Self(directory)
        }

        fn open(&self) -> Result<KeyFile, KeyFileError> {
            KeyFile::open(&self.0.join("wrapping.keys"))
        }
    }

    impl Drop for Place {
        fn drop(&mut self) {
            fs::remove_dir_all(&self.0).unwrap();
        }
    }

    #[test]
    fn a_wrapping_key_is_made_once_and_found_by_every_process() {
        let place = Place::new();
        let files: Vec<_> = (0..8).map(|_| place.open().unwrap()).collect();
        thread::scope(|scope| {
            for file in &files {
                scope.spawn(|| assert_eq!(file.newest(OURS).unwrap().0, 1));
            }
        });
        let sealed = files[0].newest(OURS).unwrap().1.seal(b"", b"key".to_vec()).unwrap();
        for file in &files {
            assert_eq!(file.version(OURS, 1).unwrap().open(b"", &sealed).unwrap(), b"key");
        }
    }

    #[test]
    fn each_owner_has_another_in_each_context() {
        let (place, other) = (Place::new(), Holder { owner: Uuid::from_u128(2), ..OURS });
        let file = place.open().unwrap();
        let sealed = file.newest(OURS).unwrap().1.seal(b"", b"key".to_vec()).unwrap();
        for other in [other, Holder { context: "filtering", ..OURS }] {
            assert!(file.newest(other).unwrap().1.open(b"", &sealed).is_err());
        }
    }

    #[test]
    fn a_version_that_is_destroyed_is_gone_for_every_process_and_from_the_file() {
        let place = Place::new();
        let (file, another) = (place.open().unwrap(), place.open().unwrap());
        file.newest(OURS).unwrap();
        let first = fs::read_to_string(&file.path).unwrap();
        file.renew(OURS).unwrap();
        assert_eq!(another.newest(OURS).unwrap().0, 2);
        assert!(another.version(OURS, 1).is_ok());
        file.destroy_before(OURS, 2).unwrap();
        assert!(matches!(another.version(OURS, 1), Err(KeyFileError::Lacking { version: 1, .. })));
        let key = first.trim_end().rsplit(' ').next().unwrap();
        for entry in fs::read_dir(&place.0).unwrap() {
            assert!(!fs::read_to_string(entry.unwrap().path()).unwrap().contains(key));
        }
    }

    #[test]
    fn others_may_not_read_it() {
        let place = Place::new();
        let file = place.open().unwrap();
        file.newest(OURS).unwrap();
        assert_eq!(fs::metadata(&file.path).unwrap().permissions().mode() & 0o777, 0o600);
        fs::set_permissions(&file.path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(place.open(), Err(KeyFileError::File { .. })));
    }

    #[test]
    fn a_line_that_is_none_of_ours_is_told_by_its_number_and_not_repeated() {
        let place = Place::new();
        let file = place.open().unwrap();
        file.newest(OURS).unwrap();
        let text = fs::read_to_string(&file.path).unwrap();
        for (wrong, at) in [(format!("{text}directory secret"), 3), ("secret\n".into(), 1), (String::new(), 1)] {
            fs::write(&file.path, wrong).unwrap();
            let error = file.newest(OURS).unwrap_err();
            assert!(matches!(error, KeyFileError::Line { line, .. } if line == at), "{error}");
            assert!(!error.to_string().contains("secret"));
        }
    }
}
