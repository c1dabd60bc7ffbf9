//! By which way a participant's datagrams go: UDP, or one of its media connections.
//!
//! 1. What the app sends says which way it trusts: datagrams go back the way that its newest came, except STUN.
//! 2. The app sends connectivity checks by several ways to learn which work. The answer to a check goes back the way that the check came,
//!    and proves nothing about the others.
//! 3. Voice may come by two ways at once. Therefore a way is left only when it has been silent for a moment, or is gone.
//! 4. An app with two connections wants what is urgent on both: whichever copy comes first counts. Of what comes on both, SRTP and
//!    DTLS drop the second copy; feedback on what was received (RTCP) is dropped here, because counted twice it would be wrong.

use std::collections::VecDeque;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use umweg_io::media::MediaSender;

use super::link::LinkId;

/// A way without media for so long gives way to one with media.
const SILENT_AFTER: Duration = Duration::from_millis(300);
/// Media connections that one participant may have at once; beyond, the oldest is forgotten.
const LINKS_MAX: usize = 4;
/// So many datagrams of feedback are remembered for knowing their copies: a few seconds' worth.
const FEEDBACK_MAX: usize = 64;

/// The ways of one participant.
#[derive(Default)]
pub(super) struct Ways {
    udp: Option<Udp>,
    links: Vec<Link>,
    trusted: Option<WayId>,
    trusted_at: Option<Instant>,
    checked_by: Option<WayId>,
    feedback: VecDeque<u64>,
}

struct Udp {
    address: SocketAddr,
}

struct Link {
    id: LinkId,
    sender: MediaSender,
}

/// Tells ways apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum WayId {
    Udp,
    Link(LinkId),
}

/// Where to send.
pub(super) enum Way<'a> {
    Udp(SocketAddr),
    Link(&'a MediaSender),
}

/// What the ways must know of a datagram.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Role {
    /// A connectivity check or its answer: STUN.
    Check,
    /// Anything else.
    Media,
}

impl Role {
    /// STUN's first byte is 0 to 3: RFC 7983.
    pub(super) fn of(datagram: &[u8]) -> Self {
        if datagram.first().is_some_and(|first| *first <= 3) { Self::Check } else { Self::Media }
    }
}

impl Ways {
    /// A media connection stands.
    pub(super) fn handle_link(&mut self, id: LinkId, sender: MediaSender) {
        if self.links.len() >= LINKS_MAX {
            let oldest = self.links.remove(0).id;
            self.forget(WayId::Link(oldest));
        }
        self.links.push(Link { id, sender });
    }

    /// A media connection ended.
    pub(super) fn handle_link_end(&mut self, id: LinkId) {
        self.links.retain(|link| link.id != id);
        self.forget(WayId::Link(id));
    }

    /// A datagram came by UDP.
    pub(super) fn handle_udp(&mut self, from: SocketAddr, role: Role, now: Instant) {
        self.udp = Some(Udp { address: from });
        self.handle(WayId::Udp, role, now);
    }

    /// A datagram came by a way.
    pub(super) fn handle(&mut self, by: WayId, role: Role, now: Instant) {
        if role == Role::Check {
            self.checked_by = Some(by);
            return;
        }
        let is_silent = self.trusted_at.is_none_or(|at| now > at + SILENT_AFTER);
        if self.trusted == Some(by) || self.trusted.is_none() || is_silent {
            (self.trusted, self.trusted_at) = (Some(by), Some(now));
        }
    }

    /// The way for a datagram, if there is any.
    pub(super) fn way(&self, role: Role) -> Option<Way<'_>> {
        let first = if role == Role::Check { self.checked_by } else { self.trusted };
        first.or(self.checked_by).or(self.trusted).and_then(|id| self.find(id)).or_else(|| self.any())
    }

    /// Every media connection, if media goes by one of them.
    pub(super) fn connections(&self) -> impl Iterator<Item = &MediaSender> {
        let by_link = matches!(self.way(Role::Media), Some(Way::Link(_)));
        self.links.iter().filter(move |_| by_link).map(|link| &link.sender)
    }

    /// Whether this is feedback that came already, by another way.
    pub(super) fn is_copy(&mut self, datagram: &[u8]) -> bool {
        if self.links.len() < 2 || !is_feedback(datagram) {
            return false;
        }
        let mut hasher = DefaultHasher::new();
        datagram.hash(&mut hasher);
        let hash = hasher.finish();
        if self.feedback.contains(&hash) {
            return true;
        }
        self.feedback.truncate(FEEDBACK_MAX - 1);
        self.feedback.push_front(hash);
        false
    }

    fn find(&self, id: WayId) -> Option<Way<'_>> {
        match id {
            WayId::Udp => self.udp.as_ref().map(|udp| Way::Udp(udp.address)),
            WayId::Link(id) => self.links.iter().find(|link| link.id == id).map(|link| Way::Link(&link.sender)),
        }
    }

    /// The newest connection, or UDP.
    fn any(&self) -> Option<Way<'_>> {
        self.links.last().map(|link| Way::Link(&link.sender)).or_else(|| self.find(WayId::Udp))
    }

    fn forget(&mut self, id: WayId) {
        for known in [&mut self.trusted, &mut self.checked_by] {
            known.take_if(|known| *known == id);
        }
    }
}

