//! The table: what reads bytes from outside, and real bytes to begin with.

mod app;
mod calls;
mod household;
mod links;
mod media;
mod road;
mod seal;
mod service;
mod site;

/// A decoder of outside bytes.
pub struct Target {
    /// For the command line and the corpus' folder.
    pub name: &'static str,
    /// What it decodes, and from whom.
    pub decodes: &'static str,
    /// Longer inputs do not reach it.
    pub bytes_max: usize,
    /// Comes back from anything.
    pub run: fn(&[u8]),
    /// Real encodings.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// Offers as pages make them, in both browsers.
const OFFERS: [&[u8]; 2] = [include_bytes!("../../corpus/sdp-offer/chromium"), include_bytes!("../../corpus/sdp-offer/firefox")];

/// All of them.
pub const TARGETS: &[Target] = &[
    links::LINKS,
    app::PAGE_FRAME,
    app::PAGE_PROOF,
    app::SDP,
    app::LOOPBACK,
    road::HTTP_HEAD,
    road::PROXY_HEADER,
    road::WEBSOCKET,
    road::HANDSHAKE,
    road::RECORDS,
    site::HTTP1,
    site::HTTP2,
    service::REQUESTS,
    seal::INBOX_ENTRY,
    seal::KEY_PACKAGE,
    seal::WELCOME,
    seal::CONVERSATION_ENTRY,
    seal::CONTENT,
    seal::CALL_ENTRY,
    calls::OFFER,
    calls::WEBRTC,
    media::DATAGRAM,
    media::FRAMES,
    media::VP8,
];
