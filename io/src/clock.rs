//! The clock. Programs read it here and hand the time to what decides.

use std::time::{SystemTime, UNIX_EPOCH};

use umweg_wire::Timestamp;

/// The time by the system's clock; before 1970 it is zero.
#[must_use]
pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
