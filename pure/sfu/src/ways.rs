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

/// A way without media for so long gives way to one with media.
const SILENT_AFTER: Duration = Duration::from_millis(300);
/// Media connections that one participant may have at once; beyond, the oldest is forgotten.
const LINKS_MAX: usize = 4;
/// So many datagrams of feedback are remembered for knowing their copies: a few seconds' worth.
const FEEDBACK_MAX: usize = 64;

/// The ways of one participant: `L` names a media connection, `S` sends on it.
pub struct Ways<L, S> {
    udp: Option<SocketAddr>,
    links: Vec<Link<L, S>>,
    trusted: Option<WayId<L>>,
    trusted_at: Option<Instant>,
    checked_by: Option<WayId<L>>,
    feedback: VecDeque<u64>,
}

struct Link<L, S> {
    id: L,
    sender: S,
}

impl<L, S> Default for Ways<L, S> {
    fn default() -> Self {
        Self { udp: None, links: Vec::new(), trusted: None, trusted_at: None, checked_by: None, feedback: VecDeque::new() }
    }
}

/// Tells ways apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WayId<L> {
    /// UDP.
    Udp,
    /// That connection.
    Link(L),
}

/// Where to send.
pub enum Way<'a, S> {
    /// By UDP, to there.
    Udp(SocketAddr),
    /// On that connection.
    Link(&'a S),
}

/// What the ways must know of a datagram.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// A connectivity check or its answer: STUN.
    Check,
    /// Anything else.
    Media,
}

impl Role {
    /// STUN's first byte is 0 to 3: RFC 7983.
    #[must_use]
    pub fn of(datagram: &[u8]) -> Self {
        if datagram.first().is_some_and(|first| *first <= 3) { Self::Check } else { Self::Media }
    }
}

impl<L: Copy + PartialEq, S> Ways<L, S> {
    /// A media connection stands.
    pub fn handle_link(&mut self, id: L, sender: S) {
        if self.links.len() >= LINKS_MAX {
            let oldest = self.links.remove(0).id;
            self.forget(WayId::Link(oldest));
        }
        self.links.push(Link { id, sender });
    }

    /// A media connection ended.
    pub fn handle_link_end(&mut self, id: L) {
        self.links.retain(|link| link.id != id);
        self.forget(WayId::Link(id));
    }

    /// A datagram came by UDP.
    pub fn handle_udp(&mut self, from: SocketAddr, role: Role, now: Instant) {
        self.udp = Some(from);
        self.handle(WayId::Udp, role, now);
    }

    /// A datagram came by a way.
    pub fn handle(&mut self, by: WayId<L>, role: Role, now: Instant) {
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
    #[must_use]
    pub fn way(&self, role: Role) -> Option<Way<'_, S>> {
        let first = if role == Role::Check { self.checked_by } else { self.trusted };
        first.or(self.checked_by).or(self.trusted).and_then(|id| self.find(id)).or_else(|| self.any())
    }

    /// Every media connection, if media goes by one of them.
    pub fn connections(&self) -> impl Iterator<Item = &S> {
        let by_link = matches!(self.way(Role::Media), Some(Way::Link(_)));
        self.links.iter().filter(move |_| by_link).map(|link| &link.sender)
    }

    /// Whether this is feedback that came already, by another way.
    pub fn is_copy(&mut self, datagram: &[u8]) -> bool {
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

    fn find(&self, id: WayId<L>) -> Option<Way<'_, S>> {
        match id {
            WayId::Udp => self.udp.map(Way::Udp),
            WayId::Link(id) => self.links.iter().find(|link| link.id == id).map(|link| Way::Link(&link.sender)),
        }
    }

    /// The newest connection, or UDP.
    fn any(&self) -> Option<Way<'_, S>> {
        self.links.last().map(|link| Way::Link(&link.sender)).or_else(|| self.find(WayId::Udp))
    }

    fn forget(&mut self, id: WayId<L>) {
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
    use super::*;

    type Ways = super::Ways<u8, ()>;

    const LINK: WayId<u8> = WayId::Link(1);

    fn is_udp(ways: &Ways, role: Role) -> bool {
        matches!(ways.way(role), Some(Way::Udp(_)))
    }

    #[test]
    fn media_goes_back_the_way_that_media_came() {
        let (mut ways, now, address) = (Ways::default(), crate::start(), SocketAddr::from(([192, 0, 2, 1], 1)));
        ways.handle_link(1, ());
        ways.handle(LINK, Role::Media, now);
        assert!(!is_udp(&ways, Role::Media));
        ways.handle_udp(address, Role::Media, now + SILENT_AFTER * 2);
        assert!(is_udp(&ways, Role::Media));
    }

    #[test]
    fn an_answer_to_a_check_goes_back_the_way_of_the_check_and_media_stays() {
        let (mut ways, now, address) = (Ways::default(), crate::start(), SocketAddr::from(([192, 0, 2, 1], 1)));
        ways.handle_link(1, ());
        ways.handle(LINK, Role::Media, now);
        ways.handle_udp(address, Role::Check, now);
        assert!(is_udp(&ways, Role::Check));
        assert!(!is_udp(&ways, Role::Media));
    }

    #[test]
    fn copies_by_a_second_way_do_not_pull_media_over() {
        let (mut ways, now, address) = (Ways::default(), crate::start(), SocketAddr::from(([192, 0, 2, 1], 1)));
        ways.handle_link(1, ());
        for ms in (0..1_000).step_by(20) {
            let now = now + Duration::from_millis(ms);
            ways.handle(LINK, Role::Media, now);
            ways.handle_udp(address, Role::Media, now);
            assert!(!is_udp(&ways, Role::Media));
        }
    }

    #[test]
    fn a_connection_that_ended_is_left_at_once() {
        let (mut ways, now, address) = (Ways::default(), crate::start(), SocketAddr::from(([192, 0, 2, 1], 1)));
        ways.handle_udp(address, Role::Check, now);
        ways.handle_link(1, ());
        ways.handle(LINK, Role::Media, now);
        ways.handle_link_end(1);
        assert!(is_udp(&ways, Role::Media));
    }

    #[test]
    fn feedback_that_comes_by_two_connections_counts_once() {
        let mut ways = Ways::default();
        ways.handle_link(1, ());
        ways.handle_link(2, ());
        let (feedback, other, voice) = ([0x8f, 205, 1], [0x8f, 205, 2], [0x90, 111, 1]);
        assert!(!ways.is_copy(&feedback) && !ways.is_copy(&other));
        assert!(ways.is_copy(&feedback) && ways.is_copy(&other));
        assert!(!ways.is_copy(&voice) && !ways.is_copy(&voice), "SRTP knows its copies");
    }

    #[test]
    fn copies_go_by_every_connection_and_not_beside_udp() {
        let (mut ways, now, address) = (Ways::default(), crate::start(), SocketAddr::from(([192, 0, 2, 1], 1)));
        ways.handle_link(1, ());
        ways.handle_link(2, ());
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