/// RTCP has the packet types 192 to 223 where RTP has marker bit and payload type: RFC 5761.
fn is_feedback(datagram: &[u8]) -> bool {
    matches!(datagram, [128..=191, 192..=223, ..])
}

#[cfg(test)]
mod tests {
    use umweg_io::media::MediaLink;
    use umweg_wire::Ticket;

    use super::*;

    const LINK: WayId = WayId::Link(LinkId(1));

    async fn sender() -> MediaSender {
        let (stream, _other) = tokio::io::duplex(64);
        MediaLink::open(stream, Ticket([0; 16])).await.unwrap().sender()
    }

    fn is_udp(ways: &Ways, role: Role) -> bool {
        matches!(ways.way(role), Some(Way::Udp(_)))
    }

    #[tokio::test]
    async fn media_goes_back_the_way_that_media_came() {
        let (mut ways, now, address) = (Ways::default(), Instant::now(), SocketAddr::from(([192, 0, 2, 1], 1)));
        ways.handle_link(LinkId(1), sender().await);
        ways.handle(LINK, Role::Media, now);
        assert!(!is_udp(&ways, Role::Media));
        ways.handle_udp(address, Role::Media, now + SILENT_AFTER * 2);
        assert!(is_udp(&ways, Role::Media));
    }

    #[tokio::test]
    async fn an_answer_to_a_check_goes_back_the_way_of_the_check_and_media_stays() {
        let (mut ways, now, address) = (Ways::default(), Instant::now(), SocketAddr::from(([192, 0, 2, 1], 1)));
        ways.handle_link(LinkId(1), sender().await);
        ways.handle(LINK, Role::Media, now);
        ways.handle_udp(address, Role::Check, now);
        assert!(is_udp(&ways, Role::Check));
        assert!(!is_udp(&ways, Role::Media));
    }

    #[tokio::test]
    async fn copies_by_a_second_way_do_not_pull_media_over() {
        let (mut ways, now, address) = (Ways::default(), Instant::now(), SocketAddr::from(([192, 0, 2, 1], 1)));
        ways.handle_link(LinkId(1), sender().await);
        for ms in (0..1_000).step_by(20) {
            let now = now + Duration::from_millis(ms);
            ways.handle(LINK, Role::Media, now);
            ways.handle_udp(address, Role::Media, now);
            assert!(!is_udp(&ways, Role::Media));
        }
    }

    #[tokio::test]
    async fn a_connection_that_ended_is_left_at_once() {
        let (mut ways, now, address) = (Ways::default(), Instant::now(), SocketAddr::from(([192, 0, 2, 1], 1)));
        ways.handle_udp(address, Role::Check, now);
        ways.handle_link(LinkId(1), sender().await);
        ways.handle(LINK, Role::Media, now);
        ways.handle_link_end(LinkId(1));
        assert!(is_udp(&ways, Role::Media));
    }

    #[tokio::test]
    async fn feedback_that_comes_by_two_connections_counts_once() {
        let mut ways = Ways::default();
        ways.handle_link(LinkId(1), sender().await);
        ways.handle_link(LinkId(2), sender().await);
        let (feedback, other, voice) = ([0x8f, 205, 1], [0x8f, 205, 2], [0x90, 111, 1]);
        assert!(!ways.is_copy(&feedback) && !ways.is_copy(&other));
        assert!(ways.is_copy(&feedback) && ways.is_copy(&other));
        assert!(!ways.is_copy(&voice) && !ways.is_copy(&voice), "SRTP knows its copies");
    }

    #[tokio::test]
    async fn copies_go_by_every_connection_and_not_beside_udp() {
        let (mut ways, now, address) = (Ways::default(), Instant::now(), SocketAddr::from(([192, 0, 2, 1], 1)));
        ways.handle_link(LinkId(1), sender().await);
        ways.handle_link(LinkId(2), sender().await);
        ways.handle(LINK, Role::Media, now);
        assert_eq!(ways.connections().count(), 2);
        ways.handle_udp(address, Role::Media, now + SILENT_AFTER * 2);
        assert_eq!(ways.connections().count(), 0);
    }

    #[test]
    fn before_anything_came_there_is_no_way() {
        assert!(Ways::default().way(Role::Media).is_none());
    }
}
