//! Who goes first of those that wait for the window of all: streams depend on one another and have weights (RFC 7540, section 5.3),
//! as far as nginx keeps that. It compares how far from the root a stream is, then its share among those that are as far.

use std::collections::{BTreeMap, VecDeque};

/// Streams that are over, or have not begun, and are still known to those that depend on them.
const KEPT_MAX: usize = 32;
/// Of a stream about which nothing was said.
const WEIGHT: u32 = 16;
/// Weights are parts of it.
const WHOLE: f64 = 256.0;
const ROOT: u32 = 0;

/// What was said of a stream.
#[derive(Clone, Copy)]
pub(super) struct Priority {
    on: u32,
    /// Whatever depends on the same depends on this stream from now on.
    alone: bool,
    weight: u32,
}

impl Priority {
    pub(super) fn read([a, b, c, d, weight]: [u8; 5]) -> Self {
        Self { on: u32::from_be_bytes([a & 0x7f, b, c, d]), alone: a & 0x80 != 0, weight: u32::from(weight) + 1 }
    }
}

/// The tree.
#[derive(Default)]
pub(super) struct Priorities {
    places: BTreeMap<u32, Place>,
    /// Of those that are not open, whom nobody has asked for longest first.
    kept: VecDeque<u32>,
}

#[derive(Clone, Copy)]
struct Place {
    on: u32,
    weight: u32,
}

impl Priorities {
    /// A stream begins.
    pub(super) fn begin(&mut self, id: u32, said: Option<Priority>) {
        let is_known = self.find_or_make(id);
        self.kept.retain(|kept| *kept != id);
        if said.is_some() || !is_known {
            self.place(id, said.unwrap_or(Priority { on: ROOT, alone: false, weight: WEIGHT }), is_known);
        }
    }

    /// A frame of its own says it, of a stream that need not be open.
    pub(super) fn say(&mut self, id: u32, said: Priority) {
        let was_kept = self.kept.contains(&id);
        let is_known = self.find_or_make(id);
        if was_kept || !is_known {
            self.keep(id);
        }
        self.place(id, said, is_known);
    }

    /// An open stream is over.
    pub(super) fn end(&mut self, id: u32) {
        if self.places.contains_key(&id) {
            self.keep(id);
        }
    }

    /// Whether the first, which waits already, goes before the second.
    pub(super) fn goes_before(&self, first: u32, second: u32) -> bool {
        let [(first, share), (second, share_of_second)] = [first, second].map(|id| self.standing(id));
        first < second || first == second && share >= share_of_second
    }

    /// How far from the root, and which share of all that is.
    fn standing(&self, id: u32) -> (usize, f64) {
        let weights: Vec<_> = self.up_from(id).map(|place| f64::from(place.weight)).collect();
        (weights.len(), weights.iter().rev().fold(1.0, |share, weight| share / WHOLE * weight))
    }

    fn up_from(&self, id: u32) -> impl Iterator<Item = &Place> {
        std::iter::successors(self.places.get(&id), |place| self.places.get(&place.on))
    }

    fn keep(&mut self, id: u32) {
        self.kept.retain(|kept| *kept != id);
        self.kept.push_back(id);
    }

    /// Whether it is known. If not, it is put aside to be placed, and another one that was kept may have to go.
    fn find_or_make(&mut self, id: u32) -> bool {
        if self.places.contains_key(&id) {
            return true;
        }
        if self.kept.len() >= KEPT_MAX {
            self.forget_oldest();
        }
        self.places.insert(id, Place { on: ROOT, weight: WEIGHT });
        false
    }

    /// Those that depended on it depend on what it depended on, and share its weight.
    fn forget_oldest(&mut self) {
        let gone = self.kept.pop_front().and_then(|id| Some((id, self.places.remove(&id)?)));
        let Some((id, place)) = gone else { return };
        let children = self.children(id);
        let weights: u32 = children.iter().map(|child| self.places[child].weight).sum();
        for child in children {
            let weight = (place.weight * self.places[&child].weight).checked_div(weights).unwrap_or_default();
            self.places.insert(child, Place { on: place.on, weight });
        }
    }

    fn place(&mut self, id: u32, said: Priority, is_known: bool) {
        let is_there = said.on != ROOT && self.places.contains_key(&said.on);
        let on = if is_there { said.on } else { ROOT };
        let alone = said.alone && (is_there || said.on == ROOT);
        if is_there {
            if is_known && self.up_from(on).any(|place| place.on == id) {
                let Place { on: above, .. } = self.places[&id];
                self.places.entry(on).and_modify(|place| place.on = above);
            }
            if self.kept.contains(&on) {
                self.keep(on);
            }
        }
        if alone {
            for child in self.children(on).into_iter().filter(|child| *child != id) {
                self.places.entry(child).and_modify(|place| place.on = id);
            }
        }
        self.places.insert(id, Place { on, weight: said.weight });
    }

    fn children(&self, of: u32) -> Vec<u32> {
        self.places.iter().filter(|(_, place)| place.on == of).map(|(id, _)| *id).collect()
    }
}

#[cfg(test)]
mod tests {
    use rand::rngs::StdRng;
    use rand::{RngExt, SeedableRng};

    use super::*;

    #[test]
    fn whatever_is_said_everybody_leads_to_the_root_and_few_are_known() {
        const OPEN_MAX: usize = 128;
        let (mut rng, mut priorities, mut open) = (StdRng::seed_from_u64(7), Priorities::default(), Vec::new());
        for turn in 0..20_000_u32 {
            let newest = 2 * turn + 1;
            let known = |rng: &mut StdRng| newest.saturating_sub(2 * rng.random_range(0..200)).max(1);
            let on = if rng.random_bool(0.3) { ROOT } else { known(&mut rng) };
            let said = Priority { on, alone: rng.random_bool(0.3), weight: rng.random_range(1..=256) };
            match rng.random_range(0..3) {
                0 if open.len() < OPEN_MAX && on != newest => {
                    priorities.begin(newest, rng.random_bool(0.8).then_some(said));
                    open.push(newest);
                }
                1 if !open.is_empty() => priorities.end(open.swap_remove(rng.random_range(0..open.len()))),
                _ => {
                    let id = known(&mut rng);
                    if id != on {
                        priorities.say(id, said);
                    }
                }
            }
            assert!(priorities.places.len() <= 2 * OPEN_MAX + KEPT_MAX);
            assert_eq!(priorities.places.len(), open.len() + priorities.kept.len());
            for id in priorities.places.keys() {
                let way: Vec<_> = priorities.up_from(*id).take(priorities.places.len() + 1).collect();
                assert!(way.len() <= priorities.places.len(), "there is no circle");
                assert_eq!(way.last().map(|place| place.on), Some(ROOT), "and no loose end");
            }
        }
    }
}
