//! The rules that were written by hand, and the schema's fields that they must cover.

use std::collections::{BTreeMap, BTreeSet};

/// A field, who, a place: what is expected there, other than nothing.
pub type Expected = BTreeMap<(String, String, String), String>;

const RULES: &str = include_str!("../../../../../schema/policies/access-rules.txt");
const SDL: &str = include_str!("../../../../../schema/graphql/schema.graphql");
const DOOR: &str = include_str!("../../../../../schema/openapi/door.json");
const SCIM: &str = include_str!("../../../../../schema/openapi/scim.json");

/// The types whose every field decides for itself.
const DECIDING: &[&str] = &["School", "Trust", "Mutation"];

/// How a line begins that says what a type has which is reached through those fields alone, and shown whole where they are shown.
const WHOLE: &str = "whole ";

/// How a line begins that says what a door opens to.
const DOOR_RULE: &str = "door ";

/// How a line begins that says which mutations need a second factor.
const SECOND_FACTOR: &str = "second-factor : ";

/// The rules, by field, who and place. `actors` are all there are: a rule for another is none. Who holds several roles sees
/// what each of them shows.
pub fn expected(actors: &BTreeSet<String>) -> Expected {
    let mut groups: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut expected = Expected::new();
    let others = [SECOND_FACTOR, WHOLE, DOOR_RULE];
    for line in lines().filter(|line| !others.iter().any(|other| line.starts_with(other))) {
        if let Some((name, roles)) = line.strip_prefix("who ").and_then(|group| group.split_once(" = ")) {
            groups.insert(name, roles.split(' ').collect());
            continue;
        }
        let (what, who) = line.split_once(" : ").unwrap_or_else(|| panic!("expected ` : ` in {line:?}"));
        let (fields, places) = what.split_once(" at ").unwrap_or_else(|| panic!("expected ` at ` in {line:?}"));
        for word in who.split(' ') {
            let (name, seen) = word.split_once('=').unwrap_or((word, "yes"));
            for actor in groups.get(name).cloned().unwrap_or_else(|| vec![name]) {
                assert!(actors.contains(actor), "there is no {actor:?} in {line:?}");
                for (field, place) in
                    fields.split(' ').flat_map(|field| places.split(' ').map(move |place| (field, place)))
                {
                    let cell = (field.to_owned(), actor.to_owned(), place.to_owned());
                    assert_eq!(expected.insert(cell, seen.to_owned()), None, "said twice: {line:?}");
                }
            }
        }
    }
    for several in actors.iter().filter(|actor| actor.contains('+')) {
        for role in several.split('+') {
            assert!(actors.contains(role), "{several} has a role that nobody holds alone");
            let own: Vec<_> = expected.iter().filter(|((_, actor, _), _)| actor == role).collect();
            let own = own.into_iter().map(|((field, _, place), seen)| (field.clone(), place.clone(), seen.clone()));
            for (field, place, seen) in own.collect::<Vec<_>>() {
                let cell = expected.entry((field, several.clone(), place)).or_insert_with(|| seen.clone());
                if *cell == "rounded" {
                    *cell = seen;
                }
            }
        }
    }
    expected
}

/// The mutations that need a second factor of whoever may.
pub fn second_factor() -> BTreeSet<&'static str> {
    lines().filter_map(|line| line.strip_prefix(SECOND_FACTOR)).flat_map(|fields| fields.split(' ')).collect()
}

fn lines() -> impl Iterator<Item = &'static str> {
    RULES.lines().filter(|line| !line.is_empty() && !line.starts_with('#'))
}

/// What a door opens to: the route, the place whose it is, and whose key opens it.
pub fn doors() -> BTreeSet<(String, String, String)> {
    let rules = lines().filter_map(|line| line.strip_prefix(DOOR_RULE)).map(|line| {
        let (routes, key) = line.split_once(" : ").unwrap_or_else(|| panic!("expected ` : ` in {line:?}"));
        let (routes, place) = routes.split_once(" at ").unwrap_or_else(|| panic!("expected ` at ` in {line:?}"));
        routes.split(", ").map(move |route| (route.to_owned(), place.to_owned(), key.to_owned()))
    });
    rules.flatten().collect()
}

