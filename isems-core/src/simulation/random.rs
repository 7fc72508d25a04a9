//! Random numbers determined by a seed.

use std::f64::consts::TAU;

/// Uniform and normally distributed numbers.
#[derive(Debug, Clone)]
pub(super) struct Random {
    uniform: fastrand::Rng,
    /// The Box-Muller transform yields two at a time.
    spare: Option<f64>,
}

impl Random {
    /// Makes the sequence of one node of a seed, unrelated to those of neighbouring nodes.
    pub(super) fn new(seed: u64, index: u32) -> Self {
        const GOLDEN_RATIO: u64 = 0x9e37_79b9_7f4a_7c15;
        let mixed = seed.wrapping_add((u64::from(index) + 1).wrapping_mul(GOLDEN_RATIO));
        Self { uniform: fastrand::Rng::with_seed(mixed), spare: None }
    }

    /// Returns a number in `0..1`.
    pub(super) fn uniform(&mut self) -> f64 {
        self.uniform.f64()
    }

    /// Returns `true` with this probability.
    pub(super) fn chance(&mut self, probability: f64) -> bool {
        self.uniform() < probability
    }

    /// Picks one of a few.
    pub(super) fn choice<const N: usize>(&mut self, values: [f64; N]) -> f64 {
        values[self.uniform.usize(..N)]
    }

    /// Returns a normally distributed number.
    pub(super) fn normal(&mut self, mean: f64, deviation: f64) -> f64 {
        let standard = self.spare.take().unwrap_or_else(|| {
            let radius = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
            let (sin, cos) = (TAU * self.uniform()).sin_cos();
            self.spare = Some(radius * sin);
            radius * cos
        });
        mean + deviation * standard
    }
}
