//! What one participant sends of its video: layers of the same picture (simulcast), the smallest first.
//!
//! A browser stops a layer when its own uplink or processor has no room for it, without saying so. Therefore only what came in
//! lately counts as offered, at the bit rate that was measured. A screen on which nothing moves is sent once a second.

use std::time::{Duration, Instant};

use umweg_wire::limits::LAYERS_MAX;

use crate::bandwidth::Rungs;
use crate::key_frames::Requests;
use crate::slots::Which;

/// A layer of a camera of which nothing came for so long is not sent any more.
const CAMERA_SILENT_AFTER: Duration = Duration::from_millis(1_500);
/// Likewise of a screen.
const SCREEN_SILENT_AFTER: Duration = Duration::from_millis(4_000);
/// Bit rates are measured over this time.
const MEASURED_OVER: Duration = Duration::from_millis(1_000);
/// Assumed of a layer that is not measured yet, in bits a second.
const ASSUMED_RATES: [u64; LAYERS_MAX] = [150_000, 500_000, 1_500_000];

/// The layers of one video of a sender.
pub(crate) struct Layers {
    layers: [Layer; LAYERS_MAX],
    silent_after: Duration,
}

#[derive(Default)]
struct Layer {
    heard_at: Option<Instant>,
    height: Option<u16>,
    meter: Meter,
    requests: Requests,
}

#[derive(Default)]
struct Meter {
    began_at: Option<Instant>,
    bits: u64,
    rate: Option<u64>,
}

impl Layers {
    /// None came yet.
    pub(crate) fn of(which: Which) -> Self {
        let silent_after = match which {
            Which::Camera => CAMERA_SILENT_AFTER,
            Which::Screen => SCREEN_SILENT_AFTER,
        };
        Self { layers: Default::default(), silent_after }
    }

    /// A packet of a layer came. Answers whether the layer was silent before.
    pub(crate) fn handle_packet(&mut self, layer: usize, bytes: usize, height: Option<u16>, now: Instant) -> bool {
        let Some(layer) = self.layers.get_mut(layer) else { return false };
        let was_silent = layer.is_silent(self.silent_after, now);
        if was_silent {
            layer.meter = Meter::default();
        }
        layer.heard_at = Some(now);
        layer.height = height.or(layer.height);
        layer.meter.handle(bytes, now);
        was_silent
    }

    /// The bit rates of the layers that are sent and no higher than that in pixels; the smallest layer always counts.
    pub(crate) fn rungs(&self, height_max: Option<u16>, now: Instant) -> Rungs {
        let mut rungs = Rungs::default();
        let mut any = false;
        for ((rung, layer), assumed) in rungs.iter_mut().zip(&self.layers).zip(ASSUMED_RATES) {
            let too_high = layer.height.zip(height_max).is_some_and(|(height, height_max)| height > height_max);
            let is_offered = !layer.is_silent(self.silent_after, now) && (!any || !too_high);
            if is_offered {
                *rung = Some(layer.meter.rate.unwrap_or(assumed));
                any = true;
            }
        }
        rungs
    }

    /// The key-frame requests of a layer.
    pub(crate) fn requests(&mut self, layer: usize) -> Option<&mut Requests> {
        self.layers.get_mut(layer).map(|layer| &mut layer.requests)
    }
}

impl Layer {
    fn is_silent(&self, silent_after: Duration, now: Instant) -> bool {
        self.heard_at.is_none_or(|heard_at| now > heard_at + silent_after)
    }
}

impl Meter {
    fn handle(&mut self, bytes: usize, now: Instant) {
        self.bits += bytes as u64 * 8;
        let passed = now.saturating_duration_since(*self.began_at.get_or_insert(now));
        if passed >= MEASURED_OVER {
            let rate = self.bits * 1_000 / (passed.as_millis() as u64).max(1);
            self.rate = Some(self.rate.map_or(rate, |before| before.midpoint(rate)));
            (self.bits, self.began_at) = (0, Some(now));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn send(layers: &mut Layers, layer: usize, height: u16, start: Instant, ms: std::ops::Range<u64>) {
        for ms in ms.step_by(10) {
            layers.handle_packet(layer, 1_000, Some(height), start + Duration::from_millis(ms));
        }
    }

    #[test]
    fn a_layer_is_offered_while_it_comes_at_the_rate_it_comes() {
        let (mut layers, start) = (Layers::of(Which::Camera), crate::start());
        send(&mut layers, 0, 180, start, 0..3_000);
        let rungs = layers.rungs(None, start + Duration::from_secs(3));
        assert!(rungs[0].is_some_and(|rate| rate.abs_diff(800_000) < 20_000), "{rungs:?}");
        assert_eq!(rungs[1..], [None, None]);
        assert_eq!(layers.rungs(None, start + Duration::from_secs(5)), Rungs::default());
    }

    #[test]
    fn a_screen_on_which_nothing_moves_is_still_offered() {
        let start = crate::start();
        let offered = |which| {
            let mut layers = Layers::of(which);
            send(&mut layers, 0, 1_080, start, 0..10);
            layers.rungs(None, start + Duration::from_millis(2_500))[0].is_some()
        };
        assert_eq!((offered(Which::Screen), offered(Which::Camera)), (true, false));
    }

    #[test]
    fn a_layer_higher_than_wanted_is_not_offered_but_the_smallest_is() {
        let (mut layers, start) = (Layers::of(Which::Camera), crate::start());
        for (layer, height) in [180, 360, 720].into_iter().enumerate() {
            send(&mut layers, layer, height, start, 0..100);
        }
        let offered = |height_max| layers.rungs(Some(height_max), start + Duration::from_millis(100)).map(|rung| rung.is_some());
        assert_eq!(offered(360), [true, true, false]);
        assert_eq!(offered(90), [true, false, false]);
    }
}
