//! The `causelog` command as its users meet it: the built binary, on real directories.

#[cfg(test)]
mod bench;
#[cfg(test)]
mod demo;
#[cfg(test)]
mod exits;
#[cfg(test)]
mod git;
#[cfg(test)]
mod helpers;
#[cfg(test)]
mod history;
#[cfg(test)]
mod import;
#[cfg(test)]
mod import_bad;
#[cfg(test)]
mod read;
#[cfg(test)]
mod salvage;
#[cfg(test)]
mod single;
#[cfg(test)]
mod trace;
#[cfg(test)]
mod verify;
#[cfg(test)]
mod verify_more;
