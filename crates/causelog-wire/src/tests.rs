//! Tests of the format, by the rules of SPEC.md.

mod fixed_layouts;
mod frame;
mod group;
mod hash;
mod header;
mod header_form;
mod hostile;
mod index_entries;
mod index_nodes;
mod msgpack;
mod restamp;
mod samples;
mod spec;
mod spec_examples;
