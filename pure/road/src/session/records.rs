//! Steps 4 and 5: records.

use rand::{Rng, RngExt};
use umweg_wire::limits::RECORD_BYTES_MAX;

use super::{Scheme, unframe};

/// A direction's key is replaced after so many records.
pub const REKEY_AFTER: u64 = 1 << 16;

/// Data in one record of ours: with everything around it, it stays within one TLS record.
const DATA_MAX: usize = 16_000;
/// What a record adds to its data: its length, the data's length, the authentication tag.
const OVERHEAD: usize = 2 + 2 + TAG;
const TAG: usize = 16;

/// Bytes that are no record of this session: somebody in between changed, dropped or added bytes, or the other side is broken.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BrokenRecord {
    /// It does not open.
    #[error("a record of {0} bytes does not open")]
    Sealed(usize),
    /// It opens, and its inside is malformed.
    #[error("a record's inside is malformed")]
    Inside,
}

/// An established session. It seals and opens records; moving them is its owner's work.
pub struct Session {
    noise: snow::TransportState,
    scheme: Scheme,
    sent: u64,
    received: u64,
}

impl Session {
    pub(super) fn new(handshake: snow::HandshakeState, scheme: Scheme) -> Self {
        let noise = handshake.into_transport_mode().expect("both messages of NK have been handled");
        Self { noise, scheme, sent: 0, received: 0 }
    }

    /// Seals the next record, taking as much of `data` as it has room for, and puts it at the end of `out`. Answers with how many
    /// bytes it took. A record without data is padding.
    pub fn seal(&mut self, data: &[u8], rng: &mut impl Rng, out: &mut Vec<u8>) -> usize {
        let wanted = self.scheme.range(self.sent).map(|(min, max)| usize::from(rng.random_range(min..=max)));
        let room = wanted.map_or(DATA_MAX, |size| size - OVERHEAD).min(DATA_MAX);
        let taken = data.len().min(room);
        let inside = 2 + wanted.map_or(taken, |size| (size - OVERHEAD).max(taken));
        let mut plain = Vec::with_capacity(inside);
        plain.extend_from_slice(&u16::try_from(taken).expect("a record holds at most 16,000 bytes of data").to_be_bytes());
        plain.extend_from_slice(&data[..taken]);
        plain.resize(inside, 0);
        let start = out.len();
        out.extend_from_slice(&u16::try_from(inside + TAG).expect("a record is at most 16,384 bytes long").to_be_bytes());
        out.resize(start + 2 + inside + TAG, 0);
        self.noise
            .write_message(&plain, &mut out[start + 2..])
            .expect("the room fits, and a key is replaced long before its nonces end");
        self.sent += 1;
        if self.sent.is_multiple_of(REKEY_AFTER) {
            self.noise.rekey_outgoing();
        }
        taken
    }

    /// Data that one more record can take without becoming longer than `room`; zero: not even padding fits.
    #[must_use]
    pub fn data_within(&self, room: usize) -> usize {
        let longest = self.scheme.range(self.sent).map_or(room, |(_, max)| usize::from(max));
        if longest > room { 0 } else { longest.saturating_sub(OVERHEAD).min(DATA_MAX) }
    }

    /// Opens the first record of `received`, if it is whole, and puts its data at the end of `opened`. Answers with how many bytes
    /// it took; `None` means that more bytes are needed. After an error the session is of no more use.
    pub fn open(&mut self, received: &[u8], opened: &mut Vec<u8>) -> Result<Option<usize>, BrokenRecord> {
        let Some((record, length)) = unframe(received) else { return Ok(None) };
        let mut plain = vec![0; record.len()];
        let inside = self.noise.read_message(record, &mut plain).map_err(|_| BrokenRecord::Sealed(record.len()))?;
        let (data_length, rest) = plain[..inside].split_first_chunk::<2>().ok_or(BrokenRecord::Inside)?;
        opened.extend_from_slice(rest.get(..usize::from(u16::from_be_bytes(*data_length))).ok_or(BrokenRecord::Inside)?);
        self.received += 1;
        if self.received.is_multiple_of(REKEY_AFTER) {
            self.noise.rekey_incoming();
        }
        Ok(Some(length))
    }

    /// How many bytes of a direction can be waiting for the rest of a record.
    pub const RECEIVED_BYTES_MAX: usize = 2 + RECORD_BYTES_MAX;

