//! Which way a call's datagrams go: by UDP to the service, or on a media connection (the *link*).
//!
//! 1. On every new road everything begins unproved. Where UDP may be used (the road is direct, the service has a port) the
//!    browser's STUN checks go by UDP and by the link; everything else goes by the link if it stands, else by UDP.
//! 2. An answer to a check that comes by UDP proves it: from then on everything goes by UDP, and the link is closed.
//! 3. Checks that stay unanswered for `SILENCE_MAX` end the proof, in the middle of the call too: back to 1. The same silence
//!    on the link condemns it, and another is dialed.
//!
//! The SFU sees the same participant whichever way a datagram comes, so neither browser nor ICE notices a change.

use std::time::{Duration, Instant};

/// A link is dialed that long after the checks begin to go by UDP, so that where UDP works no connection is made for nothing.
pub(crate) const UDP_HEAD_START: Duration = Duration::from_millis(300);
/// An answer to a check that takes longer than this will not come.
const SILENCE_MAX: Duration = Duration::from_secs(3);

/// What the forwarder has to know of a datagram here.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Role {
    /// A STUN check: it asks for an answer.
    Check,
    Other,
}

/// Where to send a datagram.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Ways {
    pub(crate) udp: bool,
    pub(crate) link: bool,
}

/// The choice, for one call.
#[derive(Default)]
pub(crate) struct Path {
    udp: Udp,
    link: Link,
}

#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
enum Udp {
    /// The road is not direct, or the service has no UDP.
    #[default]
    Unusable,
    /// It may work.
    Unproved { since: Instant },
    /// It answered. `asked`: the oldest check since then that has no answer.
    Proved { asked: Option<Instant> },
}

#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
enum Link {
    #[default]
    Down,
    /// It stands. `asked`: as for UDP.
    Up { asked: Option<Instant> },
}

impl Path {
    /// There is another road, or none: what was proved is no longer.
    pub(crate) fn handle_road(&mut self, udp_usable: bool, now: Instant) {
        self.udp = if udp_usable { Udp::Unproved { since: now } } else { Udp::Unusable };
    }

    /// The link stands, from now on.
    pub(crate) fn handle_link_up(&mut self) {
        self.link = Link::Up { asked: None };
    }

    /// It broke or was closed.
    pub(crate) fn handle_link_down(&mut self) {
        self.link = Link::Down;
    }

    /// The browser sends: which way?
    pub(crate) fn handle_outgoing(&mut self, role: Role, now: Instant) -> Ways {
        let ways = self.ways(role);
        if role == Role::Check {
            if let Udp::Proved { asked: asked @ None } = &mut self.udp {
                *asked = Some(now);
            }
            if let (true, Link::Up { asked: asked @ None }) = (ways.link, &mut self.link) {
                *asked = Some(now);
            }
        }
        ways
    }

    /// A datagram came by UDP; `answer`: it is the answer to a check.
    pub(crate) fn handle_from_udp(&mut self, answer: bool) {
        match &mut self.udp {
            Udp::Unproved { .. } if answer => self.udp = Udp::Proved { asked: None },
            Udp::Proved { asked } => *asked = None,
            Udp::Unusable | Udp::Unproved { .. } => {}
        }
    }

    /// A datagram came by the link.
    pub(crate) fn handle_from_link(&mut self) {
        if let Link::Up { asked } = &mut self.link {
            *asked = None;
        }
    }

