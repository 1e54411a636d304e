//! What is read of the published views. Row-level security, or the view itself, cuts every answer to the reader's scope.

pub mod months;
pub mod schools;
