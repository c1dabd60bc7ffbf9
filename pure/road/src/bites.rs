//! Small bites: one stream, the *chain*, spread over many short connections, for where a connection that has moved 15 to 20 kB is
//! frozen.
//!
//! 1. The client makes up a chain's id. Each *bite* is a connection of its own with a sealed session of its own, whose purpose is
//!    [`Purpose::Bite`](crate::session::Purpose).
//! 2. The client's first bytes in it are a [`Hello`]: the chain, how many of the chain's bytes it has received so far, and its
//!    allowance: what the records that the service sends in this bite may come to.
//! 3. The service's first bytes are a [`Welcome`]: whether it has that chain, and how many bytes it has received. Either side goes on
//!    from there: what a bite took with it is sent again ([`Outgoing`]).
//! 4. Then come the chain's bytes, both ways. Both sides count records as [`cost`] does, the client also counts what really moved.
//! 5. When the service has little left of its allowance, or the client no room for what it has to say, the client closes the bite
//!    and opens the next: one at a time, `BITE_GAP_MIN` after the last one began at the earliest, and at odd intervals.
//!
//! What runs on the chain notices only that it is slow. So everything passes, whatever its size, and without a rule of its own.
//!
//! *Why bites don't count among the three connections a minute to one name* (`DIALS_PER_MINUTE_MAX`): that limit is against a
//! censor who counts connections that are open *beside* each other. A bite is closed before the next one begins, as those of any
//! page that polls. When bites fail, the chain is over, and the next attempt is the ranking's, with its limits.

use umweg_wire::limits::BITE_BYTES_MAX;

/// What stands around a record, at most: a WebSocket frame's head, TLS's head and tag, and once more TLS's where a proxy cut it.
pub const RECORD_AROUND: u64 = 56;
/// For the end: close frames and alerts of both sides.
const CLOSING: u64 = 160;
/// A service that has less than this left of its allowance may be unable to say anything: the largest shaped record, and around it.
const ALLOWANCE_USEFUL_MIN: u64 = 512;
/// A client that has so much waiting is sending rather than receiving.
const MUCH_WAITING: usize = 1_024;

/// A chain's name, and the proof that a bite is its maker's: 16 random bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChainId(pub [u8; 16]);

/// What the client says first.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Hello {
    /// Of which chain the bite is.
    pub chain: ChainId,
    /// How many bytes of it have come to the client.
    pub received: u64,
    /// What the service's records may cost in this bite.
    pub allowance: u32,
}

impl Hello {
    /// Its length.
    pub const LEN: usize = 28;

    /// As it is sent.
    #[must_use]
    pub fn encode(&self) -> [u8; Self::LEN] {
        let mut bytes = [0; Self::LEN];
        bytes[..16].copy_from_slice(&self.chain.0);
        bytes[16..24].copy_from_slice(&self.received.to_be_bytes());
        bytes[24..].copy_from_slice(&self.allowance.to_be_bytes());
        bytes
    }

    /// Any bytes are one.
    #[must_use]
    pub fn decode(bytes: &[u8; Self::LEN]) -> Self {
        let (mut chain, mut received, mut allowance) = ([0; 16], [0; 8], [0; 4]);
        chain.copy_from_slice(&bytes[..16]);
        received.copy_from_slice(&bytes[16..24]);
        allowance.copy_from_slice(&bytes[24..]);
        Self { chain: ChainId(chain), received: u64::from_be_bytes(received), allowance: u32::from_be_bytes(allowance) }
    }
}

/// What the service answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Welcome {
    /// Go on: so many bytes of the chain have come to the service.
    Received(u64),
    /// It has no such chain (any more).
    Unknown,
}

impl Welcome {
    /// Its length.
    pub const LEN: usize = 8;

    /// As it is sent.
    #[must_use]
    pub fn encode(self) -> [u8; Self::LEN] {
        match self {
            Self::Received(bytes) => bytes.to_be_bytes(),
            Self::Unknown => u64::MAX.to_be_bytes(),
        }
    }

    /// Any bytes are one.
    #[must_use]
    pub fn decode(bytes: [u8; Self::LEN]) -> Self {
        match u64::from_be_bytes(bytes) {
            u64::MAX => Self::Unknown,
            received => Self::Received(received),
        }
    }
}

/// The other side says that it has received what was not sent, or that it lost what it had.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the other side counts another stream")]
pub struct OtherStream;

/// One direction of a chain at its sender: what is not known to have come, and of it what has not been sent in this bite.
#[derive(Default)]
pub struct Outgoing {
    confirmed: u64,
    bytes: Vec<u8>,
    sent: usize,
}

impl Outgoing {
    /// More to send.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// What waits.
    #[must_use]
    pub fn unsent(&self) -> &[u8] {
        &self.bytes[self.sent..]
    }

    /// That many of them were sent.
    pub fn handle_sent(&mut self, count: usize) {
        self.sent += count;
    }

    /// A new bite, and so many bytes of the chain have come to the other side: the next ones go now.
    pub fn handle_confirmed(&mut self, received: u64) -> Result<(), OtherStream> {
        let came = received.checked_sub(self.confirmed).and_then(|came| usize::try_from(came).ok()).ok_or(OtherStream)?;
        if came > self.sent {
            return Err(OtherStream);
        }
        self.bytes.drain(..came);
        (self.confirmed, self.sent) = (received, 0);
        Ok(())
    }
}

/// What a record of that many bytes comes to.
#[must_use]
pub fn cost(record: usize) -> u64 {
    record as u64 + RECORD_AROUND
}

