//! The store on a real database: what is atomic, what is conditional, what is raced.

mod changes;
mod idempotency;
mod note;
mod pages;
