//! The migrations are part of this crate: a changed file rebuilds it.

fn main() {
    println!("cargo:rerun-if-changed=../../schema/migrations");
}
