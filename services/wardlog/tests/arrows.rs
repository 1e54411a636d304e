//! Who may depend on whom, read from `cargo metadata`; and that every dependency is settled once, in the workspace.

#![expect(clippy::expect_used, reason = "a test that cannot read the workspace has failed")]

use std::{collections::BTreeSet, fs};

use cargo_metadata::{Metadata, MetadataCommand, Package};

/// The members from left to right; each may depend on any of an earlier place, and on `unify`, and on nothing else here.
const PLACES: [&[&str]; 8] = [
    &["schema"],
    &["database"],
    &["eventlog", "vault"],
    &["access"],
    &["web"],
    &["directory", "filtering", "comparison"],
    &["gateway"],
    &["wardlog"],
];

fn place(member: &str) -> Option<usize> {
    PLACES.iter().position(|place| place.contains(&member))
}

/// Why a member may not name another in its `Cargo.toml`; none if it may.
fn refusal(from: &str, to: &str) -> Option<String> {
    let refused = |reason: &str| Some(format!("{from} -> {to}: {reason}"));
    match (place(from), place(to)) {
        _ if from == "unify" => refused("unify depends on no member"),
        (None, _) => refused("the first has no place in the picture"),
        _ if to == "unify" => None,
        (_, None) => refused("the second has no place in the picture"),
        (Some(from), Some(to)) if to < from => None,
        (Some(from), Some(to)) if to == from => refused("neither may know the other"),
        (Some(_), Some(_)) => refused("the arrow points the wrong way"),
    }
}

/// The lines that are not `name.workspace = true` in a manifest's tables of dependencies, and the names of those that are.
fn dependency_lines(manifest: &str) -> (BTreeSet<String>, Vec<String>) {
    let (mut inherited, mut others) = (BTreeSet::new(), Vec::new());
    let mut is_ours = false;
    for line in manifest.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if line.starts_with('[') {
            is_ours = matches!(line, "[dependencies]" | "[dev-dependencies]" | "[build-dependencies]");
        } else if is_ours {
            match line.split_once(".workspace = true") {
                Some((name, "")) => drop(inherited.insert(name.to_owned())),
                _ => others.push(line.to_owned()),
            }
        }
    }
    (inherited, others)
}

/// The third-party entries of the root manifest's `[workspace.dependencies]`.
fn workspace_dependencies(manifest: &str) -> BTreeSet<String> {
    let table = manifest.lines().skip_while(|line| *line != "[workspace.dependencies]").skip(1);
    table
        .take_while(|line| !line.starts_with('['))
        .filter(|line| line.starts_with(|first: char| first.is_ascii_alphanumeric()) && !line.contains("path = "))
        .filter_map(|line| Some(line.split_once(" = ")?.0.to_owned()))
        .collect()
}

fn metadata() -> Metadata {
    MetadataCommand::new().no_deps().exec().expect("cargo tells of its workspace")
}

fn manifest(package: &Package) -> String {
    fs::read_to_string(&package.manifest_path).expect("a member has a manifest")
}

fn names(package: &Package) -> BTreeSet<String> {
    package.dependencies.iter().map(|dependency| dependency.name.clone()).collect()
}

#[test]
fn every_dependency_between_members_points_to_the_left() {
    let metadata = metadata();
    let (mut edges, mut refused) = (0, Vec::new());
    for package in &metadata.packages {
        for dependency in package.dependencies.iter().filter(|dependency| dependency.path.is_some()) {
            edges += 1;
            refused.extend(refusal(&package.name, &dependency.name));
        }
    }
    assert_eq!(refused, [""; 0]);
    assert!(edges > metadata.packages.len(), "only {edges} edges were found");
}

#[test]
fn an_edge_to_the_right_or_between_contexts_or_out_of_the_picture_is_refused() {
    for (from, to) in [
        ("eventlog", "filtering"),
        ("schema", "database"),
        ("filtering", "directory"),
        ("comparison", "filtering"),
        ("web", "web"),
        ("unify", "schema"),
        ("wardlog", "stranger"),
        ("stranger", "schema"),
    ] {
        assert!(refusal(from, to).is_some(), "{from} -> {to}");
    }
    for (from, to) in [("gateway", "schema"), ("wardlog", "gateway"), ("schema", "unify"), ("filtering", "web")] {
        assert_eq!(refusal(from, to), None);
    }
}

#[test]
fn every_member_has_a_place_and_depends_on_unify() {
    for package in metadata().packages.iter().filter(|package| package.name.as_str() != "unify") {
        assert!(place(&package.name).is_some(), "{}", package.name);
        assert!(names(package).contains("unify"), "{}", package.name);
    }
}

#[test]
fn every_member_takes_every_dependency_from_the_workspace_as_it_is() {
    for package in &metadata().packages {
        let (inherited, others) = dependency_lines(&manifest(package));
        assert_eq!(others, [""; 0], "{}: a version, a feature or a default is settled in the workspace", package.name);
        assert_eq!(inherited, names(package), "{}: what cargo reads is not what the lines say", package.name);
    }
}

#[test]
fn a_feature_or_version_of_a_members_own_is_found_whatever_its_spelling() {
    for own in [
        "[dependencies]\ntokio = { workspace = true, features = [\"full\"] }",
        "[dev-dependencies]\ntokio.workspace = true\ntokio.features = [\"full\"]",
        "[build-dependencies]\ncc = \"1\"",
    ] {
        assert_eq!(dependency_lines(own).1.len(), 1, "{own}");
    }
    // Tables of another spelling are not read here, so that what cargo reads differs from what the lines say.
    assert!(dependency_lines("[dependencies.tokio]\nworkspace = true\nfeatures = [\"full\"]").0.is_empty());
    assert!(dependency_lines("[target.'cfg(unix)'.dependencies]\nnix = \"1\"").0.is_empty());
}

#[test]
fn unify_lists_every_third_party_dependency_of_the_workspace() {
    let metadata = metadata();
    let root = fs::read_to_string(metadata.workspace_root.join("Cargo.toml")).unwrap();
    let unify = metadata.packages.iter().find(|package| package.name.as_str() == "unify").unwrap();
    assert_eq!(names(unify), workspace_dependencies(&root));
}
