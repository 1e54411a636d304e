//! The shape of an answer, which is the document's: its fields in their order (GraphQL, section 7.2.2), and null in place of what
//! failed, or of the nearest around it that may be null (section 6.4.4).
//!
//! async-graphql writes fields as they are done, so that their order would tell which took longer, and leaves out those that
//! failed.

use std::collections::HashMap;

use async_graphql::{
    Name, PathSegment, Positioned, Request, Response, ServerError, Value,
    indexmap::IndexMap,
    parser::{
        parse_schema,
        types::{
            BaseType, FragmentDefinition, OperationDefinition, OperationType, Selection, SelectionSet, Type, TypeKind,
            TypeSystemDefinition,
        },
    },
};

use super::variables::chosen;

/// The types of a schema's fields, by the type that has them.
#[derive(Debug)]
pub(super) struct Types(HashMap<Name, HashMap<Name, Type>>);

/// The shape that a document asks for.
pub(super) struct Shape {
    operation: OperationDefinition,
    fragments: HashMap<Name, Positioned<FragmentDefinition>>,
}

/// A response's values, on their way into their shape.
struct Shaping<'s> {
    shape: &'s Shape,
    types: &'s Types,
    errors: &'s [ServerError],
    path: Vec<PathSegment>,
}

/// A null that its parent has to be as well.
struct NullToo;

impl Types {
    /// Of a schema's own description; none of one that does not parse.
    pub(super) fn of(sdl: &str) -> Self {
        let document = parse_schema(sdl);
        let types = document.into_iter().flat_map(|document| document.definitions).filter_map(|definition| {
            let TypeSystemDefinition::Type(Positioned { node: of, .. }) = definition else { return None };
            let TypeKind::Object(object) = of.kind else { return None };
            let fields = object.fields.into_iter().map(|field| (field.node.name.node, field.node.ty.node));
            Some((of.name.node, fields.collect()))
        });
        Self(types.collect())
    }

    /// Of a field; none of introspection's.
    fn of_field(&self, parent: &Name, field: &Name) -> Option<&Type> {
        self.0.get(parent)?.get(field)
    }
}

impl Shape {
    /// None of a document that does not parse, or an operation that cannot be chosen.
    pub(super) fn of(request: &mut Request) -> Option<Self> {
        let operation_name = request.operation_name.clone();
        let document = request.parsed_query().ok()?;
        let operation = chosen(document, operation_name.as_deref())?.clone();
        Some(Self { operation, fragments: document.fragments.clone() })
    }

    /// The response in this shape; its errors in the order of where in the document they are.
    pub(super) fn give(&self, types: &Types, mut response: Response) -> Response {
        let root = Name::new(match self.operation.ty {
            OperationType::Query => "Query",
            OperationType::Mutation => "Mutation",
            OperationType::Subscription => "Subscription",
        });
        let mut shaping = Shaping { shape: self, types, errors: &response.errors, path: Vec::new() };
        let fields = &[&self.operation.selection_set.node];
        response.data = shaping.fields(response.data, Some(&root), fields).unwrap_or(Value::Null);
        response.errors.sort_by_key(|error| error.locations.first().map(|at| (at.line, at.column)));
        response
    }

    /// The fields of a set by their keys, each with its name and what is asked of it. A fragment's are where it is spread.
    fn collect<'d>(
        &'d self,
        set: &'d SelectionSet,
        wanted: &mut IndexMap<&'d Name, (&'d Name, Vec<&'d SelectionSet>)>,
    ) {
        for selection in &set.items {
            match &selection.node {
                Selection::Field(field) => {
                    let field = &field.node;
                    let (_, sets) =
                        wanted.entry(&field.response_key().node).or_insert_with(|| (&field.name.node, Vec::new()));
                    sets.push(&field.selection_set.node);
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

impl<'s> Shaping<'s> {
    /// The fields of an object; of nothing that was executed, nothing.
    fn fields(&mut self, value: Value, of: Option<&Name>, sets: &[&'s SelectionSet]) -> Result<Value, NullToo> {
        let Value::Object(mut found) = value else {
            return Ok(value);
        };
        let (mut wanted, mut shaped, depth) = (IndexMap::new(), IndexMap::new(), self.path.len());
        for set in sets {
            self.shape.collect(set, &mut wanted);
        }
        for (key, (name, sets)) in wanted {
            let of_field = of.and_then(|of| self.types.of_field(of, name));
            self.path.push(PathSegment::Field(key.to_string()));
            let value = found.swap_remove(key).or_else(|| self.has_failed().then_some(Value::Null));
            // One that is neither there nor failed was to be skipped.
            if let Some(value) = value {
                let value = self.value(value, of_field, &sets);
                self.path.truncate(depth);
                shaped.insert(key.clone(), value?);
            }
            self.path.truncate(depth);
        }
        Ok(Value::Object(shaped))
    }

    fn value(&mut self, value: Value, of: Option<&Type>, sets: &[&'s SelectionSet]) -> Result<Value, NullToo> {
        let may_be_null = of.is_none_or(|of| of.nullable);
        let shaped = match (value, of.map(|of| &of.base)) {
            (Value::Null, _) => Err(NullToo),
            (Value::List(all), base) => {
                let of = base.and_then(|base| match base {
                    BaseType::List(of) => Some(&**of),
                    BaseType::Named(_) => None,
                });
                let mut each = |(at, value)| {
                    self.path.push(PathSegment::Index(at));
                    let shaped = self.value(value, of, sets);
                    self.path.pop();
                    shaped
                };
                all.into_iter().enumerate().map(&mut each).collect::<Result<_, _>>().map(Value::List)
            }
            (value, Some(BaseType::Named(of))) => self.fields(value, Some(of), sets),
            (value, _) => self.fields(value, None, sets),
        };
        shaped.or_else(|null| if may_be_null { Ok(Value::Null) } else { Err(null) })
    }

    /// Whether what is at the path failed, or something in it that is null for it.
    fn has_failed(&self) -> bool {
        self.errors.iter().any(|error| error.path.starts_with(&self.path))
    }
}
