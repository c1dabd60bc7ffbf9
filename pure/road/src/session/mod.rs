//! The sealed session: end to end between app and service, whatever carries its bytes.
//!
//! 1. The client has the service's X25519 key from the service's link. It makes message 1 of `Noise_NK_25519_AESGCM_SHA256`
//!    (prologue [`PROLOGUE`]); its payload is `[version 1][purpose 1][zeros]`.
//! 2. Message 1 rides in the first request: base64url in a cookie where the road begins with an HTTP upgrade
//!    ([`crate::upgrade`]), or else as `[length 2, big endian][message]`, the very first bytes of the connection.
//! 3. The service answers with `[length 2][message 2]`; its payload is `[version 1][count 1][count × (min 2, max 2)][zeros]`: the
//!    [`Scheme`] by which both sides shape their first records, so that a pattern that a censor learned can be changed from the
//!    service. On an upgraded connection these are the first bytes after the `101`.
//! 4. Then records in both directions: `[length 2][ciphertext]`, whose plaintext is `[data length 2][data][zeros]`. A record
//!    without data is padding and nothing else.
//! 5. After every [`REKEY_AFTER`] records a direction's key is replaced (Noise, section 4.2), on both sides alike.
//!
//! Whoever cannot complete message 1 under the service's key learns nothing from the service: the connection is closed, or gets a
//! web site's answer. Message 1 can be replayed, but its sender then cannot read message 2; nothing is decided by message 1 alone.
//! The session is post-quantum where TLS is around it (X25519MLKEM768), and not on the plain and bare ports.

mod handshake;
mod key;
mod records;
mod scheme;

pub use handshake::{Offer, Purpose, Refused, accept};
pub use key::StaticKey;
pub use records::{BrokenRecord, REKEY_AFTER, Session};
pub use scheme::{MalformedScheme, Scheme};

/// Bound into every handshake: a session of another protocol, or of a later, incompatible version, does not open.
pub const PROLOGUE: &[u8] = b"umweg road 1";

/// Length of message 1 on a connection that begins with the bare session: more than any of ours has.
pub const FIRST_MESSAGE_BYTES_MAX: usize = 0x3ff;

/// Length of message 2.
pub const ANSWER_BYTES_MAX: usize = 0x3ff;

/// Puts the length before a message or record.
pub fn frame(message: &[u8], out: &mut Vec<u8>) {
    let length = u16::try_from(message.len()).expect("no message of the session is longer than 65,535 bytes");
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(message);
}

/// Takes the first framed message off the bytes: the message, and how many bytes it took. `None`: more bytes are needed.
pub fn unframe(bytes: &[u8]) -> Option<(&[u8], usize)> {
    let (length, rest) = bytes.split_first_chunk::<2>()?;
    let length = usize::from(u16::from_be_bytes(*length));
    Some((rest.get(..length)?, 2 + length))
}
