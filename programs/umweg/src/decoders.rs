//! Every place where bytes from outside this process are first read, for the fuzz targets: none may panic, whatever comes.

use crate::media;
use crate::pages::{Answer, Challenge, FromPage, Secret, Secrets};

/// A frame of the pages' WebSocket: another program on the computer can send one.
pub fn page_frame(text: &str) {
    let _ = FromPage::read(text);
}

/// What comes on the pages' WebSocket before anybody has proven anything: any program on the computer can send it, and whoever took
/// the app's port can send it to a command.
pub fn page_proof(text: &str) {
    let secrets = Secrets { start: Secret::kept("start".into()), lasting: Secret::kept("lasting".into()) };
    let _ = Challenge::new("127.0.0.1:1".into()).check(text, &secrets);
    if let Some(answer) = Answer::to_challenge(text, "127.0.0.1:1", &secrets.start) {
        let _ = answer.is_welcome(text);
    }
    if let Some(answer) = Answer::to_challenge("{\"challenge\":\"x\"}", "127.0.0.1:1", &secrets.start) {
        let _ = answer.is_welcome(text);
    }
}

/// A browser's offer.
pub fn offer(sdp: &str) {
    let _ = media::hide_addresses(sdp);
}

/// The service's answer.
pub fn answer(sdp: &str) {
    if let Ok(answer) = media::Answer::read(sdp) {
        answer.with_candidates(&[]);
    }
}

/// A datagram at the app's own sockets.
pub fn datagram(datagram: &[u8]) {
    media::read_datagram(datagram);
}

/// A stream at the app's ICE-TCP sockets.
pub fn ice_tcp(stream: &[u8]) {
    media::read_ice_tcp(stream);
}
