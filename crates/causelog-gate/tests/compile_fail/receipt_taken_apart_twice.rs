use causelog_gate::Receipt;

fn twice(receipt: Receipt) {
    let _first = receipt.into_parts();
    let _second = receipt.into_parts();
}

fn main() {}
