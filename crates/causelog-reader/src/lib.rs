//! Queries, causal graph walks and verification of a causelog store.
