//! Requests in lanes: one log's requests go one after the other, in the order they were made; different logs' at the same time,
//! as many as one connection may carry.

use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::Hash;

/// The queues. `K` names a lane.
pub(super) struct Lanes<K, T> {
    waiting_by_lane: HashMap<K, VecDeque<T>>,
    /// Lanes with something waiting and nothing under way, by turns.
    ready: VecDeque<K>,
    busy: HashSet<K>,
    under_way_max: usize,
}

impl<K: Clone + Eq + Hash, T> Lanes<K, T> {
    pub(super) fn new(under_way_max: usize) -> Self {
        Self { waiting_by_lane: HashMap::new(), ready: VecDeque::new(), busy: HashSet::new(), under_way_max }
    }

    /// At the end of its lane.
    pub(super) fn push(&mut self, lane: K, item: T) {
        let waiting = self.waiting_by_lane.entry(lane.clone()).or_default();
        waiting.push_back(item);
        if waiting.len() == 1 && !self.busy.contains(&lane) {
            self.ready.push_back(lane);
        }
    }

    /// What may begin now.
    pub(super) fn begin(&mut self) -> Option<(K, T)> {
        if self.busy.len() >= self.under_way_max {
            return None;
        }
        let lane = self.ready.pop_front()?;
        let item = self.waiting_by_lane.get_mut(&lane)?.pop_front()?;
        self.busy.insert(lane.clone());
        Some((lane, item))
    }

    /// What had begun in this lane is done.
    pub(super) fn end(&mut self, lane: &K) {
        if !self.busy.remove(lane) {
            return;
        }
        match self.waiting_by_lane.get(lane) {
            Some(waiting) if !waiting.is_empty() => self.ready.push_back(lane.clone()),
            _ => drop(self.waiting_by_lane.remove(lane)),
        }
    }

    /// Nothing waits and nothing is under way.
    pub(super) fn is_empty(&self) -> bool {
        self.busy.is_empty() && self.ready.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lane_keeps_its_order_and_does_one_thing_at_a_time() {
        let mut lanes = Lanes::new(8);
        for item in ["first", "second", "third"] {
            lanes.push('a', item);
        }
        lanes.push('b', "other");
        assert_eq!([lanes.begin(), lanes.begin(), lanes.begin()], [Some(('a', "first")), Some(('b', "other")), None]);
        lanes.end(&'a');
        assert_eq!(lanes.begin(), Some(('a', "second")));
        lanes.end(&'a');
        assert_eq!(lanes.begin(), Some(('a', "third")));
        lanes.end(&'a');
        lanes.end(&'b');
        assert!(lanes.is_empty() && lanes.waiting_by_lane.is_empty());
    }

    #[test]
    fn no_more_are_under_way_than_allowed_and_lanes_take_turns() {
        let mut lanes = Lanes::new(2);
        for lane in 0..3 {
            lanes.push(lane, "first");
            lanes.push(lane, "second");
        }
        assert_eq!((lanes.begin(), lanes.begin(), lanes.begin()), (Some((0, "first")), Some((1, "first")), None));
        lanes.end(&0);
        assert_eq!(lanes.begin(), Some((2, "first")), "the third lane comes before the first one's second");
    }

    #[test]
    fn an_end_that_comes_twice_changes_nothing() {
        let mut lanes = Lanes::new(8);
        lanes.push('a', 1);
        lanes.push('a', 2);
        lanes.begin();
        lanes.end(&'a');
        lanes.end(&'a');
        assert_eq!(lanes.begin(), Some(('a', 2)));
        assert_eq!(lanes.begin(), None);
    }
}
