//! The group's endpoints, in-process on an embedded cloud.

mod auth;
mod people;
mod races;
