//! The shape of an answer, which is the document's: its fields in their order (GraphQL, section 7.2.2), and null in place of what
//! failed, or of the nearest around it that may be null (section 6.4.4).
//!
//! async-graphql writes fields as they are done, so that their order would tell which took longer, and leaves out those that
//! failed.

use std::collections::{HashMap, HashSet};

use async_graphql::{
    Name, PathSegment, Positioned, Request, Response, ServerError, Value, Variables,
    indexmap::IndexMap,
    parser::{
        parse_schema,
        types::{
            BaseType, Directive, FragmentDefinition, OperationDefinition, OperationType, Selection, SelectionSet, Type,
            TypeKind, TypeSystemDefinition,
        },
    },
};

use super::{reply::was_executed, variables::chosen};

/// The types of a schema's fields, by the type that has them.
#[derive(Debug)]
pub(super) struct Types(HashMap<Name, HashMap<Name, Type>>);

/// The shape that a document asks for.
pub(super) struct Shape<'t> {
    types: &'t Types,
    operation: OperationDefinition,
    fragments: HashMap<Name, Positioned<FragmentDefinition>>,
    variables: Variables,
}

/// Where a response's errors are: their paths, as a tree.
#[derive(Default)]
struct Failures(HashMap<String, Failures>);

/// The fields that are asked of an object, by their keys: each one's name, and what is asked of it.
type Wanted<'d> = IndexMap<&'d Name, (&'d Name, Vec<&'d SelectionSet>)>;

/// A null that its parent has to be as well.
struct NullToo;

