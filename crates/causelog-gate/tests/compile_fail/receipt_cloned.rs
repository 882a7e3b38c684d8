use causelog_gate::Receipt;

fn copy<T: Clone>(value: &T) -> T {
    value.clone()
}

fn twice(receipt: Receipt) -> [Receipt; 2] {
    [copy(&receipt), receipt]
}

fn main() {}
