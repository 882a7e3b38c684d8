//! R5: the format has one hash, BLAKE3, and one checksum, CRC-32; both live in `causelog-wire`.
//!
//! Not seen: a hash written by hand, and hash crates whose names the list does not have.

use crate::finding::Finding;
use crate::project::{Crate, Project};

pub(crate) const RULE: &str = "R5";
const MEND: &str = "use BLAKE3 through causelog-wire";
const MEND_HOME: &str = "call causelog-wire, the only crate that knows how bytes are hashed";

/// Kept in `causelog-wire` alone.
const OURS: &[&str] = &["blake3", "crc32fast"];

const HOME: &str = "causelog-wire";

/// Refused in every layer.
const OTHERS: &[&str] = &[
    "adler",
    "adler2",
    "ahash",
    "blake2",
    "blake2b_simd",
    "city",
    "cityhash",
    "crc",
    "crc-fast",
    "crc32c",
    "digest",
    "farmhash",
    "fnv",
    "foldhash",
    "fxhash",
    "gxhash",
    "hmac",
    "highway",
    "k12",
    "md-5",
    "md5",
    "metrohash",
    "murmur3",
    "openssl",
    "rapidhash",
    "ring",
    "ripemd",
    "rustc-hash",
    "seahash",
    "sha-1",
    "sha1",
    "sha1_smol",
    "sha2",
    "sha3",
    "siphasher",
    "twox-hash",
    "wyhash",
    "xxhash-c-sys",
    "xxhash-rust",
];

/// Hashers of the standard library whose results may change between releases.
const UNSTABLE_HASHERS: &[&str] = &["DefaultHasher", "SipHasher"];

pub(crate) fn check(project: &Project) -> Vec<Finding> {
    project.layers().flat_map(|krate| [check_dependencies(krate), check_code(krate)].concat()).collect()
}

fn check_dependencies(krate: &Crate) -> Vec<Finding> {
    let mut findings = Vec::new();
    for dep in &krate.deps {
        let (name, krate_name) = (dep.package.as_str(), &krate.name);
        if OTHERS.contains(&name) {
            let what = format!("{krate_name} depends on the hash crate `{name}`");
            findings.push(krate.manifest_finding(RULE, name, what, MEND));
        } else if OURS.contains(&name) && krate_name != HOME {
            let what = format!("{krate_name} depends on `{name}`, which belongs to {HOME}");
            findings.push(krate.manifest_finding(RULE, name, what, MEND_HOME));
        }
    }
    findings
}

fn check_code(krate: &Crate) -> Vec<Finding> {
    let mut findings = Vec::new();
    if ![HOME, "causelog-types"].contains(&krate.name.as_str()) {
        return findings;
    }
    for module in &krate.modules {
        for mention in &module.mentions {
            let named = mention.segments.iter().find(|name| UNSTABLE_HASHERS.contains(&name.as_str()));
            findings.extend(named.map(|name| {
                module.finding(RULE, mention.line, format!("`{name}` next to the format"), MEND)
            }));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::fixture::{Fixture, assert_findings};

    #[test]
    fn other_hashes_and_ours_elsewhere_are_found() {
        let manifest = "[lints]\nworkspace = true\n[dependencies]\nsha2 = \"1\"\n";
        let project = Fixture::with("causelog-wire", "use std::hash::DefaultHasher;")
            .dep("causelog-wire", "sha2")
            .manifest("causelog-wire", manifest)
            .dep("causelog-writer", "blake3")
            .build();
        let expected = ["4: hash crate `sha2`", "1: `DefaultHasher`", "belongs to causelog-wire"];
        assert_findings(&check(&project), &expected);
    }

    #[test]
    fn wire_has_both() {
        let project = Fixture::with("causelog-wire", "")
            .dep("causelog-wire", "blake3")
            .dep("causelog-wire", "crc32fast")
            .build();
        assert_findings(&check(&project), &[]);
    }
}