impl Types {
    /// Of a schema's own description; one that does not parse is a defect: any field may be null then.
    pub(super) fn of(sdl: &str) -> Self {
        let document = parse_schema(sdl).inspect_err(|error| tracing::error!(%error, "the schema does not parse"));
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

impl<'t> Shape<'t> {
    /// None of a document that does not parse, or an operation that cannot be chosen. The variables have their defaults.
    pub(super) fn of(types: &'t Types, request: &mut Request) -> Option<Self> {
        let operation_name = request.operation_name.clone();
        let document = request.parsed_query().ok()?;
        let operation = chosen(document, operation_name.as_deref())?.clone();
        let fragments = document.fragments.clone();
        Some(Self { types, operation, fragments, variables: request.variables.clone() })
    }

    /// The response in this shape; its errors in the order of where in the document they are, then of where in the answer.
    pub(super) fn give(&self, mut response: Response) -> Response {
        let root = Name::new(match self.operation.ty {
            OperationType::Query => "Query",
            OperationType::Mutation => "Mutation",
            OperationType::Subscription => "Subscription",
        });
        let fields = &[&self.operation.selection_set.node];
        if was_executed(&response) {
            let failures = Failures::of(&response.errors);
            response.data = self.object(response.data, Some(&root), fields, Some(&failures)).unwrap_or(Value::Null);
        }
        response.errors.sort_by(|a, b| {
            let (at, other) = (a.locations.first(), b.locations.first());
            let document = at.map(|at| (at.line, at.column)).cmp(&other.map(|at| (at.line, at.column)));
            document.then_with(|| a.path.iter().map(rank).cmp(b.path.iter().map(rank)))
        });
        response
    }

    /// An object's fields; all of them failed, or are skipped, where there is none.
    fn object(
        &self,
        found: Value,
        of: Option<&Name>,
        sets: &[&SelectionSet],
        failures: Option<&Failures>,
    ) -> Result<Value, NullToo> {
        let mut found = if let Value::Object(found) = found { found } else { IndexMap::new() };
        let mut wanted = Wanted::new();
        let mut spread = HashSet::new();
        for set in sets {
            self.collect(set, &mut wanted, &mut spread);
        }
        let fields = wanted.into_iter().map(|(key, (name, sets))| {
            let of_field = of.and_then(|of| self.types.of_field(of, name));
            let found = found.swap_remove(key).unwrap_or(Value::Null);
            let failures = failures.and_then(|failures| failures.0.get(key.as_str()));
            Ok((key.clone(), self.value(found, of_field, &sets, failures)?))
        });
        fields.collect::<Result<_, _>>().map(Value::Object)
    }

    fn value(
        &self,
        found: Value,
        of: Option<&Type>,
        sets: &[&SelectionSet],
        failures: Option<&Failures>,
    ) -> Result<Value, NullToo> {
        let may_be_null = of.is_none_or(|of| of.nullable);
        let has_fields = sets.iter().any(|set| !set.items.is_empty());
        let (failed, failed_below) = failures.map_or((false, false), |failures| (true, !failures.0.is_empty()));
        let shaped = match (found, of.map(|of| &of.base)) {
            (Value::List(all), base) => {
                let of = base.and_then(|base| match base {
                    BaseType::List(of) => Some(&**of),
                    BaseType::Named(_) => None,
                });
                let each = all.into_iter().enumerate().map(|(at, found)| {
                    let failures = failures.and_then(|failures| failures.0.get(&at.to_string()));
                    self.value(found, of, sets, failures)
                });
                each.collect::<Result<_, _>>().map(Value::List)
            }
            (found @ Value::Object(_), Some(BaseType::Named(of))) if has_fields => {
                self.object(found, Some(of), sets, failures)
            }
            (found @ Value::Object(_), None) if has_fields => self.object(found, None, sets, failures),
            // async-graphql says null for an object that it has no field of.
            (Value::Null, Some(BaseType::Named(of))) if has_fields && (failed_below || !(may_be_null || failed)) => {
                self.object(Value::Null, Some(of), sets, failures)
            }
            (Value::Null, _) => Err(NullToo),
            (found, _) => Ok(found),
        };
        shaped.or_else(|null| if may_be_null { Ok(Value::Null) } else { Err(null) })
    }

    /// The fields of a set, a fragment's where it is first spread, and none that is to be skipped.
    fn collect<'d>(&'d self, set: &'d SelectionSet, wanted: &mut Wanted<'d>, spread: &mut HashSet<&'d Name>) {
        for selection in &set.items {
            if self.is_skipped(selection.node.directives()) {
                continue;
            }
            match &selection.node {
                Selection::Field(field) => {
                    let field = &field.node;
                    let (_, sets) =
                        wanted.entry(&field.response_key().node).or_insert_with(|| (&field.name.node, Vec::new()));
                    sets.push(&field.selection_set.node);
                }
                Selection::InlineFragment(inline) => self.collect(&inline.node.selection_set.node, wanted, spread),
                Selection::FragmentSpread(of) => {
                    let name = &of.node.fragment_name.node;
                    if let Some(fragment) = self.fragments.get(name)
                        && spread.insert(name)
                    {
                        self.collect(&fragment.node.selection_set.node, wanted, spread);
                    }
                }
            }
        }
    }

    fn is_skipped(&self, directives: &[Positioned<Directive>]) -> bool {
        directives.iter().any(|directive| {
            let unless = match directive.node.name.node.as_str() {
                "skip" => false,
                "include" => true,
                _ => return false,
            };
            let condition = directive.node.get_argument("if").map(|condition| condition.node.clone());
            let condition =
                condition.and_then(|of| of.into_const_with(|name| self.variables.get(&name).cloned().ok_or(())).ok());
            (condition == Some(Value::Boolean(true))) != unless
        })
    }
}

impl Failures {
    fn of(errors: &[ServerError]) -> Self {
        let mut failures = Self::default();
        for error in errors {
            let mut at = &mut failures;
            for segment in &error.path {
                let segment = match segment {
                    PathSegment::Field(key) => key.clone(),
                    PathSegment::Index(at) => at.to_string(),
                };
                at = at.0.entry(segment).or_default();
            }
        }
        failures
    }
}

/// What a segment of a path is sorted by.
fn rank(segment: &PathSegment) -> (usize, &str) {
    match segment {
        PathSegment::Field(key) => (0, key),
        PathSegment::Index(at) => (*at, ""),
    }
}
