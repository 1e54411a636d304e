//! The shape of an answer, which is the document's: its fields in their order (GraphQL, section 7.2.2), and null in place of what
//! failed, or of the nearest around it that may be null (section 6.4.4).
//!
//! async-graphql writes fields as they are done, so that their order would tell which took longer, and leaves out those that
//! failed. Of two that have one key it takes whichever is done first. An object of which nothing is left is null to it, which is
//! why each is asked for its type too, under a key that no document can have.

use std::collections::{HashMap, HashSet};

use async_graphql::{
    Name, PathSegment, Positioned, Request, Response, ServerError, Value, Variables,
    indexmap::IndexMap,
    parser::{
        parse_schema,
        types::{
            BaseType, Directive, DocumentOperations, ExecutableDocument, Field, FragmentDefinition,
            OperationDefinition, OperationType, Selection, SelectionSet, Type, TypeKind, TypeSystemDefinition,
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

/// The fields that are asked of an object, by their keys.
type Wanted<'d> = IndexMap<&'d Name, Vec<&'d Positioned<Field>>>;

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
    /// None of a document that does not parse, or an operation that cannot be chosen. The variables have their defaults; the
    /// document is made such that nothing that is there is null.
    ///
    /// # Errors
    /// Two fields that are asked for under one key are not the same (section 5.3.2).
    pub(super) fn of(types: &'t Types, request: &mut Request) -> Result<Option<Self>, ServerError> {
        let operation_name = request.operation_name.clone();
        let Ok(document) = request.parsed_query() else { return Ok(None) };
        let mut document = document.clone();
        let Some(operation) = chosen(&document, operation_name.as_deref()).cloned() else { return Ok(None) };
        let fragments = document.fragments.clone();
        let shape = Self { types, operation, fragments, variables: request.variables.clone() };
        shape.check(&[&shape.operation.selection_set.node])?;
        ask_for_types(&mut document);
        request.set_parsed_query(document);
        Ok(Some(shape))
    }

    /// The response in this shape; its errors in the order of where in the document they are, then of where in the answer.
    pub(super) fn give(&self, mut response: Response) -> Response {
        let root = Name::new(match self.operation.ty {
            OperationType::Query => "Query",
            OperationType::Mutation => "Mutation",
            OperationType::Subscription => "Subscription",
        });
        if was_executed(&response) {
            let fields = [&self.operation.selection_set.node];
            response.data = self.object(response.data, Some(&root), &fields).unwrap_or(Value::Null);
        }
        response.errors.sort_by(|a, b| {
            let (at, other) = (a.locations.first(), b.locations.first());
            let document = at.map(|at| (at.line, at.column)).cmp(&other.map(|at| (at.line, at.column)));
            document.then_with(|| a.path.iter().map(rank).cmp(b.path.iter().map(rank)))
        });
        response
    }

    /// An object's fields; all that are not there failed.
    fn object(&self, found: Value, of: Option<&Name>, sets: &[&SelectionSet]) -> Result<Value, NullToo> {
        let mut found = if let Value::Object(found) = found { found } else { IndexMap::new() };
        let fields = self.wanted(sets, |directives| !self.is_skipped(directives)).into_iter().map(|(key, fields)| {
            let of_field = of.and_then(|of| self.types.of_field(of, &fields[0].node.name.node));
            let found = found.swap_remove(key).unwrap_or(Value::Null);
            Ok((key.clone(), self.value(found, of_field, &sets_of(&fields))?))
        });
        fields.collect::<Result<_, _>>().map(Value::Object)
    }

    fn value(&self, found: Value, of: Option<&Type>, sets: &[&SelectionSet]) -> Result<Value, NullToo> {
        let has_fields = sets.iter().any(|set| !set.items.is_empty());
        let shaped = match (found, of.map(|of| &of.base)) {
            (Value::Null, _) => Err(NullToo),
            (Value::List(all), base) => {
                let of = base.and_then(|base| match base {
                    BaseType::List(of) => Some(&**of),
                    BaseType::Named(_) => None,
                });
                all.into_iter().map(|found| self.value(found, of, sets)).collect::<Result<_, _>>().map(Value::List)
            }
            (found @ Value::Object(_), Some(BaseType::Named(of))) if has_fields => self.object(found, Some(of), sets),
            (found @ Value::Object(_), _) if has_fields => self.object(found, None, sets),
            (found, _) => Ok(found),
        };
        let may_be_null = of.is_none_or(|of| of.nullable);
        shaped.or_else(|null| if may_be_null { Ok(Value::Null) } else { Err(null) })
    }

    /// That the fields of one key are the same, and so are those within them.
    fn check(&self, sets: &[&SelectionSet]) -> Result<(), ServerError> {
        for (key, fields) in self.wanted(sets, |_| true) {
            let (first, others) = (&fields[0].node, &fields[1..]);
            if let Some(other) = others.iter().find(|other| !are_the_same(first, &other.node)) {
                let message = format!("expected under {key} the same field each time, with the same arguments");
                return Err(ServerError::new(message, Some(other.pos)));
            }
            self.check(&sets_of(&fields))?;
        }
        Ok(())
    }

    /// The fields of an object's sets, of those selections that are `asked` for; a fragment's where it is first spread.
    fn wanted<'d>(&'d self, sets: &[&'d SelectionSet], asked: impl Fn(&[Positioned<Directive>]) -> bool) -> Wanted<'d> {
        let (mut wanted, mut spread) = (Wanted::new(), HashSet::new());
        for set in sets {
            self.collect(set, &asked, &mut wanted, &mut spread);
        }
        wanted
    }

    fn collect<'d>(
        &'d self,
        set: &'d SelectionSet,
        asked: &impl Fn(&[Positioned<Directive>]) -> bool,
        wanted: &mut Wanted<'d>,
        spread: &mut HashSet<&'d Name>,
    ) {
        for selection in set.items.iter().filter(|selection| asked(selection.node.directives())) {
            match &selection.node {
                Selection::Field(field) => wanted.entry(&field.node.response_key().node).or_default().push(field),
                Selection::InlineFragment(inline) => {
                    self.collect(&inline.node.selection_set.node, asked, wanted, spread);
                }
                Selection::FragmentSpread(of) => {
                    let name = &of.node.fragment_name.node;
                    if let Some(fragment) = self.fragments.get(name)
                        && spread.insert(name)
                    {
                        self.collect(&fragment.node.selection_set.node, asked, wanted, spread);
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

fn sets_of<'d>(fields: &[&'d Positioned<Field>]) -> Vec<&'d SelectionSet> {
    fields.iter().map(|field| &field.node.selection_set.node).collect()
}

fn are_the_same(one: &Field, other: &Field) -> bool {
    let has = |(name, value): &(Positioned<Name>, Positioned<_>)| {
        other.arguments.iter().any(|(other, given)| other.node == name.node && given.node == value.node)
    };
    one.name.node == other.name.node && one.arguments.len() == other.arguments.len() && one.arguments.iter().all(has)
}

/// Asks each object for its type.
fn ask_for_types(document: &mut ExecutableDocument) {
    let operations = match &mut document.operations {
        DocumentOperations::Single(operation) => vec![operation],
        DocumentOperations::Multiple(operations) => operations.values_mut().collect(),
    };
    let of_operations = operations.into_iter().map(|operation| &mut operation.node.selection_set);
    let of_fragments = document.fragments.values_mut().map(|fragment| &mut fragment.node.selection_set);
    of_operations.chain(of_fragments).for_each(ask_for_type);
}

fn ask_for_type(set: &mut Positioned<SelectionSet>) {
    let (at, items) = (set.pos, &mut set.node.items);
    if items.is_empty() {
        return;
    }
    for selection in items.iter_mut() {
        match &mut selection.node {
            Selection::Field(field) => ask_for_type(&mut field.node.selection_set),
            Selection::InlineFragment(inline) => ask_for_type(&mut inline.node.selection_set),
            Selection::FragmentSpread(_) => {}
        }
    }
    let field = Field {
        alias: Some(Positioned::new(Name::new("="), at)),
        name: Positioned::new(Name::new("__typename"), at),
        arguments: vec![],
        directives: vec![],
        selection_set: Positioned::default(),
    };
    items.push(Positioned::new(Selection::Field(Positioned::new(field, at)), at));
}

/// What a segment of a path is sorted by.
fn rank(segment: &PathSegment) -> (usize, &str) {
    match segment {
        PathSegment::Field(key) => (0, key),
        PathSegment::Index(at) => (*at, ""),
    }
}
