//! The text of a scenario file and where it came from.

use std::fs;
use std::io::{self, Read};
use std::path::Path;

use thiserror::Error;

use crate::limits::MAX_FILE_BYTES;

/// A scenario's text, with the name that its diagnostics show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The name as shown in diagnostics, usually the path as the user gave it.
    pub name: String,
    /// The text.
    pub text: String,
}

impl Source {
    /// Reads the file at `path`, at most [`MAX_FILE_BYTES`] of it.
    ///
    /// # Errors
    ///
    /// When the file cannot be read, is too large or is not UTF-8.
    pub fn read(path: &Path) -> Result<Self, LoadError> {
        let name = path.display().to_string();
        let unreadable = |error: io::Error| LoadError::Unreadable { name: name.clone(), error };
        let file = fs::File::open(path).map_err(unreadable)?;
        let mut bytes = Vec::new();
        // One byte more than allowed tells a file at the limit from one beyond it.
        let cap = MAX_FILE_BYTES as u64 + 1;
        file.take(cap).read_to_end(&mut bytes).map_err(unreadable)?;
        if bytes.len() > MAX_FILE_BYTES {
            return Err(LoadError::TooLarge { name, limit: MAX_FILE_BYTES });
        }
        match String::from_utf8(bytes) {
            Ok(text) => Ok(Self { name, text }),
            Err(error) => {
                Err(LoadError::NotUtf8 { name, offset: error.utf8_error().valid_up_to() })
            }
        }
    }
}

/// Why a scenario file could not be read.
#[derive(Debug, Error)]
pub enum LoadError {
    /// The file is missing or may not be read.
    #[error("cannot read `{name}`")]
    Unreadable {
        /// The file as given.
        name: String,
        /// What the system said.
        #[source]
        error: io::Error,
    },
    /// The file is larger than a scenario may be.
    #[error("`{name}` is larger than {limit} bytes")]
    TooLarge {
        /// The file as given.
        name: String,
        /// The most bytes a file may have.
        limit: usize,
    },
    /// The file is not UTF-8 text.
    #[error("`{name}` is not UTF-8 text: the byte at offset {offset} belongs to no character")]
    NotUtf8 {
        /// The file as given.
        name: String,
        /// The offset of the first bad byte.
        offset: usize,
    },
}
