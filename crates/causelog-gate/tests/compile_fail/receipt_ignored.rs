#![deny(unused_must_use)]

use causelog_gate::Receipt;

fn admitted(receipt: Receipt) -> Receipt {
    receipt
}

fn ignore(receipt: Receipt) {
    admitted(receipt);
}

fn main() {}
