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

/// How many tokens a document may have: names, numbers, texts and signs.
const MOST_TOKENS: usize = 5_000;

/// How many fields and fragments it may ask for; introspection asks for some two hundred.
const MOST: usize = 1_000;

/// A document's fragments, and how much each asks for, where that is known.
struct Sizes<'d> {
    fragments: &'d HashMap<Name, Positioned<FragmentDefinition>>,
    known: HashMap<&'d Name, usize>,
}

/// The error, if the document is too long or asks for too much. One that does not parse is left to the execution to report.
pub(super) fn check(request: &mut Request) -> Result<(), ServerError> {
    if tokens(&request.query).nth(MOST_TOKENS).is_some() {
        let message = format!("expected a document of at most {MOST_TOKENS} tokens");
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

    /// Of one that is within itself, or is not there, nothing: the validation refuses it.
    fn of_fragment(&mut self, name: &'d Name) -> usize {
        if let Some(size) = self.known.get(name) {
            return *size;
        }
        let Some(fragment) = self.fragments.get(name) else { return 0 };
        self.known.insert(name, 0);
        let size = self.of(&fragment.node.selection_set.node);
        self.known.insert(name, size);
        size
    }
}

/// The tokens of a document (GraphQL, section 2.1.6), each as it begins; what comes after a mistake may be cut in other places.
fn tokens(document: &str) -> impl Iterator<Item = &str> {
    let mut rest = document;
    std::iter::from_fn(move || {
        loop {
            rest = rest.trim_start_matches(|char: char| char.is_whitespace() || matches!(char, ',' | '\u{feff}'));
            match rest.strip_prefix('#') {
                Some(comment) => rest = comment.split_once(['\n', '\r']).map_or("", |(_, after)| after),
                None => break,
            }
        }
        let (token, after) = rest.split_at(length(rest)?);
        rest = after;
        Some(token)
    })
}

/// The length of the token at a beginning; none at the end.
fn length(rest: &str) -> Option<usize> {
    let first = rest.chars().next()?;
    let is_of_word = |char: char| char.is_ascii_alphanumeric() || char == '_';
    Some(match first {
        _ if is_of_word(first) => rest.find(|char| !is_of_word(char)).unwrap_or(rest.len()),
        '"' => match rest.strip_prefix("\"\"\"") {
            Some(block) => 3 + end_of(block, "\"\"\"", "\\\"\"\""),
            None => 1 + end_of(&rest[1..], "\"", "\\\""),
        },
        _ => first.len_utf8(),
    })
}

/// How far it is to behind the end of a text, which may stand in it where it is escaped.
fn end_of(text: &str, end: &str, escaped: &str) -> usize {
    let mut at = 0;
    while let Some(found) = text[at..].find(['"', '\\']).map(|found| at + found) {
        let here = &text[found..];
        at = match () {
            () if here.starts_with(end) => return found + end.len(),
            () if here.starts_with(escaped) => found + escaped.len(),
            () if end.len() == 1 && here.starts_with('\\') => {
                found + 1 + here[1..].chars().next().map_or(0, char::len_utf8)
            }
            () => found + 1,
        };
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_cut_into_its_tokens() {
        for (document, expected) in [
            ("", vec![]),
            ("{ a, b # c\n}", vec!["{", "a", "b", "}"]),
            (
                "query($a: [Int!]=[1 -2.5])",
                vec!["query", "(", "$", "a", ":", "[", "Int", "!", "]", "=", "[", "1", "-", "2", ".", "5", "]", ")"],
            ),
            (r#"a "" b "c \" d \\" e"#, vec!["a", "\"\"", "b", r#""c \" d \\""#, "e"]),
            (r#"a """b " \""" c "" """ d"#, vec!["a", r#""""b " \""" c "" """"#, "d"]),
            (r#"""" \\""" a"#, vec![r#"""" \\""" a"#]),
            ("\"open", vec!["\"open"]),
            ("é", vec!["é"]),
        ] {
            assert_eq!(tokens(document).collect::<Vec<_>>(), expected, "{document}");
        }
    }
}
