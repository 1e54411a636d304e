//! The order of an answer's fields, which is the document's (GraphQL, section 7.2.2).
//!
//! async-graphql writes them as they are done, so that their order would tell which took longer.

use std::collections::HashMap;

use async_graphql::{
    Name, Positioned, Request, Response, Value,
    indexmap::IndexMap,
    parser::types::{FragmentDefinition, Selection, SelectionSet},
};

use super::variables::chosen;

/// The order that a document asks for.
pub(super) struct Order {
    root: SelectionSet,
    fragments: HashMap<Name, Positioned<FragmentDefinition>>,
}

impl Order {
    /// None of a document that does not parse, or an operation that cannot be chosen.
    pub(super) fn of(request: &mut Request) -> Option<Self> {
        let operation_name = request.operation_name.clone();
        let document = request.parsed_query().ok()?;
        let root = chosen(document, operation_name.as_deref())?.selection_set.node.clone();
        Some(Self { root, fragments: document.fragments.clone() })
    }

    /// The response in this order; its errors by where in the document they are.
    pub(super) fn apply(order: Option<&Self>, mut response: Response) -> Response {
        if let Some(order) = order {
            response.data = order.in_order(response.data, &[&order.root]);
        }
        response.errors.sort_by_key(|error| error.locations.first().map(|at| (at.line, at.column)));
        response
    }

    fn in_order(&self, value: Value, sets: &[&SelectionSet]) -> Value {
        match value {
            Value::List(all) => Value::List(all.into_iter().map(|one| self.in_order(one, sets)).collect()),
            Value::Object(mut fields) => {
                let mut wanted = IndexMap::new();
                for set in sets {
                    self.collect(set, &mut wanted);
                }
                let ordered = wanted.into_iter().filter_map(|(key, sets)| {
                    let value = fields.swap_remove(key)?;
                    Some((key.clone(), self.in_order(value, &sets)))
                });
                Value::Object(ordered.collect())
            }
            leaf => leaf,
        }
    }

    /// The fields of a set by their keys, each with what is asked of it. A fragment's are where it is spread.
    fn collect<'d>(&'d self, set: &'d SelectionSet, wanted: &mut IndexMap<&'d Name, Vec<&'d SelectionSet>>) {
        for selection in &set.items {
            match &selection.node {
                Selection::Field(field) => {
                    let field = &field.node;
                    wanted.entry(&field.response_key().node).or_default().push(&field.selection_set.node);
                }
                Selection::InlineFragment(inline) => self.collect(&inline.node.selection_set.node, wanted),
                Selection::FragmentSpread(spread) => {
                    if let Some(fragment) = self.fragments.get(&spread.node.fragment_name.node) {
                        self.collect(&fragment.node.selection_set.node, wanted);
                    }
                }
            }
        }
    }
}
