//! What can go wrong, and the exit codes.

use std::io;
use std::process::ExitCode;

use causelog::{
    AppendError, AppendErrorKind, CloseError, EventId, GateError, IndexError, InvalidValue, IoError,
    LogError, OpenError, Poison, ReadError,
};
use causelog_benches::BenchError;

/// How the question was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    /// As hoped.
    Fine,
    /// With no: something is damaged, not there, or not as the caller expected it.
    No,
    /// Not at all, because it was asked wrongly.
    Misuse,
    /// Not at all: the system refused, the store is locked, or its version is not supported.
    Unanswered,
}

impl From<Status> for ExitCode {
    fn from(status: Status) -> Self {
        Self::from(match status {
            Status::Fine => 0,
            Status::No => 1,
            Status::Misuse => 2,
            Status::Unanswered => 3,
        })
    }
}

/// Why a command did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("cannot write the output: {0}")]
    Output(io::Error),
    #[error("cannot read {file}: {source}")]
    Input { file: String, source: io::Error },
    #[error("{0}")]
    Misuse(String),
    #[error("{directory} does not exist, so there is no store in it")]
    NoDirectory { directory: String },
    /// A directory that cannot be opened; the message names it.
    #[error("{0}")]
    Directory(io::Error),
    #[error("no event {given} is in the store{}", hashed(given, *id))]
    NoEvent { given: String, id: EventId },
    /// A line that is no event.
    #[error("{file}, line {line}: {reason}; {left}")]
    BadLine { file: String, line: u64, reason: String, left: String },
    /// A line that contradicts the store.
    #[error("{file}, line {line}: {reason}; {left}")]
    Conflict { file: String, line: u64, reason: String, left: String },
    #[error(transparent)]
    Invalid(#[from] InvalidValue),
    #[error(transparent)]
    Gates(#[from] GateError),
    #[error(transparent)]
    System(#[from] IoError),
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Log(#[from] LogError),
    #[error(transparent)]
    Append(#[from] AppendError),
    #[error(transparent)]
    Close(#[from] CloseError),
    #[error(transparent)]
    Bench(#[from] BenchError),
    #[error("interrupted before the end")]
    Interrupted,
}

impl Failure {
    /// The exit code it stands for.
    pub(crate) fn status(&self) -> Status {
        match self {
            Self::Output(_) | Self::Input { .. } | Self::Directory(_) | Self::System(_) => Status::Unanswered,
            Self::Misuse(_) | Self::BadLine { .. } | Self::Invalid(_) | Self::Gates(_) => Status::Misuse,
            Self::NoDirectory { .. } | Self::NoEvent { .. } | Self::Conflict { .. } => Status::No,
            Self::Open(error) => of_open(error),
            Self::Log(error) => of_log(error),
            Self::Read(error) => of_read(error),
            Self::Append(error) => of_append(error.kind()),
            Self::Close(CloseError::Log(error)) => of_log(error),
            Self::Close(_) | Self::Interrupted => Status::Unanswered,
            Self::Bench(error) => of_bench(error),
        }
    }

    /// Whether somebody has closed the other end of stdout: they have seen enough.
    pub(crate) fn is_broken_pipe(&self) -> bool {
        matches!(self, Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }
}

/// Takes a broken pipe for the end of the output, where the exit code is known before anything is printed.
pub(crate) fn ended_quietly(printed: Result<(), Failure>) -> Result<(), Failure> {
    match printed {
        Err(failure) if failure.is_broken_pipe() => Ok(()),
        other => other,
    }
}

fn of_open(error: &OpenError) -> Status {
    match error {
        OpenError::Log(error) => of_log(error),
        OpenError::Index(error) => of_index(error),
        _ => Status::Misuse,
    }
}

fn of_log(error: &LogError) -> Status {
    match error {
        LogError::Damaged(damage) if damage.is_unsupported() => Status::Unanswered,
        LogError::Damaged(_) | LogError::NotAStore { .. } => Status::No,
        _ => Status::Unanswered,
    }
}

fn of_index(error: &IndexError) -> Status {
    match error {
        IndexError::Backend(source) => source.downcast_ref::<LogError>().map_or(Status::Unanswered, of_log),
        _ => Status::Unanswered,
    }
}

fn of_read(error: &ReadError) -> Status {
    match error {
        ReadError::Log(error) => of_log(error),
        ReadError::Index(error) => of_index(error),
        ReadError::Stale { .. } | ReadError::NotFound { .. } => Status::No,
        _ => Status::Unanswered,
    }
}

fn of_append(kind: &AppendErrorKind) -> Status {
    use AppendErrorKind as Kind;
    match kind {
        Kind::IdConflict { .. } | Kind::UnknownCause { .. } | Kind::WrongRevision { .. } => Status::No,
        Kind::EmptyBatch | Kind::BatchTooLarge { .. } | Kind::EventTooLarge { .. } => Status::Misuse,
        Kind::Reserved { .. } | Kind::Invalid(_) | Kind::DuplicateId { .. } => Status::Misuse,
        Kind::Refused(error) | Kind::LogFailed(error) => of_log(error),
        Kind::IndexFailed(error) => of_index(error),
        Kind::Poisoned(Poison::Log(error)) => of_log(error),
        Kind::Poisoned(Poison::Index(error)) => of_index(error),
        _ => Status::Unanswered,
    }
}

fn of_bench(error: &BenchError) -> Status {
    match error {
        BenchError::InMemory { .. } | BenchError::Invalid(_) => Status::Misuse,
        BenchError::Open(error) => of_open(error),
        BenchError::Append(error) => of_append(error.kind()),
        _ => Status::Unanswered,
    }
}

/// Says which id a text stands for, unless it is that id.
fn hashed(given: &str, id: EventId) -> String {
    match given.parse() == Ok(id) {
        true => String::new(),
        false => format!(" (as an id it is {id})"),
    }
}
