//! `/auth`: getting in and out.

pub(crate) mod csrf;
pub(crate) mod forgot_password;
pub(crate) mod login;
pub(crate) mod logout;
pub(crate) mod oidc_callback;
pub(crate) mod oidc_login;
pub(crate) mod refresh;
pub(crate) mod register;
pub(crate) mod reset_password;
pub(crate) mod token;
pub(crate) mod verify_email;

mod redemption;
