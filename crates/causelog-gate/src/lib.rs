//! Policy gates: pure predicates that turn a proposal into a sealed receipt or a denial.
