//! Every place where bytes from outside this process are first read, for the fuzz targets: none may panic, whatever comes.

use crate::media;
use crate::pages::FromPage;

/// A frame of the pages' WebSocket: another program on the computer can send one.
pub fn page_frame(text: &str) {
    let _ = FromPage::read(text);
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