/// What the rules say that a type has, which is shown whole.
fn shown_whole() -> BTreeMap<&'static str, BTreeSet<&'static str>> {
    let types = lines().filter_map(|line| line.strip_prefix(WHOLE)?.split_once(" : "));
    types.map(|(kind, fields)| (kind, fields.split(' ').collect())).collect()
}

/// The fields that decide, as `Type.field`. A type that is known neither as deciding nor as shown whole fails, and so does a field
/// of one of these that no rule names.
pub fn fields() -> BTreeSet<String> {
    let (mut found, mut whole) = (BTreeSet::new(), shown_whole());
    for (kind, body) in types() {
        if DECIDING.contains(&kind) {
            found.extend(names(body).map(|name| format!("{kind}.{name}")));
        } else if kind == "Query" {
            assert_eq!(names(body).collect::<Vec<_>>(), ["viewer", "trust", "school"], "another root needs its rules");
        } else {
            let listed = whole.remove(kind).unwrap_or_default();
            let there: BTreeSet<_> = names(body).collect();
            assert_eq!(listed, there, "of the type {kind}, access-rules.txt does not say what is shown whole");
        }
    }
    assert!(whole.is_empty(), "there are no such types: {whole:?}");
    found
}

/// All that is asked of a field of a deciding type to see it whole: nothing of a scalar, and of what decides for itself again
/// no more than which it is.
pub fn whole(kind: &str, field: &str) -> String {
    let body = types().find_map(|(known, body)| (known == kind).then_some(body)).expect("a type of the schema");
    let of = kind_of(body, field);
    let Some((_, shown)) = types().find(|(known, _)| *known == of) else { return String::new() };
    if DECIDING.contains(&of) {
        return " { id }".to_owned();
    }
    let fields: Vec<_> = names(shown).map(|name| format!("{name}{}", whole(of, name))).collect();
    format!(" {{ {} }}", fields.join(" "))
}

/// The type of a field, without what says that it is a list or always there.
fn kind_of(body: &'static str, field: &str) -> &'static str {
    let (_, rest) = body.split_once(&format!("\t{field}(")).map_or_else(
        || body.split_once(&format!("\t{field}: ")).expect("a field of the type"),
        |(before, with_arguments)| (before, with_arguments.split_once("): ").expect("the arguments end").1),
    );
    rest.lines().next().unwrap_or_default().trim_matches(['[', ']', '!'])
}

/// The routes of the filters' door, as method and path.
pub fn door_routes() -> Vec<(String, String)> {
    routes(DOOR)
}

/// Those of the directories' door.
pub fn scim_routes() -> Vec<(String, String)> {
    routes(SCIM)
}

fn routes(description: &str) -> Vec<(String, String)> {
    let door: serde_json::Value = serde_json::from_str(description).unwrap();
    let paths = door["paths"].as_object().unwrap().iter();
    paths
        .flat_map(|(path, methods)| methods.as_object().unwrap().keys().map(move |m| (m.clone(), path.clone())))
        .collect()
}

/// The object types of the schema, each with the text of its fields.
fn types() -> impl Iterator<Item = (&'static str, &'static str)> {
    let blocks = SDL.split("\ntype ").skip(1);
    blocks.map(|block| {
        let (kind, rest) = block.split_once(" {").unwrap();
        (kind, rest.split_once("\n}").unwrap().0)
    })
}

/// The names of a type's fields: the lines of one tab, outside descriptions, that begin with a word.
fn names(body: &'static str) -> impl Iterator<Item = &'static str> {
    let mut described = false;
    body.lines().filter_map(move |line| {
        if line.trim() == "\"\"\"" {
            described = !described;
            return None;
        }
        let name =
            line.strip_prefix('\t').filter(|line| !described && line.starts_with(|c: char| c.is_ascii_alphabetic()));
        name.map(|line| line.split(['(', ':']).next().unwrap_or(line))
    })
}
