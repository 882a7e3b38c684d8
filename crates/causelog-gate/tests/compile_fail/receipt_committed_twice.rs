use causelog_gate::Receipt;

fn commit(receipt: Receipt) {
    drop(receipt);
}

fn twice(receipt: Receipt) {
    commit(receipt);
    commit(receipt);
}

fn main() {}
