//! What the app changes in a call's SDP (RFC 8866, RFC 8839), so that all media goes through it.
//!
//! - The browser's offer loses every address: candidates, default destinations, and what the origin line tells of the browser.
//!   The SFU answers to the app's datagrams and needs none.
//! - The SFU's answer loses its candidates and gets the app's own. It also says whom a check must name, and which RTP payload
//!   types are video.
//!
//! Everything else passes as it is, line by line: the app has no opinion on codecs.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use umweg_wire::limits::SDP_BYTES_MAX;

use super::class::VideoTypes;

/// The port of a media section whose address is told by candidates alone.
const DISCARD_PORT: &str = "9";
/// Lines that tell addresses, or that the telling is over.
const CANDIDATE_LINES: [&str; 3] = ["a=candidate:", "a=end-of-candidates", "a=remote-candidates:"];

/// A text that is not a session description.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub(crate) enum NotSdp {
    #[error("a session description is longer than {SDP_BYTES_MAX} bytes")]
    TooLong,
    #[error("this is not a session description")]
    Malformed,
    #[error("the answer names nobody for the checks")]
    NoUfrag,
}

/// How the browser reaches one of the app's sockets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Candidate {
    Udp(SocketAddr),
    /// The app listens, the browser connects (RFC 6544).
    TcpPassive(SocketAddr),
}

/// The SFU's answer, read.
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct Answer {
    /// Whom the browser's checks must name.
    pub(crate) ufrags: Vec<String>,
    pub(crate) video: VideoTypes,
    lines: Vec<String>,
}

/// The offer without anything that tells an address or a browser's version.
pub(crate) fn hide_addresses(offer: &str) -> Result<String, NotSdp> {
    let mut hidden = String::with_capacity(offer.len());
    for line in lines(offer)? {
        if CANDIDATE_LINES.iter().any(|begin| line.starts_with(begin)) {
            continue;
        }
        hidden.push_str(&without_address(line)?);
        hidden.push_str("\r\n");
    }
    Ok(hidden)
}

impl Answer {
    /// Reads it.
    pub(crate) fn read(answer: &str) -> Result<Self, NotSdp> {
        let (mut ufrags, mut video, mut kept) = (Vec::new(), BTreeSet::new(), Vec::new());
        for line in lines(answer)? {
            if CANDIDATE_LINES.iter().any(|begin| line.starts_with(begin)) {
                continue;
            }
            if let Some(ufrag) = line.strip_prefix("a=ice-ufrag:")
                && !ufrags.iter().any(|known| known == ufrag)
            {
                ufrags.push(ufrag.to_owned());
            }
            if let Some(section) = line.strip_prefix("m=video ") {
                video.extend(section.split(' ').skip(2).filter_map(|payload_type| payload_type.parse::<u8>().ok()));
            }
            kept.push(without_address(line)?);
        }
        if ufrags.is_empty() { Err(NotSdp::NoUfrag) } else { Ok(Self { ufrags, video: VideoTypes(video), lines: kept }) }
    }

    /// The answer with these candidates, the most wanted first, in its first accepted media section: everything is bundled
    /// there (RFC 9143).
    pub(crate) fn with_candidates(&self, candidates: &[Candidate]) -> String {
        let accepted = self.lines.iter().position(|line| line.starts_with("m=") && port(line) != Some("0"));
        let end = accepted.map_or(self.lines.len(), |from| {
            let after = self.lines[from + 1..].iter().position(|line| line.starts_with("m="));
            after.map_or(self.lines.len(), |after| from + 1 + after)
        });
        let (before, after) = self.lines.split_at(end);
        let own = candidates.iter().zip(0..).map(|(candidate, place)| candidate.line(place));
        let lines =
            before.iter().cloned().chain(own).chain(std::iter::once("a=end-of-candidates".to_owned())).chain(after.iter().cloned());
        lines.flat_map(|line| [line, "\r\n".to_owned()]).collect()
    }
}

impl Candidate {
    /// As RFC 8839 writes it; priority by RFC 8445, section 5.1.2: type, then place, then component.
    fn line(&self, place: u32) -> String {
        let foundation = place + 1;
        let local = (65_535 - place) << 8 | 255;
        match self {
            Self::Udp(address) => {
                let priority = 126 << 24 | local;
                format!("a=candidate:{foundation} 1 udp {priority} {} {} typ host", address.ip(), address.port())
            }
            Self::TcpPassive(address) => {
                let priority = 90 << 24 | local;
                format!("a=candidate:{foundation} 1 tcp {priority} {} {} typ host tcptype passive", address.ip(), address.port())
            }
        }
    }
}

fn lines(sdp: &str) -> Result<impl Iterator<Item = &str>, NotSdp> {
    if sdp.len() > SDP_BYTES_MAX {
        return Err(NotSdp::TooLong);
    }
    if !sdp.starts_with("v=0") {
        return Err(NotSdp::Malformed);
    }
    Ok(sdp.lines().map(str::trim_end).filter(|line| !line.is_empty()))
}