    /// By what scheme the first records are shaped.
    #[must_use]
    pub fn scheme(&self) -> &Scheme {
        &self.scheme
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha20Rng;

    use super::super::{Offer, Purpose, StaticKey, accept};
    use super::*;

    #[test]
    fn what_is_sealed_opens_in_order_on_the_other_side() {
        let (mut client, mut service, mut rng) = pair(Scheme::default());
        let data: Vec<u8> = (0..100_000u32).map(|i| i.to_le_bytes()[1]).collect();
        let wire = seal_all(&mut client, &data, &mut rng);
        assert_eq!(open_all(&mut service, &wire).unwrap(), data);
    }

    #[test]
    fn the_first_records_are_as_long_as_the_scheme_says_whatever_is_in_them() {
        let scheme = Scheme::new(vec![(300, 300), (64, 64), (1_000, 1_000)]).unwrap();
        for data in [vec![], vec![7; 1], vec![7; 5_000]] {
            let (mut client, _, mut rng) = pair(scheme.clone());
            let sizes: Vec<_> = (0..3)
                .map(|_| {
                    let mut record = Vec::new();
                    client.seal(&data, &mut rng, &mut record);
                    record.len()
                })
                .collect();
            assert_eq!(sizes, [300, 64, 1_000]);
        }
    }

    #[test]
    fn what_is_said_to_fit_fits() {
        let (mut client, _, mut rng) = pair(Scheme::new(vec![(100, 300), (64, 1_000)]).unwrap());
        for room in [0, 20, 64, 299, 300, 500, 1_000, 20, 23, 5_000, 30_000] {
            let fits = client.data_within(room);
            let mut record = Vec::new();
            if fits > 0 {
                client.seal(&vec![7; fits], &mut rng, &mut record);
            }
            assert!(record.len() <= room, "{} bytes where {room} fit", record.len());
        }
    }

    #[test]
    fn keys_are_replaced_on_both_sides_at_the_same_record() {
        let (mut client, mut service, mut rng) = pair(Scheme::new(vec![]).unwrap());
        for _ in 0..REKEY_AFTER + 2 {
            let mut record = Vec::new();
            client.seal(b"x", &mut rng, &mut record);
            assert_eq!(open_all(&mut service, &record).unwrap(), b"x");
        }
    }

    #[test]
    fn a_record_cut_off_waits_and_a_record_left_out_breaks_the_session() {
        let (mut client, mut service, mut rng) = pair(Scheme::default());
        let (mut first, mut second) = (Vec::new(), Vec::new());
        client.seal(b"one", &mut rng, &mut first);
        client.seal(b"two", &mut rng, &mut second);
        for end in 0..first.len() {
            assert_eq!(service.open(&first[..end], &mut Vec::new()), Ok(None));
        }
        assert_eq!(service.open(&second, &mut Vec::new()), Err(BrokenRecord::Sealed(second.len() - 2)));
    }

    #[test]
    fn the_wire_bytes_are_frozen() {
        // StaticKey [1; 32]; all randomness from ChaCha20 seeded with [2; 32] (client) and [3; 32] (service).
        let key = StaticKey::from_bytes([1; 32]);
        let (mut client_rng, mut service_rng) = (ChaCha20Rng::from_seed([2; 32]), ChaCha20Rng::from_seed([3; 32]));
        let (offer, first) = Offer::new(key.public(), Purpose::Media, &mut client_rng);
        let (mut service, _, answer) = accept(&key, &first, &Scheme::new(vec![(64, 64)]).unwrap(), &mut service_rng).unwrap();
        let mut client = offer.handle_answer(&answer).unwrap();
        let mut records = Vec::new();
        client.seal(b"hello", &mut client_rng, &mut records);
        service.seal(b"world", &mut service_rng, &mut records);
        service.seal(b"!", &mut service_rng, &mut records);
        let digest = |bytes: &[u8]| data_encoding::HEXLOWER.encode(&bytes[..16.min(bytes.len())]);
        let frozen = [
            first.len().to_string(),
            digest(&first),
            answer.len().to_string(),
            digest(&answer),
            data_encoding::HEXLOWER.encode(&records),
        ];
        assert_eq!(frozen, FROZEN);
    }

    /// Message 1 (length, head), message 2 (length, head), records: client's first, service's first two.
    const FROZEN: [&str; 5] = [
        "204",
        "00c58baa279c58dfd06d4d6862d06e9c",
        "189",
        "5906e87a9b9502bfecaff2304ad60572",
        "003e430a79ad66e8fda4dc09884e442230ece604c293ffbbf72251d781f2f89d4c20010490192fdf759ed838085d1cfca78e394bba83c3fed53ea9f8d7ed1419\
         003ea94c43d1d54627b1837de7060b5acc1ad043a2ee9fb9a0852fac1e2b605adc9a411268e12cba3bc74a2c9318a593c9c84034e76373630215830cfb664e99\
         001338950b94d0da1fb11a9e8ce7840f303b93c304",
    ];

    proptest! {
        #[test]
        fn any_cut_of_the_stream_gives_the_same_data(data in proptest::collection::vec(any::<u8>(), 0..4_000), cut in 1usize..700) {
            let (mut client, mut service, mut rng) = pair(Scheme::default());
            let wire = seal_all(&mut client, &data, &mut rng);
            let (mut waiting, mut opened) = (Vec::new(), Vec::new());
            for part in wire.chunks(cut) {
                waiting.extend_from_slice(part);
                while let Some(taken) = service.open(&waiting, &mut opened).unwrap() {
                    waiting.drain(..taken);
                }
            }
            prop_assert!(waiting.is_empty() && opened == data);
        }

        #[test]
        fn garbage_never_opens_and_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let (_, mut service, _) = pair(Scheme::default());
            prop_assert!(!matches!(service.open(&bytes, &mut Vec::new()), Ok(Some(_))));
        }
    }

    fn pair(scheme: Scheme) -> (Session, Session, ChaCha20Rng) {
        let mut rng = ChaCha20Rng::seed_from_u64(9);
        let key = StaticKey::random(&mut rng);
        let (offer, first) = Offer::new(key.public(), Purpose::Rpc, &mut rng);
        let (service, _, answer) = accept(&key, &first, &scheme, &mut rng).unwrap();
        (offer.handle_answer(&answer).unwrap(), service, rng)
    }

    fn seal_all(session: &mut Session, mut data: &[u8], rng: &mut ChaCha20Rng) -> Vec<u8> {
        let mut wire = Vec::new();
        while !data.is_empty() {
            let taken = session.seal(data, rng, &mut wire);
            data = &data[taken..];
        }
        wire
    }

    fn open_all(session: &mut Session, mut wire: &[u8]) -> Result<Vec<u8>, BrokenRecord> {
        let mut opened = Vec::new();
        while let Some(taken) = session.open(wire, &mut opened)? {
            wire = &wire[taken..];
        }
        Ok(opened)
    }
}