/// The client's account of one bite.
#[derive(Clone, Copy)]
pub struct Account {
    allowance: u64,
}

impl Account {
    /// After the handshake, in which `moved` bytes went either way, and with so many bytes waiting: who has more to say gets more
    /// of what is left. `None`: the handshake left nothing.
    #[must_use]
    pub fn open(moved: u64, waiting: usize) -> Option<Self> {
        let left = BITE_BYTES_MAX.checked_sub(moved + CLOSING)?;
        let allowance = if waiting >= MUCH_WAITING { left / 4 } else { left * 2 / 3 };
        (allowance > 2 * ALLOWANCE_USEFUL_MIN).then_some(Self { allowance })
    }

    /// For the hello.
    #[must_use]
    pub fn allowance(self) -> u32 {
        u32::try_from(self.allowance).expect("it is a part of 14,000 bytes")
    }

    /// How long the client's next record may be, when `moved` bytes went either way and the service's records came to `received`.
    #[must_use]
    pub fn room(self, moved: u64, received: u64) -> usize {
        let kept = self.allowance.saturating_sub(received) + CLOSING + RECORD_AROUND;
        usize::try_from(BITE_BYTES_MAX.saturating_sub(moved + kept)).unwrap_or(usize::MAX)
    }

    /// The service may have more to say than it can.
    #[must_use]
    pub fn is_used_up(self, received: u64) -> bool {
        self.allowance.saturating_sub(received) < ALLOWANCE_USEFUL_MIN
    }
}

/// How long the service's next record may be, of that allowance, when its records came to `sent`.
#[must_use]
pub fn service_room(hello: &Hello, sent: u64) -> usize {
    usize::try_from(u64::from(hello.allowance).saturating_sub(sent + RECORD_AROUND)).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::session::Scheme;

    #[test]
    fn the_wire_bytes_are_frozen() {
        let hello = Hello { chain: ChainId([7; 16]), received: 0x0102, allowance: 0x0304 };
        let bytes = [&[7; 16][..], &[0, 0, 0, 0, 0, 0, 1, 2], &[0, 0, 3, 4]].concat();
        assert_eq!(hello.encode()[..], bytes);
        assert!(Hello::decode(&hello.encode()) == hello);
        assert_eq!(Welcome::Received(0x0102).encode(), [0, 0, 0, 0, 0, 0, 1, 2]);
        assert_eq!(Welcome::Unknown.encode(), [0xff; 8]);
    }

    #[test]
    fn a_service_whose_allowance_is_not_used_up_can_always_say_something() {
        let largest = u64::from(Scheme::SMALL_RECORD_MAX) + RECORD_AROUND;
        assert!(largest <= ALLOWANCE_USEFUL_MIN);
    }

    #[test]
    fn who_has_more_to_say_gets_more() {
        let (speaks, listens) = (Account::open(5_000, 4_000).unwrap(), Account::open(5_000, 0).unwrap());
        assert!(speaks.allowance() < listens.allowance() / 2);
        assert!(speaks.room(5_000, 0) > listens.room(5_000, 0));
        assert!(Account::open(13_900, 0).is_none() && Account::open(u64::from(u32::MAX), 0).is_none());
    }

    #[test]
    fn another_stream_is_noticed() {
        let mut outgoing = Outgoing::default();
        outgoing.push(b"abc");
        assert_eq!(outgoing.handle_confirmed(1), Err(OtherStream), "it cannot have come before it was sent");
        outgoing.handle_sent(2);
        outgoing.handle_confirmed(2).unwrap();
        assert_eq!(outgoing.unsent(), b"c");
        assert_eq!(outgoing.handle_confirmed(1), Err(OtherStream), "what came cannot be lost again");
    }

    proptest! {
        /// Bites that end anywhere, with anything under way: the stream comes whole and in order.
        #[test]
        fn nothing_is_lost_or_doubled_wherever_bites_end(
            data in proptest::collection::vec(any::<u8>(), 0..3_000),
            bites in proptest::collection::vec((1usize..400, 0usize..400), 0..40),
        ) {
            let (mut outgoing, mut came) = (Outgoing::default(), Vec::new());
            outgoing.push(&data);
            for (sends, arrives) in bites.into_iter().chain([(3_000, 3_000)]) {
                outgoing.handle_confirmed(came.len() as u64).unwrap();
                let sends = sends.min(outgoing.unsent().len());
                came.extend_from_slice(&outgoing.unsent()[..sends.min(arrives)]);
                outgoing.handle_sent(sends);
            }
            prop_assert_eq!(came, data);
        }

        /// Whatever either side sends, as long as it keeps to its room, a bite stays below the limit.
        #[test]
        fn no_bite_is_larger_than_the_limit(
            handshake in 1_000u64..12_000, waiting in 0usize..5_000,
            records in proptest::collection::vec((any::<bool>(), 1usize..3_000), 0..200),
        ) {
            let Some(account) = Account::open(handshake, waiting) else { return Ok(()) };
            let hello = Hello { chain: ChainId([0; 16]), received: 0, allowance: account.allowance() };
            let (mut moved, mut of_service) = (handshake, 0);
            for (by_service, record) in records {
                let room = if by_service { service_room(&hello, of_service) } else { account.room(moved, of_service) };
                if record <= room {
                    moved += cost(record);
                    of_service += if by_service { cost(record) } else { 0 };
                }
            }
            prop_assert!(moved + CLOSING <= BITE_BYTES_MAX, "{moved}");
        }
    }
}
