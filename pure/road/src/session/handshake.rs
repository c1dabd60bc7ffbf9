//! Steps 1 to 3: who proves what to whom before a byte of ours is sent.

use rand::{Rng, RngExt};

use super::key::noise;
use super::{ANSWER_BYTES_MAX, FIRST_MESSAGE_BYTES_MAX, MalformedScheme, Scheme, Session, StaticKey};

/// The version of the session's payloads.
const VERSION: u8 = 1;
/// Zeros after the payload of either message: at least and at most.
const PADDING: std::ops::RangeInclusive<usize> = 48..=320;

/// What a session is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Purpose {
    /// HTTP/2 with the service's gRPC.
    Rpc,
    /// A call's datagrams.
    Media,
    /// A part of a longer stream that is spread over many short connections ([`crate::bites`]).
    Bite,
}

/// Why no session came about.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refused {
    /// Longer than a message of the handshake can be.
    #[error("the handshake message of {0} bytes is too long")]
    Long(usize),
    /// Not made for, or by, the service's key.
    #[error("the handshake does not open with the service's key")]
    WrongKey,
    /// It opens, and says what this version does not know.
    #[error("the other side speaks version {0} of the session, this one speaks {VERSION}")]
    Version(u8),
    /// It opens, and is for something that this version does not know.
    #[error("the session is for an unknown purpose, {0}")]
    Purpose(u8),
    /// It opens, and is cut off.
    #[error("the handshake's payload is cut off")]
    Truncated,
    /// A scheme that is not safe to follow.
    #[error(transparent)]
    Scheme(#[from] MalformedScheme),
}

/// The client's side, between message 1 and message 2.
pub struct Offer(snow::HandshakeState);

impl Offer {
    /// Message 1 for the service with that key.
    pub fn new(service_key: &[u8; 32], purpose: Purpose, rng: &mut impl Rng) -> (Self, Vec<u8>) {
        let mut state = noise(rng)
            .remote_public_key(service_key)
            .and_then(snow::Builder::build_initiator)
            .expect("NK's initiator needs the other side's key and nothing else");
        let mut payload = vec![VERSION, purpose_to_byte(purpose)];
        payload.resize(payload.len() + rng.random_range(PADDING), 0);
        let message = write(&mut state, &payload);
        (Self(state), message)
    }

    /// Reads message 2: the session stands.
    pub fn handle_answer(mut self, answer: &[u8]) -> Result<Session, Refused> {
        let payload = read(&mut self.0, answer, ANSWER_BYTES_MAX)?;
        let rest = check_version(&payload)?;
        Ok(Session::new(self.0, Scheme::decode(rest)?))
    }
}

/// The service's side: reads message 1 and makes message 2.
pub fn accept(
    key: &StaticKey,
    first_message: &[u8],
    scheme: &Scheme,
    rng: &mut impl Rng,
) -> Result<(Session, Purpose, Vec<u8>), Refused> {
    let private = key.to_bytes();
    let mut state = noise(rng)
        .local_private_key(&private[..])
        .and_then(snow::Builder::build_responder)
        .expect("NK's responder needs its own key and nothing else");
    let payload = read(&mut state, first_message, FIRST_MESSAGE_BYTES_MAX)?;
    let purpose = purpose_from_byte(*check_version(&payload)?.first().ok_or(Refused::Truncated)?)?;
    let scheme = if purpose == Purpose::Bite { scheme.small() } else { scheme.clone() };
    let mut payload = vec![VERSION];
    scheme.encode(&mut payload);
    payload.resize(payload.len() + rng.random_range(PADDING), 0);
    let answer = write(&mut state, &payload);
    Ok((Session::new(state, scheme), purpose, answer))
}

fn write(state: &mut snow::HandshakeState, payload: &[u8]) -> Vec<u8> {
    let mut message = vec![0; payload.len() + 64];
    let length = state.write_message(payload, &mut message).expect("it is this side's turn, and 48 bytes are added to the payload");
    message.truncate(length);
    message
}

fn read(state: &mut snow::HandshakeState, message: &[u8], bytes_max: usize) -> Result<Vec<u8>, Refused> {
    if message.len() > bytes_max {
        return Err(Refused::Long(message.len()));
    }
    let mut payload = vec![0; message.len()];
    let length = state.read_message(message, &mut payload).map_err(|_| Refused::WrongKey)?;
    payload.truncate(length);
    Ok(payload)
}

fn check_version(payload: &[u8]) -> Result<&[u8], Refused> {
    match payload.split_first() {
        None => Err(Refused::Truncated),
        Some((&VERSION, rest)) => Ok(rest),
        Some((&version, _)) => Err(Refused::Version(version)),
    }
}

fn purpose_to_byte(purpose: Purpose) -> u8 {
    match purpose {
        Purpose::Rpc => 1,
        Purpose::Media => 2,
        Purpose::Bite => 3,
    }
}

