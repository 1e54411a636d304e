//! How it is reached: what every HTTP listener of Wardlog has in common.
//!
//! A listener is `App::new().wrap(from_fn(problem::complete)).wrap(from_fn(requests::trace))` and its routes.

pub mod bearer;
mod calling;
pub mod clock;
pub mod command;
pub mod graphql;
pub mod health;
pub mod left_over;
pub mod page;
pub mod problem;
pub mod read_token;
pub mod requests;
pub mod second;
pub mod shutdown;
pub mod steps;
pub mod telemetry;
pub mod trace_context;

pub use calling::Calling;
pub use problem::{ErrorCode, Problem};
