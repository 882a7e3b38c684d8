//! The backend held to the contract, and plugged into a store.

#[cfg(test)]
mod plugged;

/// Spec: REGION-5, READ-1, READ-5
#[cfg(test)]
mod conformance {
    use causelog_examples_own_index::ScanIndex;
    use causelog_index::conformance::Answers;

    causelog_index::conformance!(ScanIndex::default(), Answers::Exact);
}
