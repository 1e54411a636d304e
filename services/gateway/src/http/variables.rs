//! Variables, made whole before execution (GraphQL, section 6.1.2).
//!
//! async-graphql notices a required one that is missing when a field uses it, and reports an error of that field; the
//! specification makes it an error of the request, of which nothing is executed. For `@skip` and `@include` it knows of no
//! defaults.

use async_graphql::{
    Name, Request, ServerError, Value,
    parser::types::{DocumentOperations, ExecutableDocument, OperationDefinition},
};

/// Gives the variables their defaults; the error, if the chosen operation lacks one that it requires. A document that does not
/// parse, or an operation that cannot be chosen, is left to the execution to report.
pub(super) fn complete(request: &mut Request) -> Result<(), ServerError> {
    let operation_name = request.operation_name.clone();
    let mut variables = request.variables.clone();
    let Ok(document) = request.parsed_query() else { return Ok(()) };
    let Some(operation) = chosen(document, operation_name.as_deref()) else { return Ok(()) };
    for definition in &operation.variable_definitions {
        let (name, of) = (&definition.node.name.node, &definition.node.var_type.node);
        if let (None, Some(default)) = (variables.get(name), &definition.node.default_value) {
            variables.insert(name.clone(), default.node.clone());
        }
        if !of.nullable && variables.get(name).is_none_or(|value| *value == Value::Null) {
            let message = format!("Variable ${name} of the required type {of} is missing.");
            return Err(ServerError::new(message, Some(definition.pos)));
        }
    }
    request.variables = variables;
    Ok(())
}

pub(super) fn chosen<'d>(document: &'d ExecutableDocument, name: Option<&str>) -> Option<&'d OperationDefinition> {
    let operation = match (&document.operations, name) {
        (DocumentOperations::Single(only), None) => only,
        (DocumentOperations::Multiple(all), Some(name)) => all.get(&Name::new(name))?,
        (DocumentOperations::Multiple(all), None) if all.len() == 1 => all.values().next()?,
        (DocumentOperations::Single(_), Some(_)) | (DocumentOperations::Multiple(_), None) => return None,
    };
    Some(&operation.node)
}
