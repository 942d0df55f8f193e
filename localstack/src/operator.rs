//! The first operator's credentials, kept in the data folder.

use std::io::{Error, ErrorKind, Result, Write as _};
use std::path::Path;

pub(crate) use identity::bootstrap::EMAIL;
use identity::bootstrap::Operator;
use kernel::Secret;
use serde::{Deserialize, Serialize};

/// Where its credentials are kept, in the data folder.
pub(crate) const FILE: &str = "operator.json";

#[derive(Serialize, Deserialize)]
struct Kept {
    email: String,
    password: String,
}

/// Keeps the credentials before the account is made. If a process died between the two, its credentials are
/// used.
///
/// # Errors
/// When the file cannot be read or written.
pub(crate) fn keep(data_dir: &Path, fresh: Operator) -> Result<Operator> {
    let path = data_dir.join(FILE);
    match std::fs::read(&path) {
        Ok(bytes) => {
            let kept: Kept =
                serde_json::from_slice(&bytes).map_err(|e| Error::new(ErrorKind::InvalidData, e))?;
            Ok(Operator { email: kept.email, password: Secret::new(kept.password) })
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let kept = Kept { email: fresh.email.clone(), password: fresh.password.expose().clone() };
            write(&path, &serde_json::to_vec(&kept)?)?;
            Ok(fresh)
        }
        Err(error) => Err(error),
    }
}

/// Whole or not at all, and for the owner only.
fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let unfinished = path.with_extension("json.new");
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&unfinished)?;
    file.write_all(bytes)?;
    file.write_all(b"\n")?;
    file.sync_all()?;
    std::fs::rename(unfinished, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn operator(password: &str) -> Operator {
        Operator { email: EMAIL.to_owned(), password: Secret::new(password.to_owned()) }
    }

    #[test]
    fn the_first_password_stays() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(keep(folder.path(), operator("first")).unwrap().password.expose(), "first");
        assert_eq!(keep(folder.path(), operator("second")).unwrap().password.expose(), "first");
        let text = std::fs::read_to_string(folder.path().join(FILE)).unwrap();
        assert_eq!(text, "{\"email\":\"operator@localhost\",\"password\":\"first\"}\n");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = std::fs::metadata(folder.path().join(FILE)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }
}
