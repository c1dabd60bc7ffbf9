//! Datagrams on a stream as ICE-TCP writes them: `[length 2, big endian][datagram]` (RFC 4571).

use umweg_wire::limits::DATAGRAM_BYTES_MAX;

/// A frame that is longer than any datagram of a call. The stream cannot be read on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a frame of {0} bytes is too long")]
pub(crate) struct TooLong(usize);

/// Bytes that have come and are not yet a whole frame. Holds at most one frame and what one read brought.
#[derive(Default)]
pub(crate) struct Frames {
    bytes: Vec<u8>,
    taken: usize,
}

impl Frames {
    /// What came.
    pub(crate) fn handle_bytes(&mut self, bytes: &[u8]) {
        self.bytes.drain(..self.taken);
        self.taken = 0;
        self.bytes.extend_from_slice(bytes);
    }

    /// The next whole datagram.
    pub(crate) fn poll_datagram(&mut self) -> Result<Option<&[u8]>, TooLong> {
        let rest = &self.bytes[self.taken..];
        let Some((length, rest)) = rest.split_first_chunk::<2>() else { return Ok(None) };
        let length = usize::from(u16::from_be_bytes(*length));
        if length > DATAGRAM_BYTES_MAX {
            return Err(TooLong(length));
        }
        let Some(datagram) = rest.get(..length) else { return Ok(None) };
        self.taken += 2 + length;
        Ok(Some(datagram))
    }
}

/// The frame of one datagram.
pub(crate) fn frame(datagram: &[u8]) -> Result<Vec<u8>, TooLong> {
    let length = u16::try_from(datagram.len()).map_err(|_| TooLong(datagram.len()))?;
    let mut frame = Vec::with_capacity(2 + datagram.len());
    frame.extend_from_slice(&length.to_be_bytes());
    frame.extend_from_slice(datagram);
    Ok(frame)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_all(frames: &mut Frames) -> Vec<Vec<u8>> {
        std::iter::from_fn(|| frames.poll_datagram().unwrap().map(<[u8]>::to_vec)).collect()
    }

    #[test]
    fn datagrams_come_out_as_they_went_in_however_the_stream_is_cut() {
        let sent = [b"one".to_vec(), Vec::new(), vec![7; DATAGRAM_BYTES_MAX]];
        let stream: Vec<u8> = sent.iter().flat_map(|datagram| frame(datagram).unwrap()).collect();
        for size in [1, 2, 3, 5, 100, stream.len()] {
            let mut frames = Frames::default();
            let mut came = Vec::new();
            for part in stream.chunks(size) {
                frames.handle_bytes(part);
                came.extend(read_all(&mut frames));
            }
            assert_eq!(came, sent, "cut into parts of {size}");
            frames.handle_bytes(&[]);
            assert!(frames.bytes.is_empty(), "nothing is kept");
        }
    }

    #[test]
    fn a_frame_longer_than_any_datagram_is_refused_before_it_has_come() {
        let mut frames = Frames::default();
        frames.handle_bytes(&[0xff, 0xff]);
        assert_eq!(frames.poll_datagram(), Err(TooLong(65_535)));
        assert!(frame(&vec![0; 70_000]).is_err());
    }
}
