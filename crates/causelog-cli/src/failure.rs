//! What can go wrong, and the exit codes.

use std::io;
use std::process::ExitCode;

use causelog::{
    AppendError, AppendErrorKind, CloseError, EventId, Fate, GateError, IndexError, InvalidValue, IoError,
    LogError, OpenError, Poison, ReadError,
};
use causelog_benches::BenchError;
use causelog_salvage::SalvageError;

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

impl Status {
    /// The exit code that says so.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Fine => 0,
            Self::No => 1,
            Self::Misuse => 2,
            Self::Unanswered => 3,
        }
    }
}

impl From<Status> for ExitCode {
    fn from(status: Status) -> Self {
        Self::from(status.code())
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
    /// What was given does not fit what is in the store.
    #[error("{0}")]
    Unfit(String),
    /// A batch that the store does not take, without any line of it being wrong.
    #[error("{}; {}", .0.kind(), of_batch(.0.fate()))]
    Batch(AppendError),
    /// An import that was stopped: where, why, and what was added by then.
    #[error("{place}: {reason}; {left}")]
    Import { place: String, line: u64, reason: Box<Failure>, left: String },
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
    Salvage(#[from] SalvageError),
    #[error(transparent)]
    Bench(#[from] BenchError),
    #[error("interrupted before the end")]
    Interrupted,
}

impl Failure {
    /// The exit code it stands for.
    pub(crate) fn status(&self) -> Status {
        if let Some(error) = self.log_error() {
            return of_log(error);
        }
        match self {
            Self::Output(_) | Self::Input { .. } | Self::Directory(_) | Self::System(_) => Status::Unanswered,
            Self::Log(_) | Self::Close(_) | Self::Interrupted => Status::Unanswered,
            Self::Misuse(_) | Self::Invalid(_) | Self::Gates(_) => Status::Misuse,
            Self::NoDirectory { .. } | Self::NoEvent { .. } | Self::Unfit(_) => Status::No,
            Self::Open(error) => of_open(error),
            Self::Read(error) => of_read(error),
            Self::Append(error) | Self::Batch(error) => of_append(error.kind()),
            Self::Salvage(SalvageError::NotEmpty { .. }) => Status::Misuse,
            Self::Salvage(_) => Status::Unanswered,
            Self::Bench(error) => of_bench(error),
            Self::Import { reason, .. } => reason.status(),
        }
    }

    /// Where to go on from damage, of which there may be more.
    pub(crate) fn hint(&self) -> &'static str {
        match self {
            _ if !self.is_damage() => "",
            Self::Salvage(_) => "; `causelog verify DIR` lists all damage",
            _ => {
                "; `causelog verify DIR` lists all damage, `--damaged` reads what is good, and \
                 `causelog salvage DIR NEWDIR` saves it"
            }
        }
    }

    fn is_damage(&self) -> bool {
        let is_payload = matches!(self.innermost(), Self::Read(ReadError::PayloadChanged { .. }));
        let damaged =
            |error: &LogError| matches!(error, LogError::Damaged(damage) if !damage.is_unsupported());
        is_payload || self.log_error().is_some_and(damaged)
    }

    /// Whether somebody has closed the other end of stdout: they have seen enough.
    pub(crate) fn is_broken_pipe(&self) -> bool {
        matches!(self, Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }

    fn innermost(&self) -> &Self {
        match self {
            Self::Import { reason, .. } => reason.innermost(),
            other => other,
        }
    }

    /// What the log says, if it is the log that does not do it.
    fn log_error(&self) -> Option<&LogError> {
        match self.innermost() {
            Self::Log(error) | Self::Read(ReadError::Log(error)) | Self::Close(CloseError::Log(error)) => {
                Some(error)
            }
            Self::Salvage(SalvageError::Log(error) | SalvageError::Unfinished { source: error, .. }) => {
                Some(error)
            }
            Self::Read(ReadError::Index(error)) => under_index(error),
            Self::Open(error) | Self::Bench(BenchError::Open(error)) => under_open(error),
            Self::Append(error) | Self::Batch(error) | Self::Bench(BenchError::Append(error)) => {
                under_append(error.kind())
            }
            _ => None,
        }
    }
}

/// Takes a broken pipe for the end of the output, where the exit code is known before anything is printed.
pub(crate) fn ended_quietly(printed: Result<(), Failure>) -> Result<(), Failure> {
    match printed {
        Err(failure) if failure.is_broken_pipe() => Ok(()),
        other => other,
    }
}

fn of_log(error: &LogError) -> Status {
    match error {
        LogError::Damaged(damage) if damage.is_unsupported() => Status::Unanswered,
        LogError::Damaged(_) | LogError::NotAStore { .. } => Status::No,
        _ => Status::Unanswered,
    }
}

/// The log's error that an index gives as its own.
fn under_index(error: &IndexError) -> Option<&LogError> {
    match error {
        IndexError::Backend(source) => source.downcast_ref(),
        _ => None,
    }
}

fn under_open(error: &OpenError) -> Option<&LogError> {
    match error {
        OpenError::Log(error) => Some(error),
        OpenError::Index(error) => under_index(error),
        _ => None,
    }
}

fn under_append(kind: &AppendErrorKind) -> Option<&LogError> {
    use AppendErrorKind as Kind;
    match kind {
        Kind::Refused(error) | Kind::LogFailed(error) | Kind::StoredUnreadable(error) => Some(error),
        Kind::Poisoned(Poison::Log(error)) => Some(error),
        Kind::IndexFailed(error) | Kind::Poisoned(Poison::Index(error)) => under_index(error),
        _ => None,
    }
}

fn of_open(error: &OpenError) -> Status {
    match error {
        OpenError::Option { .. } => Status::Misuse,
        _ => Status::Unanswered,
    }
}

fn of_read(error: &ReadError) -> Status {
    use ReadError as Read;
    match error {
        Read::Stale { .. } | Read::PayloadChanged { .. } | Read::NotFound { .. } => Status::No,
        _ => Status::Unanswered,
    }
}

fn of_append(kind: &AppendErrorKind) -> Status {
    use AppendErrorKind as Kind;
    match kind {
        Kind::IdConflict { .. } | Kind::UnknownCause { .. } | Kind::WrongRevision { .. } => Status::No,
        Kind::EmptyBatch | Kind::BatchTooLarge { .. } | Kind::EventTooLarge { .. } => Status::Misuse,
        Kind::Reserved { .. } | Kind::Invalid(_) | Kind::DuplicateId { .. } => Status::Misuse,
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

fn of_batch(fate: Fate) -> String {
    match fate {
        Fate::NotWritten => "nothing of the batch was added".to_owned(),
        fate => fate.to_string(),
    }
}

/// Says which id a text stands for, unless it is that id.
pub(crate) fn hashed(given: &str, id: EventId) -> String {
    match given.parse() == Ok(id) {
        true => String::new(),
        false => format!(" (as an id it is {id})"),
    }
}
