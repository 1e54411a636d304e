//! Required variables, checked before execution.
//!
//! async-graphql notices a missing one when a field uses it, and reports an error of that field; the specification
//! (GraphQL, section 6.1.2) makes it an error of the request, of which nothing is executed.

use async_graphql::{
    Name, Request, ServerError, Value,
    parser::types::{DocumentOperations, ExecutableDocument, OperationDefinition},
};

/// The error, if the chosen operation lacks a variable that it requires. A document that does not parse, or an operation
/// that cannot be chosen, is left to the execution to report.
pub(super) fn check(request: &mut Request) -> Result<(), ServerError> {
    let operation_name = request.operation_name.clone();
    let variables = request.variables.clone();
    let Ok(document) = request.parsed_query() else { return Ok(()) };
    let Some(operation) = chosen(document, operation_name.as_deref()) else { return Ok(()) };
    for definition in &operation.variable_definitions {
        let (name, of) = (&definition.node.name.node, &definition.node.var_type.node);
        let missing = match variables.get(name) {
            None => definition.node.default_value.is_none(),
            Some(value) => *value == Value::Null,
        };
        if missing && !of.nullable {
            let message = format!("Variable ${name} of the required type {of} is missing.");
            return Err(ServerError::new(message, Some(definition.pos)));
        }
    }
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
