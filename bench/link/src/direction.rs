//! What happens to the packets of one direction: which are lost, and when the others arrive.

use std::time::{Duration, Instant};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::condition::Condition;

/// Packets under way at once, whatever the delay.
pub(crate) const PACKETS_MAX: usize = 4_096;
/// IPv4's number of UDP.
const UDP: u8 = 17;

pub(crate) struct Direction {
    rng: ChaCha8Rng,
    /// When the last packet is through the narrow place, and when it arrives.
    free_at: Option<Instant>,
    last_arrival: Option<Instant>,
}

impl Direction {
    pub(crate) fn new(seed: u64) -> Self {
        Self { rng: ChaCha8Rng::seed_from_u64(seed), free_at: None, last_arrival: None }
    }

    /// When the packet arrives; `None`: it is lost.
    pub(crate) fn handle(&mut self, packet: &[u8], condition: &Condition, now: Instant) -> Option<Instant> {
        // One number for each packet, whatever becomes of it: changing the loss does not change the seed's sequence.
        let chance = self.rng.random_range(0.0..100.0);
        if chance < condition.loss_percent || (condition.no_udp && is_udp(packet)) {
            return None;
        }
        let through = self.through(packet.len(), condition, now)?;
        let arrival = through + Duration::from_millis(condition.delay_ms.into());
        // A delay that becomes shorter does not let later packets overtake.
        let arrival = self.last_arrival.map_or(arrival, |last| last.max(arrival));
        self.last_arrival = Some(arrival);
        Some(arrival)
    }

    /// Through the narrow place, where packets wait for one another.
    fn through(&mut self, bytes: usize, condition: &Condition, now: Instant) -> Option<Instant> {
        if condition.rate_kbit == 0 {
            return Some(now);
        }
        let free_at = self.free_at.map_or(now, |at| at.max(now));
        if free_at.duration_since(now) > Duration::from_millis(condition.queue_ms.into()) {
            return None;
        }
        let through = free_at + Duration::from_secs_f64(bytes as f64 * 8.0 / (f64::from(condition.rate_kbit) * 1_000.0));
        self.free_at = Some(through);
        Some(through)
    }
}

fn is_udp(packet: &[u8]) -> bool {
    match packet.first().map(|first| first >> 4) {
        Some(4) => packet.get(9) == Some(&UDP),
        Some(6) => packet.get(6) == Some(&UDP),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: Condition = Condition { delay_ms: 40, loss_percent: 0.0, rate_kbit: 0, queue_ms: 200, no_udp: false };
    const PACKET: [u8; 1_000] = [0x45; 1_000];

    fn arrivals(condition: &Condition, seed: u64, packets: usize) -> Vec<Option<Duration>> {
        let (now, mut direction) = (Instant::now(), Direction::new(seed));
        (0..packets).map(|_| direction.handle(&PACKET, condition, now).map(|at| at - now)).collect()
    }

    #[test]
    fn a_good_link_only_delays() {
        assert_eq!(arrivals(&GOOD, 1, 3), [Some(Duration::from_millis(40)); 3]);
    }

    #[test]
    fn losses_are_as_many_as_wished_and_the_same_for_a_seed() {
        let lossy = Condition { loss_percent: 3.0, ..GOOD };
        let lost = arrivals(&lossy, 7, 100_000).iter().filter(|arrival| arrival.is_none()).count();
        assert!((2_800..3_200).contains(&lost), "{lost}");
        assert_eq!(arrivals(&lossy, 7, 1_000), arrivals(&lossy, 7, 1_000));
        assert_ne!(arrivals(&lossy, 7, 1_000), arrivals(&lossy, 8, 1_000));
    }

    #[test]
    fn at_a_rate_packets_wait_for_one_another_and_a_full_queue_loses() {
        let narrow = Condition { delay_ms: 0, rate_kbit: 80, ..GOOD }; // a packet takes 100 ms
        let ms = |ms| Some(Duration::from_millis(ms));
        assert_eq!(arrivals(&narrow, 1, 5), [ms(100), ms(200), ms(300), None, None]);
    }

    #[test]
    fn without_udp_everything_else_passes() {
        let (now, blocked, mut direction) = (Instant::now(), Condition { no_udp: true, ..GOOD }, Direction::new(1));
        let mut packet = PACKET;
        for (version, place) in [(0x45, 9), (0x60, 6)] {
            packet[0] = version;
            packet[place] = UDP;
            assert_eq!(direction.handle(&packet, &blocked, now), None);
            packet[place] = 6;
            assert!(direction.handle(&packet, &blocked, now).is_some());
        }
        assert!(direction.handle(&[], &blocked, now).is_some());
    }

    #[test]
    fn nothing_overtakes_when_the_delay_shrinks() {
        let (now, mut direction) = (Instant::now(), Direction::new(1));
        let slow = direction.handle(&PACKET, &GOOD, now);
        let quick = direction.handle(&PACKET, &Condition { delay_ms: 0, ..GOOD }, now);
        assert_eq!(slow, quick);
    }
}
