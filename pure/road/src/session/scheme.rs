//! How the first records of a session are shaped. Data, so that the service can change it without a new app.

/// Sizes on the wire of a direction's first records, one range each; later records are as long as their data.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Scheme(Vec<(u16, u16)>);

/// Not a scheme that is safe to follow.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum MalformedScheme {
    /// More records than a scheme may shape.
    #[error("the scheme shapes {0} records, which is too many")]
    TooMany(usize),
    /// A range that is upside down, or has no room for data, or is beyond a record.
    #[error("the scheme has a range from {0} to {1} bytes")]
    Range(u16, u16),
    /// Cut off.
    #[error("the scheme is cut off")]
    Truncated,
}

impl Scheme {
    /// Records that a scheme may shape.
    pub const RECORDS_MAX: usize = 16;
    /// A shaped record is at least so long …
    pub const RECORD_MIN: u16 = 64;
    /// … and at most so long.
    pub const RECORD_MAX: u16 = 16_384;
    /// Of a connection that may carry little so many records are shaped …
    pub const SMALL_RECORDS_MAX: usize = 4;
    /// … to at most so many bytes each.
    pub const SMALL_RECORD_MAX: u16 = 400;

    /// A scheme of those ranges.
    pub fn new(ranges: Vec<(u16, u16)>) -> Result<Self, MalformedScheme> {
        if ranges.len() > Self::RECORDS_MAX {
            return Err(MalformedScheme::TooMany(ranges.len()));
        }
        match ranges.iter().find(|(min, max)| *min < Self::RECORD_MIN || max < min || *max > Self::RECORD_MAX) {
            Some(&(min, max)) => Err(MalformedScheme::Range(min, max)),
            None => Ok(Self(ranges)),
        }
    }

    /// The same for a connection that may carry little: fewer records are shaped, and to less.
    #[must_use]
    pub fn small(&self) -> Self {
        let less = |&(min, max): &(u16, u16)| (min.min(Self::SMALL_RECORD_MAX / 2), max.min(Self::SMALL_RECORD_MAX));
        Self(self.0.iter().take(Self::SMALL_RECORDS_MAX).map(less).collect())
    }

    /// The range for the record of that number, counted from zero.
    #[must_use]
    pub fn range(&self, record: u64) -> Option<(u16, u16)> {
        usize::try_from(record).ok().and_then(|record| self.0.get(record)).copied()
    }

    /// As message 2 carries it.
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        out.push(u8::try_from(self.0.len()).expect("a scheme has at most 16 ranges"));
        for (min, max) in &self.0 {
            out.extend_from_slice(&min.to_be_bytes());
            out.extend_from_slice(&max.to_be_bytes());
        }
    }

    /// Reads what `encode` wrote; what follows is padding.
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, MalformedScheme> {
        let (&count, rest) = bytes.split_first().ok_or(MalformedScheme::Truncated)?;
        let ranges = rest.get(..usize::from(count) * 4).ok_or(MalformedScheme::Truncated)?;
        let (ranges, _) = ranges.as_chunks::<4>();
        Self::new(ranges.iter().map(|&[a, b, c, d]| (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]))).collect())
    }
}

/// Eight records that look like a page being loaded: small requests, then answers of mixed size (after AnyTLS's scheme).
impl Default for Scheme {
    fn default() -> Self {
        Self(vec![(400, 600), (120, 420), (500, 1_100), (500, 1_100), (80, 300), (500, 1_300), (100, 500), (400, 1_300)])
    }
}
