//! Puts sources into slots so that as few as possible move: a person's picture shall not jump because somebody else came.

/// The number of a participant in its call.
pub(crate) type Number = u32;

/// Which of a participant's videos.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Which {
    Camera,
    Screen,
}

impl Which {
    /// In the order of their sections in an offer.
    pub(crate) const ALL: [Self; 2] = [Self::Camera, Self::Screen];
}

/// A participant's video.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Video {
    pub(crate) from: Number,
    pub(crate) which: Which,
}

/// Gives the first wanted sources a slot each. Who has one already keeps it. Answers whether anything changed.
pub(crate) fn assign<S: Copy + PartialEq>(slots: &mut [Option<S>], wanted: &[S]) -> bool {
    let wanted = wanted.get(..slots.len()).unwrap_or(wanted);
    let mut changed = false;
    for slot in slots.iter_mut() {
        if slot.is_some_and(|held| !wanted.contains(&held)) {
            *slot = None;
            changed = true;
        }
    }
    for source in wanted {
        if slots.contains(&Some(*source)) {
            continue;
        }
        if let Some(free) = slots.iter_mut().find(|slot| slot.is_none()) {
            *free = Some(*source);
            changed = true;
        }
    }
    changed
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn who_has_a_slot_keeps_it() {
        let mut slots = [Some(1), Some(2), Some(3)];
        assert!(assign(&mut slots, &[4, 3, 1]));
        assert_eq!(slots, [Some(1), Some(4), Some(3)]);
        assert!(!assign(&mut slots, &[1, 3, 4]));
    }

    #[test]
    fn those_beyond_the_slots_get_none() {
        let mut slots = [None, None];
        assign(&mut slots, &[7, 8, 9]);
        assert_eq!(slots, [Some(7), Some(8)]);
    }

    proptest! {
        #[test]
        fn the_first_wanted_are_all_in_and_nobody_twice(
            mut slots in proptest::collection::vec(proptest::option::of(0u32..6), 0..6),
            wanted in proptest::collection::btree_set(0u32..12, 0..12),
        ) {
            // Slots never hold anybody twice.
            for at in 0..slots.len() {
                if slots[..at].contains(&slots[at]) { slots[at] = None; }
            }
            let wanted: Vec<_> = wanted.into_iter().collect();
            assign(&mut slots, &wanted);
            let mut held: Vec<_> = slots.iter().flatten().copied().collect();
            held.sort_unstable();
            prop_assert_eq!(held, wanted[..slots.len().min(wanted.len())].to_vec());
        }
    }
}
