//! What the others misuse, used well: it compiles, so that they fail for the reason they show.

use causelog_gate::{Denied, GateError, GateSet, Proposal, Receipt, gate_fn};
use causelog_types::{Coordinate, EventKind, Evidence, NewEvent};

fn commit(receipt: Receipt) -> (Vec<NewEvent>, Evidence) {
    receipt.into_parts()
}

fn admitted() -> Result<Receipt, Denied> {
    let set: Result<GateSet<()>, GateError> =
        GateSet::builder().push(gate_fn("open", |_: &(), _: &Proposal| Ok(()))).build();
    let stream = Coordinate::new("door:1", "home").unwrap();
    let event = NewEvent::new(&stream, EventKind::of::<0x1001>(), &()).unwrap();
    set.unwrap().evaluate(&(), Proposal::new(event))
}

fn main() {
    let (events, _) = commit(admitted().unwrap());
    assert_eq!(events.len(), 1);
}
