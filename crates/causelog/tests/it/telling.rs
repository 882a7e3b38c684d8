//! What an operator is told, and that events on the way of an append are told at no level above `trace`.

use std::fmt::{Debug, Write};
use std::sync::{Arc, Mutex};

use causelog::MemoryStorage;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

use crate::helpers::{Lab, door, event, fill_segment};

/// Keeps what is told, as `LEVEL message`, and spans as `LEVEL [name]`.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<String>>>);

impl Told {
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

struct Message<'a>(&'a mut String);

impl Visit for Message<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() == "message" {
            write!(self.0, " {value:?}").unwrap();
        }
    }
}

impl Subscriber for Told {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let metadata = span.metadata();
        self.0.lock().unwrap().push(format!("{} [{}]", metadata.level(), metadata.name()));
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = event.metadata().level().to_string();
        event.record(&mut Message(&mut line));
        self.0.lock().unwrap().push(line);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[test]
fn an_operator_is_told_of_what_is_rare_and_not_of_each_event() {
    let (lab, disk, told) = (Lab::new(), MemoryStorage::new(), Told::default());
    let killed = tracing::subscriber::with_default(told.clone(), || {
        let store = lab.open(&disk);
        let lines = told.take();
        assert_eq!(lines.first().map(String::as_str), Some("INFO [open]"));
        assert!(lines.contains(&"INFO opened".to_owned()), "{lines:?}");

        store.append(event(&door(), "the first one begins a segment")).unwrap();
        told.take();
        store.append(event(&door(), "an ordinary one")).unwrap();
        let level = Level::TRACE.to_string();
        let lines = told.take();
        assert!(!lines.is_empty() && lines.iter().all(|line| line.starts_with(&level)), "{lines:?}");

        fill_segment(&store);
        assert!(told.take().iter().any(|line| line.starts_with("DEBUG began a segment")));
        disk.kill()
    });
    let told = Told::default();
    tracing::subscriber::with_default(told.clone(), || {
        lab.open(&killed);
    });
    let lines = told.take();
    assert!(lines.iter().any(|line| line.starts_with("DEBUG syncing and reading again")), "{lines:?}");
}
