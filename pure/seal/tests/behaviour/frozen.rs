//! Frozen: what devices of every version must agree on. A failure here is a change of the protocol.
//!
//! The values were computed a second time with Python's hashlib, hmac and cryptography, from the formulas in the comments.

use sframe::CipherSuite;
use sframe::frame::EncryptedFrameView;
use sframe::key::DecryptionKey;
use umweg_seal::call::CallSecrets;
use umweg_seal::inbox::{InboxKey, LinkSecret};
use umweg_seal::sframe::{Context, key_id};
use umweg_seal::{AccountKey, DeviceKey, safety_code};
use umweg_wire::Timestamp;

fn hex(bytes: impl AsRef<[u8]>) -> String {
    bytes.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

#[test]
fn an_account_is_called_what_it_always_was() {
    let account = AccountKey::from_bytes(&[1; 32]);
    // SHA-256("umweg account id v1" ‖ Ed25519 public key of the seed 0101…01)
    assert_eq!(hex(account.id().0), "24046eee194abe364b8da62301be188151e0a1308cea3630f991916286cce107");
}

#[test]
fn a_certificate_is_signed_as_it_always_was() {
    let certificate = AccountKey::from_bytes(&[1; 32]).issue(&DeviceKey::from_bytes(&[2; 32]), Timestamp(3));
    // Ed25519 over len ‖ "umweg device certificate v1" ‖ 32 ‖ account key ‖ 32 ‖ device key ‖ 8 ‖ issued at, lengths as u64 big endian
    assert_eq!(
        hex(&certificate.signature),
        "9c34df6c72d10025cf25b8c7576d8a7d31141380cb2365f1d4c65457a91f34b8b7ffc29911f231125306222c6b3460ebccf7411abec36f3a2a60c1b9167ca509"
    );
}

#[test]
fn a_safety_code_is_what_it_always_was() {
    // the first 60 bytes of SHA-512("umweg safety code v1" ‖ 0101…01 ‖ 0202…02), five at a time, modulo 100000
    assert_eq!(safety_code(&[1; 32], &[2; 32]), "80202 90079 68339 66770 60365 20610 64551 94701 23893 32724 36111 32879");
}

#[test]
fn a_link_secret_gives_what_it_always_gave() {
    // HKDF-SHA256(no salt, 0404…04, "umweg inbox sender capability v1")
    assert_eq!(
        hex(LinkSecret::new([4; 32]).sender_capability().expose()),
        "8ed3108a88acff75404fab22ee1b50a06951a25f7bfbf73ebe24adc87a375745"
    );
    // DeriveKeyPair of RFC 9180, section 7.1.3, for DHKEM(X25519, HKDF-SHA256) with ikm 0505…05
    assert_eq!(hex(InboxKey::from_bytes(&[5; 32]).public()), "402802aae25501861e6da002ef9f3e105b9296c3e3c90c92e600ec9a0ff52657");
}

#[test]
fn a_join_secret_gives_what_it_always_gave() {
    let secrets = CallSecrets::from_join_secret(&[6; 32]);
    // HKDF-SHA256(no salt, 0606…06, "umweg call log id v1" and "umweg call capability v1")
    assert_eq!(hex(secrets.log_id().0), "c623de99a6c1bec1c11586e6373f39c3aebf7efb53300db2773fcbe3faa0e6a0");
    assert_eq!(hex(secrets.capability().expose()), "871fa850563323585e38bc0266986e1b20609a03b4d5de9df9bb23b8a1c8740f");
}

/// RFC 9605, section 5.2: KID = (context << (S + E)) + (sender_index << E) + (epoch % (1 << E)), with S = 16 and E = 8.
#[test]
fn a_key_id_is_laid_out_as_the_worker_reads_it() {
    assert_eq!(key_id(Context::Camera, 0, 0), 0);
    assert_eq!(key_id(Context::Camera, 3, 0x0102), 0x0000_0302);
    assert_eq!(key_id(Context::Screen, 3, 0xFF), 0x0100_03FF);
}

/// RFC 9605, appendix C, suite 4: that the implementation which checks our keys in these tests is one of the RFC.
#[test]
fn the_rfcs_own_frame_opens() {
    let key =
        DecryptionKey::derive_from(CipherSuite::AesGcm128Sha256, 0x123u64, unhex("000102030405060708090a0b0c0d0e0f")).unwrap();
    let (sealed, metadata) = (
        unhex("9901234567b7412c2513a1b66dbb48841bbaf17f598751176ad847681a69c6d0b091c07018ce4adb34eb"),
        unhex("4945544620534672616d65205747"),
    );
    let frame = EncryptedFrameView::try_with_meta_data(&sealed, &metadata).unwrap().decrypt(&key).unwrap();
    assert_eq!(hex(frame.payload()), "64726166742d696574662d736672616d652d656e63");
}
