//! The admin secret, which opens `/admin` by HTTP Basic.

use std::io::Write;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use kernel::id::{Id as _, TokenId};
use platform::{
    Boot, BootError,
    admin_secret::{ADMIN_SECRET, USERNAME, document},
    config::Reader,
    ids,
    secrets::Secrets,
};

use crate::Failure;

/// Makes a new secret in place of the one before, and prints it, which nobody can read again.
pub(crate) async fn replace(boot: Boot, out: &mut impl Write) -> Result<(), Failure> {
    let mut env = Reader::new(&boot.vars);
    let id: Option<String> = env.required(ADMIN_SECRET);
    let id = env.finish(|| id)?;
    let secret = URL_SAFE_NO_PAD.encode(ids::random::<32>());
    let stored = document(&secret).map_err(BootError::from)?;
    // Printed before it is in use: a pipe that breaks in between costs no access.
    writeln!(out, "{}", serde_json::json!({"username": USERNAME, "secret": secret}))?;
    out.flush()?;
    let version = ids::new::<TokenId>(boot.clock.now()).uuid();
    let secrets = Secrets::new(&boot.aws, boot.clock.clone());
    Ok(secrets.put(&id, version, &stored).await.map_err(BootError::from)?)
}
