//! What must not compile: the receipt is sealed.

/// Spec: GATE-12
#[test]
fn the_receipt_is_sealed() {
    let tests = trybuild::TestCases::new();
    tests.pass("tests/compile_fail/control.rs");
    tests.compile_fail("tests/compile_fail/receipt_*.rs");
}
