//! A call with people in it.

use std::time::{Duration, Instant};

use umweg_sfu::synthetic::{Call, Profile};

pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// They have just come in.
pub(crate) fn call_of(marks: &[u32], profile: Profile) -> Call {
    let mut call = Call::new(start());
    for mark in marks {
        call.enter(*mark, profile).unwrap();
    }
    call.pass(SECOND / 2);
    call
}

#[expect(clippy::disallowed_methods, reason = "an instant can be had from nowhere else; only what passes since then matters")]
pub(crate) fn start() -> Instant {
    Instant::now()
}
