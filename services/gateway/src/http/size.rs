//! How much a document asks for, before it is looked at any closer.
//!
//! async-graphql looks at a fragment again wherever it is spread, so that a few hundred bytes of fragments within fragments
//! would keep it busy for years; it follows fragments that nothing spreads as deep as they go, and compares whatever there is
//! many of with each other.

use std::collections::HashMap;

use async_graphql::{
    Name, Positioned, Request, ServerError,
    parser::types::{FragmentDefinition, Selection, SelectionSet},
};

/// How many tokens a document may have: words of a few letters, digits and signs.
const MOST_TOKENS: usize = 10_000;

/// How many bytes all variables may come to, as often as the document names one: the library copies them each time.
const MOST_COPIED: usize = 2_000_000;

/// How many fields and fragments it may ask for; introspection asks for some two hundred.
const MOST: usize = 1_000;

/// A document's fragments, and how much each asks for, where that is known.
struct Sizes<'d> {
    fragments: &'d HashMap<Name, Positioned<FragmentDefinition>>,
    known: HashMap<&'d Name, usize>,
}

/// The error, if the document is too long or asks for too much. One that does not parse is left to the execution to report.
pub(super) fn check(request: &mut Request) -> Result<(), ServerError> {
    if weight(&request.query) > MOST_TOKENS {
        let message = format!("expected a document of at most {MOST_TOKENS} words, digits and signs");
        return Err(ServerError::new(message, None));
    }
    let Ok(document) = request.parsed_query() else { return Ok(()) };
    let mut sizes = Sizes { fragments: &document.fragments, known: HashMap::new() };
    let operations = document.operations.iter().map(|(_, operation)| &operation.node.selection_set.node);
    let size = operations.fold(0_usize, |size, set| size.saturating_add(sizes.of(set)));
    if size <= MOST {
        return Ok(());
    }
    let message =
        format!("expected at most {MOST} fields and fragments, those of a fragment counted wherever it is spread");
    Err(ServerError::new(message, None))
}

/// The error, if the variables, which have their defaults, are too large to be copied as often as the document names one.
pub(super) fn check_variables(request: &Request) -> Result<(), ServerError> {
    let named = request.query.matches('$').count();
    let bytes = serde_json::to_string(&request.variables).map_or(usize::MAX, |text| text.len());
    if named.saturating_mul(bytes) <= MOST_COPIED {
        return Ok(());
    }
    let message =
        format!("expected variables whose bytes, as often as the document names one, are at most {MOST_COPIED}");
    Err(ServerError::new(message, None))
}

impl<'d> Sizes<'d> {
    fn of(&mut self, set: &'d SelectionSet) -> usize {
        set.items.iter().fold(0, |size: usize, selection| {
            let within = match &selection.node {
                Selection::Field(field) => self.of(&field.node.selection_set.node),
                Selection::InlineFragment(inline) => self.of(&inline.node.selection_set.node),
                Selection::FragmentSpread(spread) => self.of_fragment(&spread.node.fragment_name.node),
            };
            size.saturating_add(1).saturating_add(within)
        })
    }

    /// Of one that is not there, nothing: the validation refuses it.
    fn of_fragment(&mut self, name: &'d Name) -> usize {
        if let Some(size) = self.known.get(name) {
            return *size;
        }
        let Some(fragment) = self.fragments.get(name) else { return 0 };
        // Until it is known: what is within itself has no end.
        self.known.insert(name, usize::MAX);
        let size = self.of(&fragment.node.selection_set.node);
        self.known.insert(name, size);
        size
    }
}

/// At least as many as the parser finds tokens in a document, however it cuts them: it takes digits, and the words of four letters
/// `true` and `null`, for values of their own though nothing stands between. What is in texts and comments counts like the rest.
fn weight(document: &str) -> usize {
    let (mut quarters, mut in_word) = (0, false);
    for char in document.chars() {
        let is_letter = char.is_ascii_alphabetic() || char == '_';
        quarters += match char {
            _ if is_letter && in_word => 1,
            ',' | '\u{feff}' => 0,
            _ if char.is_whitespace() => 0,
            _ => 4,
        };
        in_word = is_letter;
    }
    quarters / 4
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_weighs_as_much_as_it_may_have_tokens() {
        for (document, expected) in [
            ("", 0),
            (" ,\n\u{feff}", 0),
            ("{ a, b }", 4),
            ("query($a: [Int!]=[1 -2])", 17),
            ("nullnullnull", 3),
            ("[true000]", 6),
            ("\"\"\"x\") { viewer }", 9),
            ("f12", 3),
        ] {
            assert!(weight(document) >= expected, "{document}: {}", weight(document));
        }
        assert_eq!(weight("identityReadings"), 4);
    }
}
