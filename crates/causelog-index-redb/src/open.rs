//! Opening the database file: which files are used, which are made anew, and which are left alone.

use std::path::Path;
use std::sync::Arc;

use causelog_io::{Access, IoError, LockKind, RealStorage, Storage};
use redb::{Database, DatabaseError, ReadableDatabase as _, StorageError};

use crate::error::RedbError;
use crate::file::DatabaseFile;
use crate::tables::{self, Layout};

/// How much of a database file is checked when it is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    /// Every page, so that damage is found before it can be part of an answer. It reads the whole file.
    WholeFile,
    /// Nothing, so that an open costs the same whatever the size. Damage by a disk or by another program may give
    /// wrong answers or make the database panic; what a crash leaves is recognised all the same.
    Nothing,
}

/// Most bytes of pages that are kept in memory.
const CACHE_BYTES: usize = 64 * 1024 * 1024;

/// A damaged file is kept under its name with this behind it.
const DAMAGED_SUFFIX: &str = ".damaged";

/// The directory and the name that a path is made of.
pub(crate) fn split(path: &Path) -> Result<(Arc<dyn Storage>, &str), RedbError> {
    let no_name = || RedbError::NoName { path: path.display().to_string() };
    let name = path.file_name().and_then(|name| name.to_str()).ok_or_else(no_name)?;
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let storage = RealStorage::open(parent).map_err(IoError::on("open", parent.display().to_string()))?;
    Ok((Arc::new(storage), name))
}

/// Opens the database of a file; a missing, unfinished, damaged or outdated one is made anew.
pub(crate) fn open(storage: &dyn Storage, name: &str, check: Check) -> Result<Database, RedbError> {
    let shown = format!("{}/{name}", storage.display());
    // The second time the name leads to a new file.
    for _ in 0..2 {
        let file = lock(storage, name, &shown)?;
        let opened = match file.is_unfinished().map_err(IoError::on("read", shown.clone()))? {
            true => Err(redb::Error::Corrupted("it was never finished".to_owned())),
            false => database(file.clone(), check),
        };
        let error = match opened {
            Ok((_, Some(Layout::Foreign))) => return Err(RedbError::NotAnIndex { file: shown }),
            Ok((database, layout)) => match prepare(&database, layout) {
                Ok(()) => {
                    if layout.is_none() {
                        // The name of a new file; without it a power cut takes all of the file.
                        storage.sync_dir().map_err(IoError::on("sync", storage.display()))?;
                    }
                    return Ok(database);
                }
                Err(error) => error,
            },
            Err(error) => error,
        };
        match error {
            redb::Error::Io(error) if error.kind() == std::io::ErrorKind::InvalidData => {
                return Err(RedbError::NotAnIndex { file: shown });
            }
            redb::Error::Corrupted(_) | redb::Error::UpgradeRequired(_) => {
                tracing::warn!(file = shown, %error, "an index database is of no use; it is made anew");
            }
            redb::Error::Io(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
                tracing::warn!(file = shown, %error, "an index database ends too early; it is made anew");
            }
            error => return Err(RedbError::Database { file: shown, source: Box::new(error) }),
        }
        // Set aside rather than removed: nothing tells a damaged index from another program's damaged database.
        let aside = format!("{name}{DAMAGED_SUFFIX}");
        storage.rename(name, &aside).map_err(IoError::on("rename", shown.clone()))?;
    }
    Err(RedbError::NotAnIndex { file: shown })
}

/// The file, locked by this handle.
fn lock(storage: &dyn Storage, name: &str, shown: &str) -> Result<DatabaseFile, RedbError> {
    let file = storage.open(name, Access::OpenOrCreate).map_err(IoError::on("open", shown))?;
    if !file.try_lock(LockKind::Exclusive).map_err(IoError::on("lock", shown))? {
        return Err(RedbError::InUse { file: shown.to_owned() });
    }
    Ok(DatabaseFile(file))
}

fn database(file: DatabaseFile, check: Check) -> Result<(Database, Option<Layout>), redb::Error> {
    let mut builder = Database::builder();
    builder.set_cache_size(CACHE_BYTES).set_check_integrity_on_open(check == Check::WholeFile);
    let database = builder.create_with_backend(file).map_err(|error| match error {
        // redb tells it so if the file is too short for what its header says.
        DatabaseError::Storage(StorageError::Io(error)) => redb::Error::Io(error),
        error => error.into(),
    })?;
    let layout = tables::layout(&database.begin_read()?)?;
    Ok((database, layout))
}

/// Makes the tables, unless they are there.
fn prepare(database: &Database, layout: Option<Layout>) -> Result<(), redb::Error> {
    if layout == Some(Layout::Ours) {
        return Ok(());
    }
    let transaction = database.begin_write()?;
    tables::make(&transaction)?;
    Ok(transaction.commit()?)
}

/// A database without tables, as another program would make one.
#[cfg(test)]
pub(crate) fn bare(storage: &dyn Storage, name: &str) -> Database {
    database(lock(storage, name, name).unwrap(), Check::Nothing).unwrap().0
}