fn without_address(line: &str) -> Result<String, NotSdp> {
    let mut parts = line.split(' ');
    Ok(match line.get(..2).ok_or(NotSdp::Malformed)? {
        // o=<user name> <session id> <version> IN IP4 <address>: Firefox's user name tells its version
        "o=" => {
            let (Some(id), Some(version)) = (parts.nth(1), parts.next()) else { return Err(NotSdp::Malformed) };
            format!("o=- {id} {version} IN IP4 0.0.0.0")
        }
        "c=" => "c=IN IP4 0.0.0.0".to_owned(),
        "m=" => {
            let (Some(kind), Some(port)) = (parts.next(), parts.next()) else { return Err(NotSdp::Malformed) };
            let port = if port == "0" { port } else { DISCARD_PORT };
            [kind, port].into_iter().chain(parts).collect::<Vec<_>>().join(" ")
        }
        "a=" if line.starts_with("a=rtcp:") => format!("a=rtcp:{DISCARD_PORT} IN IP4 0.0.0.0"),
        _ => line.to_owned(),
    })
}

fn port(section: &str) -> Option<&str> {
    section.split(' ').nth(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHROMIUM: &str = include_str!("../../tests/fixtures/offer-chromium.sdp");
    const FIREFOX: &str = include_str!("../../tests/fixtures/offer-firefox.sdp");
    const SFU: &str = include_str!("../../tests/fixtures/answer-sfu.sdp");

    #[test]
    fn an_offer_tells_no_address_and_no_browser_version() {
        for offer in [CHROMIUM, FIREFOX] {
            let hidden = hide_addresses(offer).unwrap();
            for telling in ["candidate", "192.0.2.", "fd00:", ".local", "127.0.0.1", "mozilla", "SDPARTA"] {
                assert!(offer.contains("candidate") && !hidden.contains(telling), "{telling}");
            }
        }
    }

    #[test]
    fn an_offer_keeps_what_the_sfu_needs() {
        let needed = [
            "a=ice-ufrag:",
            "a=ice-pwd:",
            "a=fingerprint:sha-256 ",
            "a=mid:",
            "a=rtpmap:",
            "a=simulcast:send l;m;h",
            "a=group:BUNDLE ",
        ];
        for offer in [CHROMIUM, FIREFOX] {
            let hidden = hide_addresses(offer).unwrap();
            let count = |text: &str, part: &str| text.lines().filter(|line| line.starts_with(part)).count();
            for part in needed.into_iter().chain(["m=", "a=extmap:", "a=rid:"]) {
                assert!(count(offer, part) > 0 && count(&hidden, part) == count(offer, part), "{part}");
            }
            // Firefox writes 0 for what goes along with the first section (`a=bundle-only`).
            assert!(hidden.lines().filter(|line| line.starts_with("m=")).all(|line| matches!(port(line), Some("0" | "9"))));
        }
    }

    #[test]
    fn hiding_twice_is_hiding_once() {
        for offer in [CHROMIUM, FIREFOX] {
            let hidden = hide_addresses(offer).unwrap();
            assert_eq!(hide_addresses(&hidden).unwrap(), hidden);
        }
    }

    #[test]
    fn an_answer_has_our_candidates_in_our_order_and_no_other() {
        let candidates = [
            Candidate::Udp("127.0.0.1:1001".parse().unwrap()),
            Candidate::Udp("[fd00::2]:1002".parse().unwrap()),
            Candidate::TcpPassive("127.0.0.1:1003".parse().unwrap()),
        ];
        let answer = Answer::read(SFU).unwrap().with_candidates(&candidates);
        let found: Vec<&str> = answer.lines().filter(|line| line.contains("candidate")).collect();
        assert_eq!(
            found,
            [
                "a=candidate:1 1 udp 2130706431 127.0.0.1 1001 typ host",
                "a=candidate:2 1 udp 2130706175 fd00::2 1002 typ host",
                "a=candidate:3 1 tcp 1526726143 127.0.0.1 1003 typ host tcptype passive",
                "a=end-of-candidates",
            ]
        );
        let place = |begin: &str| answer.lines().position(|line| line.starts_with(begin)).unwrap();
        assert!(place("m=audio") < place("a=candidate:1 ") && place("a=end-of") < place("m=video"), "in the first section");
    }

    #[test]
    fn candidates_stand_in_the_first_section_that_was_accepted() {
        let answer = "v=0\r\no=- 1 2 IN IP4 0.0.0.0\r\nm=audio 0 X 0\r\na=inactive\r\nm=video 9 X 96\r\na=ice-ufrag:ours\r\nm=video 9 X 96\r\n";
        let answer = Answer::read(answer).unwrap().with_candidates(&[Candidate::Udp("127.0.0.1:1".parse().unwrap())]);
        let lines: Vec<&str> = answer.lines().collect();
        assert_eq!(lines.iter().position(|line| line.starts_with("a=candidate")), Some(6));
    }

    #[test]
    fn an_answer_tells_whom_to_name_and_what_is_video() {
        let answer = Answer::read(SFU).unwrap();
        assert_eq!(answer.ufrags, ["hSfUfRaG0123456"]);
        assert_eq!(answer.video, VideoTypes([96, 97].into()));
    }

    #[test]
    fn what_is_no_session_description_is_refused() {
        assert_eq!(hide_addresses("hello").unwrap_err(), NotSdp::Malformed);
        assert_eq!(hide_addresses("v=0\r\no=\r\n").unwrap_err(), NotSdp::Malformed);
        assert_eq!(hide_addresses("v=0\r\nm=audio\r\n").unwrap_err(), NotSdp::Malformed);
        assert_eq!(hide_addresses(&format!("v=0{}", "x".repeat(SDP_BYTES_MAX))).unwrap_err(), NotSdp::TooLong);
        assert_eq!(Answer::read("v=0\r\ns=-\r\n").unwrap_err(), NotSdp::NoUfrag);
        assert_eq!(hide_addresses("v=0\r\né\r\nä").unwrap().lines().count(), 3, "odd lines pass, they tell no address");
    }
}
