//! The admin secret, which opens `/admin` by HTTP Basic.

use std::io::Write;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use platform::{
    Boot, BootError,
    admin_secret::{Replacing, USERNAME, document},
    ids,
};

use crate::Failure;

/// Makes a new secret in place of the one before, and prints it, which nobody can read again.
pub(crate) async fn replace(boot: Boot, out: &mut impl Write) -> Result<(), Failure> {
    let place = Replacing::read(&boot)?;
    let secret = URL_SAFE_NO_PAD.encode(ids::random::<32>());
    let stored = document(&secret).map_err(BootError::from)?;
    // Printed before it is in use: a pipe that breaks in between costs no access.
    writeln!(out, "{}", serde_json::json!({"username": USERNAME, "secret": secret}))?;
    out.flush()?;
    Ok(place.put(&stored).await.map_err(BootError::from)?)
}
