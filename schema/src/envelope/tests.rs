//! Upcasting, shown on a family that only these tests have: no real one has a second version yet.

use serde::{Deserialize, Serialize};

use crate::{DecodeError, DomainEvent};

super::family!(
    /// What a bell does.
    BellEvent {
        /// It rang.
        Rang(Rang) = "bell-rang" 3 from { 2: RangV2, 1: RangV1 },
        /// It cracked.
        Cracked(Cracked) = "bell-cracked" 1,
    }
);

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct RangV1 {
    times: u32,
}

/// From version 2 on, somebody rings it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct RangV2 {
    times: u32,
    by: Option<String>,
}

/// From version 3 on, strokes are what is counted: a bell that rings once strikes twice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rang {
    strokes: u32,
    by: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cracked {}

impl From<RangV1> for RangV2 {
    fn from(RangV1 { times }: RangV1) -> Self {
        Self { times, by: None }
    }
}

impl From<RangV2> for Rang {
    fn from(RangV2 { times, by }: RangV2) -> Self {
        Self { strokes: times * 2, by }
    }
}

fn read(version: i16, payload: &str) -> Result<BellEvent, DecodeError> {
    BellEvent::decode("bell-rang", version, payload.as_bytes())
}

fn rang(strokes: u32, by: Option<&str>) -> BellEvent {
    BellEvent::Rang(Rang { strokes, by: by.map(str::to_owned) })
}

#[test]
fn an_event_of_the_first_version_is_lifted_step_by_step_to_the_current_one() {
    assert_eq!(read(1, r#"{"times":4}"#).unwrap(), rang(8, None));
}

#[test]
fn an_event_of_a_version_between_takes_the_steps_that_are_left() {
    assert_eq!(read(2, r#"{"times":4,"by":"the verger"}"#).unwrap(), rang(8, Some("the verger")));
}

#[test]
fn an_event_of_the_current_version_is_read_as_it_is() {
    assert_eq!(read(3, r#"{"strokes":4,"by":null}"#).unwrap(), rang(4, None));
}

#[test]
fn an_event_that_was_lifted_is_written_in_the_current_version() {
    let event = read(1, r#"{"times":4}"#).unwrap();
    assert_eq!((event.name(), event.version()), ("bell-rang", 3));
    assert_eq!(event.encode(), br#"{"strokes":8,"by":null}"#);
}

#[test]
fn a_version_that_was_never_released_is_unknown_whatever_its_payload() {
    for version in [0, 4, -1] {
        let unknown = read(version, r#"{"times":4,"strokes":4,"by":null}"#);
        assert!(
            matches!(unknown, Err(DecodeError::UnknownType { family: "BellEvent", version: told, .. }) if told == version)
        );
    }
    for (name, version) in [("bell-cracked", 2), ("bell-cast", 1)] {
        assert!(matches!(BellEvent::decode(name, version, b"{}"), Err(DecodeError::UnknownType { .. })), "{name}");
    }
}

#[test]
fn a_payload_is_held_to_the_shape_of_its_own_version() {
    for (version, payload) in [(1, r#"{"strokes":4}"#), (2, r#"{"strokes":4,"by":null}"#), (3, r#"{"times":4}"#)] {
        let refused = read(version, payload);
        assert!(matches!(refused, Err(DecodeError::Shape { version: told, .. }) if told == version), "{version}");
    }
}

#[test]
fn a_family_lists_every_version_that_it_reads() {
    assert_eq!(BellEvent::RELEASED, [("bell-rang", 3), ("bell-rang", 2), ("bell-rang", 1), ("bell-cracked", 1)]);
    assert!(BellEvent::knows("bell-cracked") && !BellEvent::knows("bell-cast"));
}
