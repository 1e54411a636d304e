//! The families of events, and that none is left out.

use std::{collections::BTreeSet, fs};

use schema::{
    DecodeError, DomainEvent,
    directory::{SchoolEvent, SourceEvent, TrustEvent},
    filtering::{OpeningEvent, PseudonymEvent},
    people::{PersonEvent, ReadingEvent, StaffingEvent},
    provisioning::ProvisioningEvent,
    recusal::MatterEvent,
};

use crate::corpus::below;

/// Every family of the crate.
pub const FAMILIES: [Family; 10] = [
    family::<TrustEvent>(),
    family::<SchoolEvent>(),
    family::<SourceEvent>(),
    family::<PersonEvent>(),
    family::<StaffingEvent>(),
    family::<ReadingEvent>(),
    family::<OpeningEvent>(),
    family::<PseudonymEvent>(),
    family::<ProvisioningEvent>(),
    family::<MatterEvent>(),
];

/// A family, without its type.
pub struct Family {
    /// [`DomainEvent::RELEASED`].
    pub released: &'static [(&'static str, i16)],
    /// Reads an event of any version and writes it again.
    pub rewrite: fn(&str, i16, &[u8]) -> Result<Written, DecodeError>,
}

/// An event as it is written: in the current version of its type.
pub struct Written {
    pub name: &'static str,
    pub version: i16,
    pub payload: Vec<u8>,
}

const fn family<E: DomainEvent>() -> Family {
    Family { released: E::RELEASED, rewrite: rewrite::<E> }
}

fn rewrite<E: DomainEvent>(name: &str, version: i16, payload: &[u8]) -> Result<Written, DecodeError> {
    let event = E::decode(name, version, payload)?;
    Ok(Written { name: event.name(), version: event.version(), payload: event.encode() })
}

/// The name of the enum, which a family tells when it is asked for a type that it does not have.
fn name(family: &Family) -> &'static str {
    match (family.rewrite)("", 0, b"") {
        Err(DecodeError::UnknownType { family, .. }) => family,
        _ => panic!("a type without a name was read"),
    }
}

/// The names after `family!(` in a source file.
fn declared(source: &str) -> impl Iterator<Item = String> {
    source.split("\nfamily!(").skip(1).map(|rest| {
        let mut lines = rest.lines().map(str::trim);
        let first = lines.find(|line| !line.is_empty() && !line.starts_with("///")).unwrap();
        first.trim_end_matches(" {").to_owned()
    })
}

#[test]
fn every_family_that_is_declared_is_listed_here() {
    let sources = below("src").into_iter().filter(|path| !path.ends_with("tests.rs"));
    let declared: BTreeSet<_> =
        sources.flat_map(|path| declared(&fs::read_to_string(path).unwrap()).collect::<Vec<_>>()).collect();
    assert_eq!(FAMILIES.iter().map(|family| name(family).to_owned()).collect::<BTreeSet<_>>(), declared);
}

#[test]
fn a_type_belongs_to_one_family_and_its_versions_run_down_to_1() {
    let mut types = BTreeSet::new();
    for versions in FAMILIES.iter().flat_map(|family| family.released.chunk_by(|(a, _), (b, _)| a == b)) {
        let (name, current) = versions[0];
        assert!(types.insert(name), "{name} is there twice");
        assert!(versions.iter().map(|&(_, version)| version).eq((1..=current).rev()), "{versions:?}");
    }
}
