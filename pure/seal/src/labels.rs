//! Every label, suite and number that two devices must agree on, in one place, each with its source.
//!
//! A label separates one use of a key or a hash from every other. Changing one is a change of the protocol: the frozen vectors
//! in the tests fail.

use openmls_traits::types::Ciphersuite;

// ── identities ──
/// Hashed before an account's public key: the account id.
pub const ACCOUNT_ID: &[u8] = b"umweg account id v1";
/// Signed by the account key: a device certificate.
pub const DEVICE_CERTIFICATE: &[u8] = b"umweg device certificate v1";
/// Hashed before two account keys: their safety code.
pub const SAFETY_CODE: &[u8] = b"umweg safety code v1";

// ── inbox ──
/// HKDF-Expand (RFC 5869) of a link secret: what appends to the inbox.
pub const INBOX_CAPABILITY: &[u8] = b"umweg inbox sender capability v1";
/// Likewise: the key around an inbox entry.
pub const INBOX_ENTRY_KEY: &[u8] = b"umweg inbox entry key v1";
/// Likewise: the key around a key package.
pub const KEY_PACKAGE_KEY: &[u8] = b"umweg key package key v1";
/// HPKE (RFC 9180) `info` of an inbox entry.
pub const INBOX_HPKE: &[u8] = b"umweg inbox hpke v1";
/// Signed by the sender's device: an inbox entry.
pub const INBOX_SIGNATURE: &[u8] = b"umweg inbox entry v1";

// ── conversations ──
/// MLS-Exporter (RFC 9420, section 8.5): the log's capability and its resync key.
pub const LOG_KEYS: &str = "umweg log keys v1";
/// Likewise: the key of ephemeral entries.
pub const TRANSIENT_KEY: &str = "umweg transient key v1";
/// Signed by the asking device: a request to be let in again.
pub const RESYNC_SIGNATURE: &[u8] = b"umweg resync v1";
/// HKDF-Expand of a resync key: the key around such a request.
pub const RESYNC_KEY: &[u8] = b"umweg resync key v1";
/// Type of the group context extension that holds a conversation's name (private use: RFC 9420, section 17.3).
pub const EXTENSION_NAME: u16 = 0xF1A0;
/// ML-KEM-768 with X25519, AES-256-GCM, SHA-384, Ed25519: 0x004E of draft-ietf-mls-pq-ciphersuites-05.
pub const SUITE_CONVERSATION: Ciphersuite = Ciphersuite::MLS_128_MLKEM768X25519_AES256GCM_SHA384_Ed25519;

// ── calls ──
/// HKDF-Expand of a join secret: the id of the call's log.
pub const CALL_LOG: &[u8] = b"umweg call log id v1";
/// Likewise: the log's capability.
pub const CALL_CAPABILITY: &[u8] = b"umweg call capability v1";
/// Likewise: the key around every entry of the call's log.
pub const CALL_ENTRY_KEY: &[u8] = b"umweg call entry key v1";
/// Likewise: the key around the public group state.
pub const CALL_SNAPSHOT_KEY: &[u8] = b"umweg call snapshot key v1";
/// Likewise: the key around roster notes.
pub const CALL_NOTE_KEY: &[u8] = b"umweg call note key v1";
/// Signed by a participant's device: its roster note.
pub const NOTE_SIGNATURE: &[u8] = b"umweg roster note v1";
/// MLS-Exporter: the code that participants can read to each other.
pub const CALL_CODE: &str = "umweg call code v1";
/// Type of the group context extension that holds the invited accounts (private use: RFC 9420, section 17.3).
pub const EXTENSION_INVITED: u16 = 0xF1A1;
/// X25519, AES-128-GCM, SHA-256, Ed25519: 0x0001 of RFC 9420, section 17.1.
pub const SUITE_CALL: Ciphersuite = Ciphersuite::MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519;

// ── SFrame ──
/// MLS-Exporter: RFC 9605, section 5.2.
pub const SFRAME_BASE_KEY: &str = "SFrame 1.0 Base Key";
/// AES_128_GCM_SHA256_128 of RFC 9605, section 4.5.
pub const SFRAME_SUITE: u16 = 0x0004;
