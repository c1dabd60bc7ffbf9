//! The table: what reads bytes from outside, and real bytes to begin with.

mod links;
mod media;
mod pages;

/// A decoder of outside bytes.
pub struct Target {
    /// For the command line and the corpus' folder.
    pub name: &'static str,
    /// What it decodes, and from whom.
    pub decodes: &'static str,
    /// Longer inputs do not reach it.
    pub bytes_max: usize,
    /// Comes back from anything.
    pub run: fn(&[u8]),
    /// Real encodings.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// All of them.
pub const TARGETS: &[Target] = &[links::LINKS, media::DATAGRAM, media::FRAMES, pages::PAGE_MESSAGE];
