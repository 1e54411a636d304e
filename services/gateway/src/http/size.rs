//! How much a document asks for, before it is looked at any closer.
//!
//! async-graphql looks at a fragment again wherever it is spread, so that a few hundred bytes of fragments within fragments
//! would keep it busy for years, and counts nothing for `__typename`.

use std::collections::HashMap;

use async_graphql::{
    Name, Positioned, Request, ServerError,
    parser::types::{FragmentDefinition, Selection, SelectionSet},
};

/// Several times what introspection asks.
const MOST: usize = 5_000;

/// Deeper than this a document may not go, fragments within fragments included.
const DEEPEST: usize = 100;

/// A document's fragments, and how much each asks for, where that is known.
struct Sizes<'d> {
    fragments: &'d HashMap<Name, Positioned<FragmentDefinition>>,
    known: HashMap<&'d Name, usize>,
}

/// The error, if the document asks for too much. One that does not parse is left to the execution to report.
pub(super) fn check(request: &mut Request) -> Result<(), ServerError> {
    let Ok(document) = request.parsed_query() else { return Ok(()) };
    let mut sizes = Sizes { fragments: &document.fragments, known: HashMap::new() };
    let operations = document.operations.iter().map(|(_, operation)| &operation.node.selection_set.node);
    let size = operations.fold(0_usize, |size, set| size.saturating_add(sizes.of(set, 0)));
    if size <= MOST {
        return Ok(());
    }
    let message =
        format!("expected at most {MOST} fields and fragments, those of a fragment counted wherever it is spread");
    Err(ServerError::new(message, None))
}

impl<'d> Sizes<'d> {
    fn of(&mut self, set: &'d SelectionSet, depth: usize) -> usize {
        if depth > DEEPEST {
            return usize::MAX;
        }
        set.items.iter().fold(0, |size: usize, selection| {
            let within = match &selection.node {
                Selection::Field(field) => self.of(&field.node.selection_set.node, depth + 1),
                Selection::InlineFragment(inline) => self.of(&inline.node.selection_set.node, depth + 1),
                Selection::FragmentSpread(spread) => self.of_fragment(&spread.node.fragment_name.node, depth + 1),
            };
            size.saturating_add(1).saturating_add(within)
        })
    }

    /// Of one that is within itself, or is not there, nothing: the validation refuses it.
    fn of_fragment(&mut self, name: &'d Name, depth: usize) -> usize {
        if let Some(size) = self.known.get(name) {
            return *size;
        }
        let Some(fragment) = self.fragments.get(name) else { return 0 };
        self.known.insert(name, 0);
        let size = self.of(&fragment.node.selection_set.node, depth);
        self.known.insert(name, size);
        size
    }
}
