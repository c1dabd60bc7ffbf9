//! What goes through each invite, written down: for `umweg-proxy invite list`, and so that a month's volume outlives the program.
//!
//! Numbers only: no address, no time but the month.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use umweg_io::config::write_secret;

/// The file.
const FILE: &str = "usage.json";

/// The counts of one invite.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Counts {
    /// Connections now.
    pub open: u32,
    /// Connections since it was made.
    pub tunnels: u64,
    /// Bytes in `month`, both directions.
    pub bytes: u64,
    /// Which month that is ([`Date::month`](crate::date::Date::month)).
    pub month: u32,
}

impl Counts {
    /// The bytes of that month.
    #[must_use]
    pub fn bytes_in(&self, month: u32) -> u64 {
        if self.month == month { self.bytes } else { 0 }
    }

    /// Counts bytes; a new month begins at zero.
    pub fn add(&mut self, bytes: u64, month: u32) {
        self.bytes = self.bytes_in(month).saturating_add(bytes);
        self.month = month;
    }
}

/// By the invites' secret paths: one that is made again under an old name begins at zero.
pub type Usage = BTreeMap<String, Counts>;

/// As it was written last. Counts that cannot be read begin again: nobody is to be kept out for that.
#[must_use]
pub fn read(folder: &Path) -> Usage {
    let Ok(text) = std::fs::read(path(folder)) else { return Usage::new() };
    serde_json::from_slice(&text).unwrap_or_else(|error| {
        tracing::warn!(%error, "the invites' counts cannot be read, and begin at zero");
        Usage::new()
    })
}

/// Writes it.
pub fn write(folder: &Path, usage: &Usage) -> std::io::Result<()> {
    write_secret(&path(folder), &serde_json::to_vec(usage)?)
}

fn path(folder: &Path) -> PathBuf {
    folder.join(FILE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_month_begins_at_zero() {
        let mut counts = Counts::default();
        counts.add(5, 100);
        counts.add(6, 100);
        assert_eq!((counts.bytes_in(100), counts.bytes_in(101)), (11, 0));
        counts.add(1, 101);
        assert_eq!(counts.bytes_in(101), 1);
    }

    #[test]
    fn counts_outlive_the_program_and_damage_does_not_stop_it() {
        let folder = tempfile::tempdir().unwrap();
        let usage = Usage::from([("/secret".to_owned(), Counts { tunnels: 3, ..Counts::default() })]);
        write(folder.path(), &usage).unwrap();
        assert_eq!(read(folder.path()), usage);
        std::fs::write(path(folder.path()), "{").unwrap();
        assert_eq!(read(folder.path()), Usage::new());
    }
}
