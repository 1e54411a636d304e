//! Every frozen sample of the directory's events, of every version, folds for ever; no database is needed.

#![expect(clippy::unwrap_used, reason = "a test that cannot read the corpus has failed")]

use std::{fmt::Debug, fs, path::PathBuf};

use chrono::NaiveDate;
use directory::domain::{
    matter::Matter,
    person::{Forgetting, Known, Person},
    provisioning::Provisioning,
    reading::Reading,
    school::{Membership, Registered, School},
    source::{KeyState, Source},
    staffing::Staffing,
    trust::Trust,
};
use eventlog::Aggregate;
use schema::{
    DomainEvent, Vocabulary,
    directory::{SchoolDetails, SourceRegistered},
    people::{PersonCategory, PersonEvent, StaffRole},
};
use uuid::Uuid;

fn directory(name: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../schema/events")).join(name)
}

/// The samples of one version of a type.
fn samples<E: DomainEvent>(name: &str, version: i16) -> Vec<E> {
    let files = fs::read_dir(directory(name)).unwrap().map(|entry| entry.unwrap().path());
    let of_version =
        |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().starts_with(&format!("v{version}.sample"));
    let samples = files.filter(of_version).map(|path| E::decode(name, version, &fs::read(path).unwrap()).unwrap());
    samples.collect()
}

/// The first sample of each type in its current version, in the family's order, which is that of a life.
fn life<E: DomainEvent>() -> Vec<E> {
    let current = E::RELEASED.chunk_by(|(a, _), (b, _)| a == b).map(|versions| versions[0]);
    let first = |(name, version)| {
        let payload = fs::read(directory(name).join(format!("v{version}.sample.json"))).unwrap();
        E::decode(name, version, &payload).unwrap()
    };
    current.map(first).collect()
}

/// Folds every sample at its place in the life, and expects that it is not passed over.
fn every_sample_changes<A: Aggregate + Debug + PartialEq>() {
    let life = life::<A::Event>();
    for &(name, version) in A::Event::RELEASED {
        let before = || A::after(life.iter().take_while(|event| event.name() != name));
        let samples = samples::<A::Event>(name, version);
        assert!(!samples.is_empty(), "{name} {version}");
        for sample in samples {
            assert_ne!(before().evolve(&sample), before(), "{name} {version}");
        }
    }
}

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn id<I: From<Uuid>>(end: u128) -> I {
    Uuid::from_u128(0x4000_8000_0000_0000_0000 + end).into()
}

#[test]
fn every_sample_of_a_trust_changes_it() {
    every_sample_changes::<Trust>();
}

#[test]
fn every_sample_of_a_school_changes_it() {
    every_sample_changes::<School>();
}

#[test]
fn every_sample_of_a_source_changes_it() {
    every_sample_changes::<Source>();
}

#[test]
fn every_sample_of_a_person_changes_it() {
    every_sample_changes::<Person>();
}

#[test]
fn every_sample_of_the_roles_of_a_school_changes_them() {
    every_sample_changes::<Staffing>();
}

#[test]
fn every_sample_of_a_reading_changes_it() {
    every_sample_changes::<Reading>();
}

#[test]
fn every_sample_of_a_matter_changes_it() {
    every_sample_changes::<Matter>();
}

#[test]
fn every_sample_of_the_keys_of_a_directory_changes_them() {
    every_sample_changes::<Provisioning>();
}

#[test]
fn the_life_of_a_directorys_keys_folds_to_what_its_samples_tell() {
    assert_eq!(Provisioning::after(&life()).keys, [(id(0xd101), KeyState::Revoked)]);
}

#[test]
fn the_life_of_a_trust_folds_to_what_its_samples_tell() {
    let (uid, name) = ("990001".parse().unwrap(), "Nowhere & Elsewhere Example Trust".into());
    assert_eq!(Trust::after(&life()), Trust::Registered { uid, name });
}

#[test]
fn the_life_of_a_school_folds_to_what_its_samples_tell() {
    let details = SchoolDetails {
        name: "St Fictitia’s Example Academy".into(),
        local_authority: "Nowhereshire".into(),
        phase: "Secondary".into(),
        kind: "Academy converter".into(),
        status: "Open".into(),
        pupils: Some(1051),
    };
    let school = Registered {
        details,
        urn: ("990103".parse().unwrap(), day("2027-01-01")),
        former_urns: vec!["990101".parse().unwrap()],
        membership: Membership::Former { trust: id(0xa001), to: day("2028-02-29") },
    };
    assert_eq!(School::after(&life()), School::Registered(school));
}

#[test]
fn the_life_of_a_source_folds_to_what_its_samples_tell() {
    let registered = SourceRegistered {
        source: id(0xc001),
        school: id(0xb001),
        name: "Example filter, main gate".into(),
        vocabulary: Vocabulary::E2guardian,
    };
    let keys = vec![(id(0xd001), KeyState::Revoked)];
    assert_eq!(Source::after(&life()), Source::Registered { registered, keys });
}

#[test]
fn the_life_of_a_person_folds_to_what_its_samples_tell() {
    let life: Vec<PersonEvent> = life();
    assert_eq!(Person::after(&life), Person::Forgotten);
    let Person::Known(known) = Person::after(&life[..life.len() - 1]) else { panic!("unknown") };
    let Known { person, category, identity, account, logins, ever, left, forgetting } = known;
    assert_eq!(account, None, "the directory keeps none any more");
    assert_eq!(ever.len(), 1, "a login that was taken away is remembered");
    assert_eq!(forgetting, Forgetting::default());
    assert_eq!((person, category, left), (id(0xe001), PersonCategory::Governor, Some(day("2028-07-31"))));
    assert_eq!((identity.key(), logins.len()), (id(0xe001), 0));
}

#[test]
fn the_life_of_a_schools_roles_folds_to_what_its_samples_tell() {
    let staffing = Staffing::after(&life());
    assert_eq!(staffing.appointments.len(), 1);
    let given = &staffing.appointments[0];
    assert_eq!((given.person, given.role, given.to), (id(0xe001), StaffRole::Dsl, Some(day("2027-04-30"))));
    assert_eq!(staffing.gaps, []);
    assert_eq!(staffing.substitutes[&StaffRole::Dsl], [id(0xe001), id(0xe002)]);
}
