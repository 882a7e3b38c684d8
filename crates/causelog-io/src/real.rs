//! A directory of the file system.

mod file;
mod map;
mod platform;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::names::check_plain;
use crate::real::file::RealFile;
use crate::{Access, Entry, EntryKind, File, FileId, IoError, Storage};

/// A directory of the file system.
///
/// Its path is made absolute when it is opened, so that a later change of the working directory changes nothing.
/// Only regular files are opened; links and special files are refused. Errors are the system's own: wrap them
/// in an [`IoError`] to name the file.
#[derive(Debug)]
pub struct RealStorage {
    path: PathBuf,
    directory: platform::Directory,
    created: bool,
    maps: bool,
}

impl RealStorage {
    /// Opens an existing directory.
    ///
    /// # Errors
    /// There is none at `path`, it is something else, or it cannot be reached. The message names it.
    pub fn open(path: impl AsRef<Path>) -> io::Result<Self> {
        let path = path.as_ref();
        Self::at(path, false).map_err(|error| named("open the directory", path, error))
    }

    /// Opens a directory, and makes it first if it is missing. Its parent must exist.
    ///
    /// It syncs nothing: a new directory is durable only after [`Storage::sync_parent`].
    ///
    /// # Errors
    /// The parent is missing, `path` is not a directory, or the system refuses. The message names it.
    pub fn create(path: impl AsRef<Path>) -> io::Result<Self> {
        let path = path.as_ref();
        let created = match fs::create_dir(path) {
            Ok(()) => true,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => false,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let missing = match path.as_os_str().is_empty() {
                    true => "the path is empty: name a directory",
                    false => "its parent directory does not exist: create that first",
                };
                let missing = io::Error::new(error.kind(), missing);
                return Err(named("create the directory", path, missing));
            }
            Err(error) => return Err(named("create the directory", path, error)),
        };
        Self::at(path, created).map_err(|error| named("open the directory", path, error))
    }

    /// Whether [`RealStorage::create`] made the directory, which then needs [`Storage::sync_parent`].
    #[must_use]
    pub fn was_created(&self) -> bool {
        self.created
    }

    /// The same, with files that can be mapped ([`File::map`]).
    ///
    /// A mapped file must not be cut and its device must not fail while it is read: the system then ends the process
    /// instead of reporting an error.
    #[must_use]
    pub fn with_maps(self) -> Self {
        Self { maps: true, ..self }
    }

    /// Where it is: absolute, with links resolved.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn at(path: &Path, created: bool) -> io::Result<Self> {
        let path = fs::canonicalize(path)?;
        if !fs::metadata(&path)?.is_dir() {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        Ok(Self { directory: platform::Directory::open(&path)?, path, created, maps: false })
    }

    fn path_of(&self, name: &str) -> io::Result<PathBuf> {
        check_plain(name)?;
        Ok(self.path.join(name))
    }
}

impl Storage for RealStorage {
    fn display(&self) -> String {
        self.path.display().to_string()
    }

    fn list(&self) -> io::Result<Vec<Entry>> {
        let mut entries = Vec::new();
        for found in fs::read_dir(&self.path)? {
            let found = found?;
            let kind = match found.file_type() {
                Ok(kind) if kind.is_file() => EntryKind::File,
                Ok(_) => EntryKind::Other,
                // Removed since the directory was read.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            entries.push(Entry { name: found.file_name().to_string_lossy().into_owned(), kind });
        }
        Ok(entries)
    }

    fn open(&self, name: &str, access: Access) -> io::Result<Arc<dyn File>> {
        let path = self.path_of(name)?;
        let mut options = platform::options();
        options.read(true).write(access != Access::Read);
        options.create_new(access == Access::CreateNew).create(access == Access::OpenOrCreate);
        let file = options.open(&path).map_err(|error| match platform::is_link_refused(&error) {
            true => not_regular(name),
            false => error,
        })?;
        // Asked of the open file, not of its name: what the name leads to may change meanwhile.
        if !file.metadata()?.is_file() {
            return Err(not_regular(name));
        }
        Ok(Arc::new(RealFile::new(file, self.maps)))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.path_of(from)?, self.path_of(to)?)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.path_of(name)?)
    }

    fn sync_dir(&self) -> io::Result<()> {
        self.directory.sync()
    }

    fn sync_parent(&self) -> io::Result<()> {
        match self.path.parent() {
            Some(parent) => platform::Directory::open(parent)?.sync(),
            None => Ok(()),
        }
    }

    fn id_of(&self, name: &str) -> io::Result<FileId> {
        platform::id(&fs::symlink_metadata(self.path_of(name)?)?)
    }
}

fn named(operation: &'static str, path: &Path, error: io::Error) -> io::Error {
    io::Error::new(error.kind(), IoError::on(operation, path.display().to_string())(error))
}

fn not_regular(name: &str) -> io::Error {
    let message = format!("{name} is not a regular file: links and special files are not opened");
    io::Error::new(io::ErrorKind::InvalidInput, message)
}
