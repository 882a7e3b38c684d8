//! Which names a directory of a store can be asked for.

use std::io;

/// Refuses a name that would lead out of the directory or into another one.
pub(crate) fn check_plain(name: &str) -> io::Result<()> {
    let odd = name.is_empty() || name == "." || name == ".." || name.contains(['/', '\\', '\0']);
    if odd {
        let message = format!("{name:?} is not a plain file name: give a name without a path");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
    }
    Ok(())
}
