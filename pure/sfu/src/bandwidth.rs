//! Shares one receiver's bandwidth among the videos in its slots.
//!
//! Audio is set aside first. Screens come next, in all their layers: letters that cannot be read are worth nothing, and a screen is what
//! everybody looks at. Then everybody's smallest layer, the most wanted first, so that faces are seen before any is sharp;
//! then the layers rise in turns. Rising needs some room to spare, and waits after a fall, so that a connection at the edge
//! does not make the picture change every second.

use umweg_wire::limits::LAYERS_MAX;

/// Bits a second of the layers that are offered, the smallest first.
pub(crate) type Rungs = [Option<u64>; LAYERS_MAX];

/// A voice with its headers, in bits a second.
const VOICE_RATE: u64 = 48_000;
/// Room needed beyond what a higher layer costs, as a fraction: a quarter.
const SPARE: u64 = 4;

/// One slot's part in the sharing.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Share {
    /// Whether it shows a screen.
    pub(crate) is_screen: bool,
    /// What is offered.
    pub(crate) rungs: Rungs,
    /// The layer that the slot had until now, and then the one that it gets.
    pub(crate) layer: Option<usize>,
    /// Whether it may rise.
    pub(crate) may_rise: bool,
}

/// What the shares cost, and could cost.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Demand {
    /// For the next step upwards, in bits a second.
    pub(crate) next: u64,
    /// With the highest layers everywhere, and room to spare.
    pub(crate) best: u64,
}

/// Gives each share its layer; the most wanted stand first.
pub(crate) fn divide(estimate: u64, voices: usize, shares: &mut [Share]) -> Demand {
    let voices = VOICE_RATE * voices as u64;
    let mut left = estimate.saturating_sub(voices);
    let before: Vec<_> = shares.iter_mut().map(|share| share.layer.take()).collect();
    let mut next = None;
    for screens in [true, false] {
        loop {
            let mut rose = false;
            for (share, before) in shares.iter_mut().zip(&before).filter(|(share, _)| share.is_screen == screens) {
                let Some((layer, cost)) = share.step() else { continue };
                let is_new_height = before.is_none_or(|before| layer > before);
                let needed = if is_new_height && layer > 0 { cost + cost / SPARE } else { cost };
                if needed > left {
                    next.get_or_insert(needed);
                } else if !(is_new_height && layer > 0 && !share.may_rise && before.is_some()) {
                    left -= cost;
                    share.layer = Some(layer);
                    rose = true;
                }
            }
            if !rose {
                break;
            }
        }
    }
    let used: u64 = shares.iter().map(Share::cost).sum();
    let best = shares.iter().map(|share| share.rungs.iter().flatten().last().copied().unwrap_or(0)).sum::<u64>();
    Demand { next: voices + used + next.unwrap_or(0), best: voices + best + best / SPARE }
}

impl Share {
    /// The next higher layer that is offered, and what it costs more than the present one.
    fn step(&self) -> Option<(usize, u64)> {
        let from = self.layer.map_or(0, |layer| layer + 1);
        let (layer, rate) = self.rungs.iter().enumerate().skip(from).find_map(|(layer, rate)| Some((layer, (*rate)?)))?;
        Some((layer, rate.saturating_sub(self.cost())))
    }

    fn cost(&self) -> u64 {
        self.layer.and_then(|layer| self.rungs.get(layer).copied().flatten()).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const RUNGS: Rungs = [Some(150_000), Some(500_000), Some(1_500_000)];

    fn layers(estimate: u64, voices: usize, before: &[Option<usize>], may_rise: bool) -> Vec<Option<usize>> {
        let mut shares: Vec<_> =
            before.iter().map(|layer| Share { rungs: RUNGS, layer: *layer, may_rise, ..Share::default() }).collect();
        divide(estimate, voices, &mut shares);
        shares.iter().map(|share| share.layer).collect()
    }

    #[test]
    fn everybody_is_seen_before_anybody_is_sharp() {
        assert_eq!(layers(500_000, 0, &[None; 3], true), [Some(0); 3]);
        assert_eq!(layers(2_000_000, 0, &[None; 3], true), [Some(1); 3]);
    }

    #[test]
    fn the_most_wanted_rises_first_and_is_the_last_to_go() {
        assert_eq!(layers(1_000_000, 0, &[None, None], true), [Some(1), Some(0)]);
        assert_eq!(layers(200_000, 0, &[Some(0), Some(0)], true), [Some(0), None]);
    }

    #[test]
    fn voices_are_set_aside() {
        assert_eq!(layers(160_000, 1, &[None], true), [None]);
        assert_eq!(layers(200_000, 1, &[None], true), [Some(0)]);
    }

    #[test]
    fn a_layer_is_kept_where_it_would_not_be_reached() {
        assert_eq!(layers(520_000, 0, &[Some(1)], true), [Some(1)]);
        assert_eq!(layers(520_000, 0, &[Some(0)], true), [Some(0)]);
        assert_eq!(layers(5_000_000, 0, &[Some(0)], false), [Some(0)]);
    }

    #[test]
    fn a_layer_that_is_not_sent_is_stepped_over() {
        let mut shares = [Share { rungs: [Some(150_000), None, Some(1_500_000)], may_rise: true, ..Share::default() }];
        divide(3_000_000, 0, &mut shares);
        assert_eq!(shares[0].layer, Some(2));
    }

    #[test]
    fn a_screen_has_all_its_layers_before_any_camera_has_one() {
        let of = |is_screen| Share { is_screen, rungs: RUNGS, may_rise: true, ..Share::default() };
        let divided = |estimate, voices| {
            let mut shares = [of(false), of(true), of(false)];
            divide(estimate, voices, &mut shares);
            shares.map(|share| share.layer)
        };
        assert_eq!(divided(190_000, 1), [None, None, None]);
        assert_eq!(divided(200_000, 1), [None, Some(0), None]);
        assert_eq!(divided(1_000_000, 0), [Some(0), Some(1), Some(0)]);
        assert_eq!(divided(1_750_000, 0), [Some(0), Some(2), None]);
        assert_eq!(divided(2_400_000, 0), [Some(1), Some(2), Some(0)]);
    }

    #[test]
    fn the_demand_names_the_next_step() {
        let mut shares = [Share { rungs: RUNGS, may_rise: true, ..Share::default() }];
        assert_eq!(divide(300_000, 0, &mut shares), Demand { next: 150_000 + 350_000 + 87_500, best: 1_875_000 });
    }

    proptest! {
        #[test]
        fn what_is_given_fits(estimate in 0u64..10_000_000, voices in 0usize..8, before in proptest::collection::vec(proptest::option::of(0usize..3), 0..8)) {
            let given = layers(estimate, voices, &before, true);
            let cost: u64 = given.iter().flatten().map(|layer| RUNGS[*layer].unwrap()).sum();
            prop_assert!(cost <= estimate.saturating_sub(VOICE_RATE * voices as u64));
        }
    }
}
