//! The one binary: every role of Wardlog in one process or several, and the commands that look after them.

pub mod cli;
pub mod contexts;
pub mod demo;
pub mod filters;
pub mod home;
pub mod replay;
pub mod schema_files;
pub mod serve;
