//! A member who lost its MLS state, but not the log's keys, asks to be let in again.
//!
//! 1. It makes a fresh key package and appends the request to the log, signed by its device and sealed under the resync key.
//! 2. The first member to read it answers with [`Conversation::readmit`](super::Conversation::readmit), and sends the Welcome
//!    to the asker's inbox. Others find the old leaf gone and leave it.

use prost::Message as _;
use rand::Rng;
use umweg_wire::limits::{ENTRY_BYTES_MAX, KEY_PACKAGE_BYTES_MAX};
use umweg_wire::proto::sealed::{Resync, ResyncBody};
use umweg_wire::{LogId, Seq};

use super::ResyncKey;
use crate::envelope::EnvelopeKey;
use crate::identity::verify_encoded;
use crate::key_package::{KeyPackageError, KeyPackageOf, validate_key_package};
use crate::padding::{pad, unpad};
use crate::{CertificateError, Device, labels};

/// A request that was checked.
pub struct ResyncRequest {
    /// For the new leaf; its identity is the asker's.
    pub key_package: KeyPackageOf,
    /// The newest entry that the asker had applied.
    pub lost_after: Seq,
    /// Names the request, so that an old one is not taken twice.
    pub nonce: [u8; 16],
}

/// Why a request was not taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum OpenResyncError {
    /// Too large, or not sealed under the resync key.
    #[error("open a request to be let in again")]
    PeerSealed,
    /// Not what should be inside.
    #[error("read a request to be let in again")]
    PeerMalformed,
    /// Its certificate says nothing.
    #[error(transparent)]
    PeerCertificate(#[from] CertificateError),
    /// Its sender did not write it, or asks for somebody else.
    #[error("verify a request to be let in again")]
    PeerForged,
    /// Its key package is of no use.
    #[error(transparent)]
    PeerKeyPackage(#[from] KeyPackageError),
}

/// Seals a request for the other members of a log's conversation.
pub fn seal_resync(
    device: &Device,
    key: &ResyncKey,
    log: LogId,
    key_package: &[u8],
    lost_after: Seq,
    rng: &mut impl Rng,
) -> Vec<u8> {
    let mut nonce = vec![0; 16];
    rng.fill_bytes(&mut nonce);
    let body = ResyncBody { key_package: key_package.to_vec(), lost_after: lost_after.0, nonce }.encode_to_vec();
    let signature = device.key.sign(labels::RESYNC_SIGNATURE, &[&log.0, &body]).to_vec();
    let request = Resync { certificate: device.encoded_certificate(), body, signature };
    envelope(key).seal(&pad(request.encode_to_vec()), &log.0, rng)
}

/// Opens and checks a request.
pub fn open_resync(sealed: &[u8], key: &ResyncKey, log: LogId) -> Result<ResyncRequest, OpenResyncError> {
    if sealed.len() > ENTRY_BYTES_MAX.min(4 * KEY_PACKAGE_BYTES_MAX) {
        return Err(OpenResyncError::PeerSealed);
    }
    let padded = envelope(key).open(sealed, &log.0).ok_or(OpenResyncError::PeerSealed)?;
    let request = unpad(&padded).and_then(|plain| Resync::decode(plain).ok()).ok_or(OpenResyncError::PeerMalformed)?;
    let asker = verify_encoded(&request.certificate)?;
    if !asker.signed(labels::RESYNC_SIGNATURE, &[&log.0, &request.body], &request.signature) {
        return Err(OpenResyncError::PeerForged);
    }
    let body = ResyncBody::decode(request.body.as_slice()).map_err(|_| OpenResyncError::PeerMalformed)?;
    let nonce = body.nonce.as_slice().try_into().map_err(|_| OpenResyncError::PeerMalformed)?;
    let key_package = validate_key_package(&body.key_package)?;
    if key_package.identity != asker {
        return Err(OpenResyncError::PeerForged);
    }
    Ok(ResyncRequest { key_package, lost_after: Seq(body.lost_after), nonce })
}

fn envelope(key: &ResyncKey) -> EnvelopeKey {
    EnvelopeKey::derive(key.expose(), labels::RESYNC_KEY)
}
