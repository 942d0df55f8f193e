//! The laws of the house, asserted from the sources and from what Cargo knows. Each message names the file and
//! the cure; an exception stands beside its law, with its reason.

mod contract;
mod documents;
mod manifests;
mod names;
mod needs;
mod reach;
mod rooms;
mod shape;
mod source;
mod trees;

/// Fails with every breach at once, each on its own line.
fn assert_none(law: &str, breaches: &[String]) {
    assert!(breaches.is_empty(), "{law}\n  {}\n", breaches.join("\n  "));
}
