//! Ports for other programs, which must be told theirs.

use std::net::TcpListener;
use std::sync::atomic::{AtomicU32, Ordering};

/// Below those that systems give to connections (Linux: from 32,768), so that no connection comes to stand on one in between.
const FIRST: u32 = 10_000;
const COUNT: u32 = 22_000;

/// One that nobody uses, and another one each time.
pub(crate) fn free_port() -> u16 {
    static TAKEN: AtomicU32 = AtomicU32::new(0);
    // Processes beside each other begin far from each other.
    let begin = std::process::id().wrapping_mul(1_009);
    loop {
        let next = begin.wrapping_add(TAKEN.fetch_add(1, Ordering::Relaxed)) % COUNT;
        let port = u16::try_from(FIRST + next).unwrap();
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
