use causelog_gate::{Proposal, Receipt};
use causelog_types::Evidence;

fn forge(proposal: Proposal, evidence: Evidence) -> Receipt {
    Receipt { proposal, evidence }
}

fn main() {}