    /// Time went by.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        if let Udp::Proved { asked: Some(asked) } = self.udp
            && now >= asked + SILENCE_MAX
        {
            self.udp = Udp::Unproved { since: asked };
        }
    }

    /// Whether a link is to be there, or dialed.
    pub(crate) fn wants_link(&self, now: Instant) -> bool {
        match self.udp {
            Udp::Unusable => true,
            Udp::Unproved { since } => now >= since + UDP_HEAD_START,
            Udp::Proved { .. } => false,
        }
    }

    /// Whether the link stands but answers no more.
    pub(crate) fn link_is_silent(&self, now: Instant) -> bool {
        matches!(self.link, Link::Up { asked: Some(asked) } if now >= asked + SILENCE_MAX)
    }

    fn ways(&self, role: Role) -> Ways {
        let link_is_up = matches!(self.link, Link::Up { .. });
        match self.udp {
            Udp::Unusable => Ways { udp: false, link: link_is_up },
            Udp::Unproved { .. } => Ways { udp: role == Role::Check || !link_is_up, link: link_is_up },
            Udp::Proved { .. } => Ways { udp: true, link: false },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BY_UDP: Ways = Ways { udp: true, link: false };
    const BY_LINK: Ways = Ways { udp: false, link: true };
    const BY_BOTH: Ways = Ways { udp: true, link: true };

    fn on_a_direct_road(now: Instant) -> Path {
        let mut path = Path::default();
        path.handle_road(true, now);
        path
    }

    #[test]
    fn where_udp_answers_everything_goes_by_udp_and_no_link_is_dialed() {
        let now = Instant::now();
        let mut path = on_a_direct_road(now);
        assert_eq!(path.handle_outgoing(Role::Check, now), BY_UDP);
        assert!(!path.wants_link(now), "UDP has a head start");
        path.handle_from_udp(true);
        assert_eq!(path.handle_outgoing(Role::Other, now), BY_UDP);
        assert!(!path.wants_link(now + UDP_HEAD_START * 10));
    }

    #[test]
    fn where_udp_is_silent_media_goes_by_the_link_and_checks_go_on_trying_both() {
        let now = Instant::now();
        let mut path = on_a_direct_road(now);
        assert!(path.wants_link(now + UDP_HEAD_START));
        path.handle_link_up();
        assert_eq!(path.handle_outgoing(Role::Other, now), BY_LINK);
        assert_eq!(path.handle_outgoing(Role::Check, now), BY_BOTH);
    }

    #[test]
    fn on_a_proxys_road_nothing_goes_by_udp() {
        let now = Instant::now();
        let mut path = Path::default();
        path.handle_road(false, now);
        assert!(path.wants_link(now));
        assert_eq!(path.handle_outgoing(Role::Check, now), Ways { udp: false, link: false }, "nothing stands yet");
        path.handle_link_up();
        path.handle_from_udp(true); // late, from the road before
        assert_eq!(path.handle_outgoing(Role::Check, now), BY_LINK);
    }

    #[test]
    fn udp_that_falls_silent_in_the_middle_of_a_call_is_left() {
        let now = Instant::now();
        let mut path = on_a_direct_road(now);
        path.handle_from_udp(true);
        path.handle_outgoing(Role::Check, now);
        let later = now + SILENCE_MAX;
        path.handle_timeout(later);
        assert!(path.wants_link(later), "at once");
        path.handle_link_up();
        assert_eq!(path.handle_outgoing(Role::Other, later), BY_LINK);
        path.handle_from_udp(false);
        assert_eq!(path.handle_outgoing(Role::Other, later), BY_LINK, "only an answer proves UDP again");
        path.handle_from_udp(true);
        assert_eq!(path.handle_outgoing(Role::Other, later), BY_UDP);
    }

    #[test]
    fn answered_checks_keep_udp_for_ever() {
        let now = Instant::now();
        let mut path = on_a_direct_road(now);
        path.handle_from_udp(true);
        for second in 0..600 {
            let then = now + Duration::from_secs(second);
            path.handle_outgoing(Role::Check, then);
            path.handle_from_udp(true);
            path.handle_timeout(then + Duration::from_millis(900));
            assert!(!path.wants_link(then));
        }
    }

    #[test]
    fn a_link_that_answers_no_more_is_noticed_and_one_that_answers_is_left_alone() {
        let now = Instant::now();
        let mut path = Path::default();
        path.handle_link_up();
        path.handle_outgoing(Role::Check, now);
        path.handle_from_link();
        assert!(!path.link_is_silent(now + SILENCE_MAX * 2));
        path.handle_outgoing(Role::Check, now);
        assert!(path.link_is_silent(now + SILENCE_MAX));
        path.handle_link_down();
        assert!(!path.link_is_silent(now + SILENCE_MAX));
    }
}
