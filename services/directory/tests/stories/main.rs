//! The directory against a real database.

#![expect(
    clippy::unwrap_used,
    reason = "clippy.toml allows it in tests, and does not see that the helpers here are theirs"
)]

mod as_of;
mod endpoint;
mod history;
mod house;
mod import;
mod keys;
mod people;
mod rebuild;
mod tenancy;
mod views;
