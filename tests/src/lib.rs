//! The tests are in `integration`, the benchmarks in `benches`. The README's programs are compiled here, as
//! documentation.

#[doc = include_str!("../../README.md")]
mod readme {}
