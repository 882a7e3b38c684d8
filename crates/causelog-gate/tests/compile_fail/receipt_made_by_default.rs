use causelog_gate::Receipt;

fn made<T: Default>() -> T {
    T::default()
}

fn main() {
    let _receipt: Receipt = made();
}
