//! Inputs that are almost right: a decoder's mistakes lie one step beside what it expects.

use rand::{Rng, RngExt};

/// Lengths and counts that arithmetic trips over.
const EDGES: [&[u8]; 8] =
    [&[0], &[0xff], &[0x7f], &[0x80], &[0xff, 0xff], &[0xff, 0xff, 0xff, 0xff], &[0xff; 9], &[0x80, 0x80, 0x80, 0x80, 0x10]];

/// An input of the given seeds' kind: one of them, or pieces of two, changed in a few places.
#[must_use]
pub fn mutated(seeds: &[Vec<u8>], bytes_max: usize, rng: &mut impl Rng) -> Vec<u8> {
    let mut input = pick(seeds, rng).to_vec();
    for _ in 0..rng.random_range(0..6) {
        change(&mut input, seeds, rng);
    }
    input.truncate(bytes_max);
    input
}

fn change(input: &mut Vec<u8>, seeds: &[Vec<u8>], rng: &mut impl Rng) {
    let at = rng.random_range(0..=input.len());
    let end = rng.random_range(at..=input.len().min(at + 32));
    match rng.random_range(0..8) {
        0 => input.truncate(at),
        1 => drop(input.drain(at..end)),
        2 => repeat(input, at, end, rng),
        3 => drop(input.splice(at..end, EDGES[rng.random_range(0..EDGES.len())].iter().copied())),
        4 => splice_other(input, at, pick(seeds, rng), rng),
        5 => {
            let noise: [u8; 8] = rng.random();
            input.splice(at..end, noise);
        }
        6 => flip(input, at, rng),
        _ => nudge(input, at),
    }
}

fn pick<'a>(seeds: &'a [Vec<u8>], rng: &mut impl Rng) -> &'a [u8] {
    if seeds.is_empty() { &[] } else { &seeds[rng.random_range(0..seeds.len())] }
}

fn repeat(input: &mut Vec<u8>, from: usize, to: usize, rng: &mut impl Rng) {
    let piece = input[from..to].repeat(rng.random_range(1..20));
    input.splice(to..to, piece);
}

fn splice_other(input: &mut Vec<u8>, at: usize, other: &[u8], rng: &mut impl Rng) {
    let from = rng.random_range(0..=other.len());
    input.truncate(at);
    input.extend_from_slice(&other[from..]);
}

fn flip(input: &mut [u8], at: usize, rng: &mut impl Rng) {
    if let Some(byte) = input.get_mut(at) {
        *byte ^= 1 << rng.random_range(0..8);
    }
}

fn nudge(input: &mut [u8], at: usize) {
    if let Some(byte) = input.get_mut(at) {
        *byte = byte.wrapping_add(1);
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha12Rng;

    use super::*;

    #[test]
    fn a_seed_makes_the_same_inputs_again_and_other_seeds_make_others() {
        let seeds = vec![b"some input".to_vec(), b"and another".to_vec()];
        let inputs = |seed| {
            let mut rng = ChaCha12Rng::seed_from_u64(seed);
            (0..50).map(|_| mutated(&seeds, 1_000, &mut rng)).collect::<Vec<_>>()
        };
        assert_eq!(inputs(1), inputs(1));
        assert_ne!(inputs(1), inputs(2));
    }

    #[test]
    fn no_input_is_longer_than_asked_for() {
        let mut rng = ChaCha12Rng::seed_from_u64(3);
        assert!((0..2_000).all(|_| mutated(&[vec![7; 100]], 120, &mut rng).len() <= 120));
    }

    #[test]
    fn without_seeds_it_makes_something_all_the_same() {
        let mut rng = ChaCha12Rng::seed_from_u64(4);
        assert!((0..200).any(|_| !mutated(&[], 100, &mut rng).is_empty()));
    }
}
