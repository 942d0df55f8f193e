//! `/me`: one's own account.

pub(crate) mod get_me;
