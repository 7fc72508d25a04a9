//! The tests are in `integration`, the benchmarks in `benches`.
