//! Where a measurement works.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use causelog::IoError;
use causelog_benches::place;
use tempfile::TempDir;

use crate::failure::Failure;

/// A temporary directory inside the one that was given. It goes when this is dropped, and so does the other one if
/// it was not there before.
pub(super) struct Place {
    inside: TempDir,
    // Behind what is in it, since fields go in order.
    _made: Option<Made>,
}

/// A directory that was made.
struct Made(PathBuf);

impl Place {
    /// Makes it, in a directory that is there or can be made, unless syncs mean nothing there.
    pub(super) fn make(directory: &Path) -> Result<Self, Failure> {
        let made = match fs::create_dir(directory) {
            Ok(()) => Some(Made(directory.to_owned())),
            // Whatever it is, is told by working in it.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => None,
            Err(error) => {
                return Err(
                    IoError::on("create the directory", directory.display().to_string())(error).into()
                );
            }
        };
        Ok(Self { inside: place::directory(Some(directory))?, _made: made })
    }

    pub(super) fn path(&self) -> &Path {
        self.inside.path()
    }

    /// Removes it, and says whether that went well.
    pub(super) fn remove(self) -> Result<(), Failure> {
        let shown = self.path().display().to_string();
        Ok(self.inside.close().map_err(IoError::on("remove", shown))?)
    }
}

impl Drop for Made {
    /// If somebody has put something there meanwhile, it stays.
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.0);
    }
}
