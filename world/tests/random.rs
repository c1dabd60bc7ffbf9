//! A few random stories; `./x test` plays two hundred, `./x soak` thousands.

use umweg_world::Script;

#[test]
fn people_in_bad_networks_lose_nothing() {
    for seed in 0..8 {
        if let Err(error) = Script::of(seed).play(seed) {
            panic!("seed {seed} failed: {error:#}");
        }
    }
}
