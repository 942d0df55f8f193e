//! The first operator of a stack: the local cloud makes its own, a deployed one is given theirs.

use std::io::{self, Write};

use identity::{
    bootstrap::{self, Operator},
    email::Email,
};
use kernel::Error;
use platform::{Boot, BootError, config::ConfigError};

use crate::Failure;

/// Makes the account and prints its credentials, which nobody can read again.
pub(crate) async fn create(
    email: &str,
    boot: impl FnOnce() -> Result<Boot, ConfigError>,
    out: &mut impl Write,
) -> Result<(), Failure> {
    if let Err(fault) = email.parse::<Email>() {
        return Err(Failure::Usage(format!("the e-mail address {fault}")));
    }
    // Printed before the account is made: a pipe that breaks in between costs no operator.
    let made = bootstrap::ensure_operator(&boot()?, email, |fresh| print(fresh, out)).await;
    match made {
        Ok(Some(_)) => Ok(()),
        Ok(None) => Err(Failure::Refused(format!("{email} has an account already; nothing was changed"))),
        Err(BootError::Dependency(Error::Conflict { rule: "username_taken", .. })) => {
            Err(Failure::Refused("the stack has an operator already; no account was made".into()))
        }
        Err(error) => Err(error.into()),
    }
}

fn print(operator: Operator, out: &mut impl Write) -> io::Result<Operator> {
    let line = serde_json::json!({"email": operator.email, "password": operator.password.expose()});
    writeln!(out, "{line}")?;
    out.flush()?;
    Ok(operator)
}
