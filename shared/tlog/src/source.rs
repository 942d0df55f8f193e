//! Where a log is read from.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::Resource;

/// A log's resources, by their paths: `checkpoint`, and those of [tiles and bundles](crate::path).
pub trait Source {
    /// The bytes at a path, like `tile/0/x001/234.p/5`.
    fn read(&self, path: &str) -> Result<Vec<u8>, ReadError>;

    /// A tile or a bundle, and what it was found as: a partial one may have been replaced by the full one that it became,
    /// whose first bytes are its (C2SP tlog-tiles, Partial Tiles).
    fn resource(&self, resource: Resource) -> Result<(Resource, Vec<u8>), ReadError> {
        let full = resource.full();
        match self.read(&resource.to_string()) {
            Err(ReadError::NotFound { path }) if full != resource => {
                let found = self.read(&full.to_string()).map(|bytes| (full, bytes));
                found.map_err(|error| match error {
                    ReadError::NotFound { .. } => ReadError::NotFound { path },
                    other @ ReadError::Other { .. } => other,
                })
            }
            read => read.map(|bytes| (resource, bytes)),
        }
    }
}

/// A resource was not read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// It is not there.
    #[error("{path} is missing")]
    NotFound {
        /// What was asked for.
        path: String,
    },
    /// It could not be read, and nothing is known of it.
    #[error("{path} cannot be read: {why}")]
    Other {
        /// What was asked for.
        path: String,
        /// What went wrong.
        why: String,
    },
}

/// A log in a directory, as an export leaves it.
#[derive(Clone, Debug)]
pub struct Folder(PathBuf);

impl Folder {
    /// The log in this directory.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Source for Folder {
    fn read(&self, path: &str) -> Result<Vec<u8>, ReadError> {
        fs::read(self.0.join(path)).map_err(|error| match error.kind() {
            // A file where a folder should be hides what should be in it.
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
                ReadError::NotFound { path: path.to_owned() }
            }
            _ => ReadError::Other { path: path.to_owned(), why: error.to_string() },
        })
    }
}
