//! When to renew, and when to try again. `chance` is between 0 and 1: not all proxies of the world at once.

use std::time::Duration;

use umweg_wire::Timestamp;

/// The first attempts come soon, for those who are just setting up; then the authorities' limits (five failures an hour) are kept.
const PATIENCE_MIN: Duration = Duration::from_secs(60);
const PATIENCE_MAX: Duration = Duration::from_secs(6 * 60 * 60);

/// After two thirds of its life, and up to a twelfth of it later.
pub(super) fn renewal(valid_from: Timestamp, valid_to: Timestamp, chance: f64) -> Timestamp {
    let life = valid_to.0.saturating_sub(valid_from.0);
    let spread = Duration::from_millis(life / 12).mul_f64(chance.clamp(0.0, 1.0));
    let spread = u64::try_from(spread.as_millis()).unwrap_or_default();
    Timestamp(valid_from.0.saturating_add(life / 3 * 2).saturating_add(spread))
}

/// How long to wait after that many failures before this one: four times longer each time, more or less.
pub(super) fn patience(failures_before: u32, chance: f64) -> Duration {
    let wait = PATIENCE_MIN.saturating_mul(4_u32.saturating_pow(failures_before)).min(PATIENCE_MAX);
    wait.mul_f64(0.75 + chance.clamp(0.0, 1.0) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: u64 = 24 * 60 * 60 * 1_000;

    #[test]
    fn ninety_days_are_renewed_between_the_sixtieth_and_the_sixty_eighth() {
        let (from, to) = (Timestamp(100 * DAY), Timestamp(190 * DAY));
        assert_eq!(renewal(from, to, 0.0), Timestamp(160 * DAY));
        assert_eq!(renewal(from, to, 1.0), Timestamp(160 * DAY + DAY * 15 / 2));
    }

    #[test]
    fn dates_that_make_no_sense_are_due_at_once() {
        assert_eq!(renewal(Timestamp(DAY), Timestamp(0), 1.0), Timestamp(DAY));
    }

    #[test]
    fn waiting_grows_to_a_quarter_of_a_day_and_stays_there() {
        let minutes: Vec<_> = (0..6).map(|failures| patience(failures, 0.5).as_secs() / 60).collect();
        assert_eq!(minutes, [1, 4, 16, 64, 256, 360]);
        assert_eq!(patience(u32::MAX, 0.0), PATIENCE_MAX.mul_f64(0.75));
    }
}
