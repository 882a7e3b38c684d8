//! Notifications of what has become visible, over bounded channels that never make the writer wait.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use causelog_io::Mutex;
use causelog_types::{Causes, Coordinate, EventId, EventKind, Header, Position, Region};
use flume::{Receiver, Sender, TrySendError};

/// What is told of an event that has become visible.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notification {
    /// Where it stands in the store.
    pub position: Position,
    /// The event.
    pub id: EventId,
    /// Its stream: entity and scope.
    pub coordinate: Coordinate,
    /// What happened.
    pub kind: EventKind,
    /// The conversation it belongs to.
    pub correlation_id: EventId,
    /// The events that caused it.
    pub causes: Causes,
}

/// What a subscriber receives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// An event of its region has become visible.
    Event(Notification),
    /// So many were missed, because the channel was full. It is told before older events that still wait: what was
    /// missed may lie behind those. Read the log to catch up.
    Missed(u64),
}

/// Why nothing was received.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReceiveError {
    /// There is nothing now, or was nothing in time.
    #[error("there is no notification yet")]
    Empty,
    /// The store is closed, and everything has been received.
    #[error("the store is closed, and there are no more notifications")]
    Closed,
}

/// Tells of events as they become visible. It may miss some when it is slow, and is told how many.
pub struct Notifications {
    receiver: Receiver<Notification>,
    missed: Arc<AtomicU64>,
}

impl Notifications {
    /// Waits for the next notice. How many were missed is told first.
    ///
    /// # Errors
    /// [`ReceiveError::Closed`].
    pub fn receive(&self) -> Result<Notice, ReceiveError> {
        if let Some(missed) = self.missed() {
            return Ok(missed);
        }
        self.receiver.recv().map(Notice::Event).map_err(|_| ReceiveError::Closed)
    }

    /// Waits for the next notice for so long.
    ///
    /// # Errors
    /// [`ReceiveError`].
    pub fn receive_timeout(&self, timeout: Duration) -> Result<Notice, ReceiveError> {
        if let Some(missed) = self.missed() {
            return Ok(missed);
        }
        self.receiver.recv_timeout(timeout).map(Notice::Event).map_err(|error| match error {
            flume::RecvTimeoutError::Timeout => ReceiveError::Empty,
            flume::RecvTimeoutError::Disconnected => ReceiveError::Closed,
        })
    }

    /// The next notice, if there is one.
    ///
    /// # Errors
    /// [`ReceiveError`].
    pub fn try_receive(&self) -> Result<Notice, ReceiveError> {
        if let Some(missed) = self.missed() {
            return Ok(missed);
        }
        self.receiver.try_recv().map(Notice::Event).map_err(|error| match error {
            flume::TryRecvError::Empty => ReceiveError::Empty,
            flume::TryRecvError::Disconnected => ReceiveError::Closed,
        })
    }

    fn missed(&self) -> Option<Notice> {
        match self.missed.swap(0, Ordering::SeqCst) {
            0 => None,
            missed => Some(Notice::Missed(missed)),
        }
    }
}

impl fmt::Debug for Notifications {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Notifications").field("waiting", &self.receiver.len()).finish_non_exhaustive()
    }
}

/// All subscribers.
pub(crate) struct FanOut {
    subscribers: Mutex<Vec<Subscriber>>,
    /// What is to be told, in order. Put under the writer's lock and told outside of it, by whoever comes first.
    untold: Mutex<VecDeque<Vec<Header>>>,
    /// How many there are, to be asked without the lock.
    count: AtomicUsize,
    /// Whether there will be no more; changed under the lock.
    ended: AtomicBool,
}

pub(crate) struct Subscriber {
    region: Region,
    sender: Sender<Notification>,
    missed: Arc<AtomicU64>,
}

impl FanOut {
    pub(crate) fn new() -> Self {
        Self {
            subscribers: Mutex::new(Vec::new()),
            untold: Mutex::new(VecDeque::new()),
            count: AtomicUsize::new(0),
            ended: AtomicBool::new(false),
        }
    }

    pub(crate) fn subscribe(&self, region: Region, capacity: usize) -> Notifications {
        let (sender, receiver) = flume::bounded(capacity.max(1));
        let missed = Arc::new(AtomicU64::new(0));
        let mut subscribers = self.subscribers.lock();
        subscribers.retain(|subscriber| !subscriber.sender.is_disconnected());
        if !self.ended.load(Ordering::SeqCst) {
            subscribers.push(Subscriber { region, sender, missed: Arc::clone(&missed) });
        }
        self.count.store(subscribers.len(), Ordering::SeqCst);
        Notifications { receiver, missed }
    }

    /// Whether there is anybody to tell.
    pub(crate) fn is_heard(&self) -> bool {
        self.count.load(Ordering::SeqCst) > 0
    }

    /// Keeps events to be told, after those that were put before.
    pub(crate) fn put(&self, headers: Vec<Header>) {
        self.untold.lock().push_back(headers);
    }

    /// Tells all that is to be told; subscribers that are gone are forgotten.
    pub(crate) fn tell(&self) {
        if !self.is_heard() {
            return self.untold.lock().clear();
        }
        let mut subscribers = self.subscribers.lock();
        loop {
            let Some(headers) = self.untold.lock().pop_front() else { break };
            for header in &headers {
                let facts = header.facts();
                let concerned = subscribers.iter().filter(|subscriber| subscriber.region.matches(&facts));
                concerned.for_each(|subscriber| subscriber.tell(header));
            }
        }
        subscribers.retain(|subscriber| !subscriber.sender.is_disconnected());
        self.count.store(subscribers.len(), Ordering::SeqCst);
    }

    /// Tells them that there will be no more.
    pub(crate) fn end(&self) {
        self.tell();
        let mut subscribers = self.subscribers.lock();
        self.ended.store(true, Ordering::SeqCst);
        subscribers.clear();
        self.count.store(0, Ordering::SeqCst);
    }
}

impl Subscriber {
    fn tell(&self, header: &Header) {
        let notification = Notification {
            position: header.position,
            id: header.id,
            coordinate: header.coordinate.clone(),
            kind: header.kind,
            correlation_id: header.dag.correlation_id,
            causes: header.dag.causes.clone(),
        };
        if let Err(TrySendError::Full(_)) = self.sender.try_send(notification) {
            self.missed.fetch_add(1, Ordering::SeqCst);
        }
    }
}
