//! One suite for every engine: run it in the engine's own tests, with a fresh engine from each call of `make`.
//!
//! `behaviours` are sentences, each checked by itself; `model` plays random operations against the engine and the reference model
//! side by side and compares every answer. A failure names its seed: `UMWEG_SEED=… cargo test` plays that one again.

mod behaviours;
mod model;
mod story;

use crate::Engine;

/// Everything.
pub fn run<E: Engine>(make: &mut dyn FnMut() -> E) {
    for (_, behaviour) in behaviours::all::<E>() {
        behaviour(make());
    }
    for seed in seeds(20) {
        model::play(make(), seed);
    }
}

/// The seeds to play, or the one that was asked for.
#[expect(clippy::disallowed_methods, reason = "tests may be told their seed")]
fn seeds(count: u64) -> Vec<u64> {
    match std::env::var("UMWEG_SEED").ok().and_then(|seed| seed.parse().ok()) {
        Some(seed) => vec![seed],
        None => (1..=count).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MemoryEngine;

    #[test]
    fn the_memory_engine_conforms() {
        run(&mut MemoryEngine::new);
    }
}