fn purpose_from_byte(byte: u8) -> Result<Purpose, Refused> {
    match byte {
        1 => Ok(Purpose::Rpc),
        2 => Ok(Purpose::Media),
        3 => Ok(Purpose::Bite),
        other => Err(Refused::Purpose(other)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha20Rng;

    use super::*;

    fn rng(seed: u64) -> ChaCha20Rng {
        ChaCha20Rng::seed_from_u64(seed)
    }

    #[test]
    fn both_sides_agree_on_the_purpose_and_the_scheme() {
        let key = StaticKey::random(&mut rng(1));
        for purpose in [Purpose::Rpc, Purpose::Media] {
            let (offer, first) = Offer::new(key.public(), purpose, &mut rng(2));
            let scheme = Scheme::new(vec![(100, 200)]).unwrap();
            let (_, got, answer) = accept(&key, &first, &scheme, &mut rng(3)).unwrap();
            assert_eq!(got, purpose);
            assert_eq!(offer.handle_answer(&answer).unwrap().scheme(), &scheme);
        }
    }

    #[test]
    fn a_bite_is_shaped_too_and_by_less() {
        let key = StaticKey::random(&mut rng(1));
        let (offer, first) = Offer::new(key.public(), Purpose::Bite, &mut rng(2));
        let (session, purpose, answer) = accept(&key, &first, &Scheme::default(), &mut rng(3)).unwrap();
        assert!(purpose == Purpose::Bite && *session.scheme() == Scheme::default().small());
        assert_eq!(offer.handle_answer(&answer).unwrap().scheme(), session.scheme());
    }

    #[test]
    fn no_message_is_longer_than_the_limit_or_always_of_one_length() {
        let key = StaticKey::random(&mut rng(1));
        let lengths: std::collections::BTreeSet<_> =
            (0..200).map(|seed| Offer::new(key.public(), Purpose::Rpc, &mut rng(seed)).1.len()).collect();
        assert!(lengths.len() > 100 && *lengths.last().unwrap() <= FIRST_MESSAGE_BYTES_MAX);
        let scheme = Scheme::new(vec![(64, 16_384); Scheme::RECORDS_MAX]).unwrap();
        for seed in 0..200 {
            let (_, first) = Offer::new(key.public(), Purpose::Rpc, &mut rng(seed));
            assert!(accept(&key, &first, &scheme, &mut rng(seed)).unwrap().2.len() <= ANSWER_BYTES_MAX);
        }
    }

    #[test]
    fn another_key_cannot_answer() {
        let (real, posing) = (StaticKey::random(&mut rng(1)), StaticKey::random(&mut rng(2)));
        let (_, first) = Offer::new(real.public(), Purpose::Rpc, &mut rng(3));
        assert_eq!(accept(&posing, &first, &Scheme::default(), &mut rng(4)).err(), Some(Refused::WrongKey));
    }

    #[test]
    fn a_replayed_first_message_gives_a_session_that_only_its_maker_can_read() {
        let key = StaticKey::random(&mut rng(1));
        let (offer, first) = Offer::new(key.public(), Purpose::Rpc, &mut rng(2));
        let (_, _, answer) = accept(&key, &first, &Scheme::default(), &mut rng(3)).unwrap();
        let (mut replayed, _, _) = accept(&key, &first, &Scheme::default(), &mut rng(4)).unwrap();
        let mut record = Vec::new();
        replayed.seal(b"for whom?", &mut rng(5), &mut record);
        let mut session = offer.handle_answer(&answer).unwrap();
        assert!(session.open(&record, &mut Vec::new()).is_err());
    }

    proptest! {
        #[test]
        fn a_changed_byte_anywhere_refuses_the_session(at in 0usize..400, bit in 0u8..8) {
            let key = StaticKey::random(&mut rng(1));
            let (offer, first) = Offer::new(key.public(), Purpose::Rpc, &mut rng(2));
            let mut changed = first.clone();
            let place = at % changed.len();
            changed[place] ^= 1 << bit;
            // X25519 ignores the top bit of the last byte of a public key, but Noise hashes the key as it came.
            prop_assert!(accept(&key, &changed, &Scheme::default(), &mut rng(3)).is_err());
            let (_, _, mut answer) = accept(&key, &first, &Scheme::default(), &mut rng(3)).unwrap();
            let place = at % answer.len();
            answer[place] ^= 1 << bit;
            prop_assert!(offer.handle_answer(&answer).is_err());
        }

        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>) {
            let key = StaticKey::random(&mut rng(1));
            let _ = accept(&key, &bytes, &Scheme::default(), &mut rng(2));
            let _ = Offer::new(key.public(), Purpose::Rpc, &mut rng(2)).0.handle_answer(&bytes);
            let _ = Scheme::decode(&bytes);
        }
    }
}
