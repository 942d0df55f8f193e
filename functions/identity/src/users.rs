//! `/users`: accounts, for those who manage them.

pub(crate) mod get_user;
pub(crate) mod list_users;
pub(crate) mod update_user;
