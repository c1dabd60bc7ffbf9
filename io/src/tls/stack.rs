//! By which library this process dials: what a censor sees of TLS is the library's, so it can be changed by a setting.

use std::fmt;
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, Ordering};

static CHROMIUM: AtomicBool = AtomicBool::new(false);

/// A library for TLS.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Stack {
    /// The usual one.
    #[default]
    Rustls,
    /// BoringSSL, set up as Chromium does. Only where it was built in (feature `boring`).
    Boring,
}

/// What was asked for is not in this program.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("this program was built without BoringSSL: build it with `--features boring`, or leave `tls` at `rustls`")]
pub struct NotBuilt;

impl Stack {
    /// Dials with that one from now on.
    pub fn choose(self) -> Result<(), NotBuilt> {
        if self == Stack::Boring && !cfg!(feature = "boring") {
            return Err(NotBuilt);
        }
        CHROMIUM.store(self == Stack::Boring, Ordering::Relaxed);
        Ok(())
    }

    #[cfg(feature = "boring")]
    pub(crate) fn chosen() -> Self {
        if CHROMIUM.load(Ordering::Relaxed) { Stack::Boring } else { Stack::Rustls }
    }
}

impl fmt::Display for Stack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Stack::Rustls => "rustls",
            Stack::Boring => "boring",
        })
    }
}

impl FromStr for Stack {
    type Err = &'static str;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        match name {
            "rustls" => Ok(Stack::Rustls),
            "boring" => Ok(Stack::Boring),
            _ => Err("there are `rustls` and `boring`"),
        }
    }
}
