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

fn newest(file: &KeyFile) -> Option<i32> {
    Some(file.versions(OURS).unwrap()?.newest)
}

fn cipher(file: &KeyFile, of: Holder, version: i32) -> Aead {
    file.version(of, version).unwrap().unwrap()
}

#[test]
fn a_wrapping_key_is_made_once_and_found_by_every_process() {
    let place = Place::new();
    let files: Vec<_> = (0..8).map(|_| place.open().unwrap()).collect();
    thread::scope(|scope| {
        for file in &files {
            scope.spawn(|| file.add(OURS, 1).unwrap());
        }
    });
    let sealed = cipher(&files[0], OURS, 1).seal(b"", b"key".to_vec()).unwrap();
    for file in &files {
        assert_eq!(newest(file), Some(1));
        assert_eq!(cipher(file, OURS, 1).open(b"", &sealed).unwrap(), b"key");
    }
}

#[test]
fn each_owner_has_another_in_each_context() {
    let (place, other) = (Place::new(), Holder { owner: Uuid::from_u128(2), ..OURS });
    let file = place.open().unwrap();
    file.add(OURS, 1).unwrap();
    let sealed = cipher(&file, OURS, 1).seal(b"", b"key".to_vec()).unwrap();
    for other in [other, Holder { context: "filtering", ..OURS }] {
        assert!(file.versions(other).unwrap().is_none());
        file.add(other, 1).unwrap();
        assert!(cipher(&file, other, 1).open(b"", &sealed).is_err());
    }
}

#[test]
fn a_version_that_is_destroyed_is_gone_for_every_process_and_from_the_file() {
    let place = Place::new();
    let (file, another) = (place.open().unwrap(), place.open().unwrap());
    file.add(OURS, 1).unwrap();
    let first = fs::read_to_string(&file.path).unwrap();
    file.add(OURS, 2).unwrap();
    assert_eq!(another.versions(OURS).unwrap(), Some(Versions { oldest: 1, newest: 2 }));
    assert!(another.version(OURS, 1).unwrap().is_some());
    file.destroy_before(OURS, 2).unwrap();
    assert_eq!(another.versions(OURS).unwrap(), Some(Versions { oldest: 2, newest: 2 }));
    assert!(another.version(OURS, 1).unwrap().is_none());
    let key = first.trim_end().rsplit(' ').next().unwrap();
    for entry in fs::read_dir(&place.0).unwrap() {
        assert!(!fs::read_to_string(entry.unwrap().path()).unwrap().contains(key));
    }
}

/// However fast it changes, and though a file of the same size may take the place of one before.
#[test]
fn every_change_is_seen_by_every_process_at_once() {
    let place = Place::new();
    let (file, another) = (place.open().unwrap(), place.open().unwrap());
    for version in 1..200 {
        file.add(OURS, version).unwrap();
        file.destroy_before(OURS, version).unwrap();
        assert_eq!(newest(&another), Some(version));
        assert_eq!(another.state().unwrap(), file.state().unwrap());
    }
}

#[test]
fn others_may_not_read_it() {
    let place = Place::new();
    let file = place.open().unwrap();
    file.add(OURS, 1).unwrap();
    assert_eq!(fs::metadata(&file.path).unwrap().permissions().mode() & 0o777, 0o600);
    fs::set_permissions(&file.path, fs::Permissions::from_mode(0o640)).unwrap();
    assert!(matches!(place.open(), Err(KeyFileError::File { .. })));
}

#[test]
fn a_line_that_is_none_of_ours_is_told_by_its_number_and_not_repeated() {
    let place = Place::new();
    let file = place.open().unwrap();
    file.add(OURS, 1).unwrap();
    let text = fs::read_to_string(&file.path).unwrap();
    for (wrong, at) in [(format!("{text}directory secret"), 3), ("secret\n".into(), 1), (String::new(), 1)] {
        fs::write(&file.path, wrong).unwrap();
        let error = file.versions(OURS).unwrap_err();
        assert!(matches!(error, KeyFileError::Line { line, .. } if line == at), "{error}");
        assert!(!error.to_string().contains("secret"));
    }
}

/// By another name of each, which shows what the disk has of it.
#[test]
fn what_is_replaced_and_what_a_crash_left_are_written_over() {
    let place = Place::new();
    let file = place.open().unwrap();
    file.add(OURS, 1).unwrap();
    let draft = file.path.with_extension("draft");
    fs::write(&draft, "a key").unwrap();
    let names = [(&file.path, place.0.join("replaced")), (&draft, place.0.join("left"))];
    for (path, name) in &names {
        fs::hard_link(path, name).unwrap();
    }
    file.add(OURS, 2).unwrap();
    for (_, name) in &names {
        let bytes = fs::read(name).unwrap();
        assert!(!bytes.is_empty() && bytes.iter().all(|byte| *byte == 0), "{}", name.display());
    }
    assert!(!draft.exists() && newest(&file) == Some(2));
}
