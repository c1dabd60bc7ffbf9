//! Which way a call's datagrams go: by UDP to the service, or on a media connection (the *link*).
//!
//! 1. On every new road everything begins unproved. Where UDP may be used (the road is direct, the service has a port) the
//!    browser's STUN checks go by UDP and by the link; everything else goes by the link if it stands, else by UDP.
//! 2. An answer to a check that comes by UDP proves it: from then on everything goes by UDP, and the link is closed.
//! 3. Silence ends the proof, in the middle of the call too: back to 1. Browsers check seldom once they are connected, but media
//!    flows all the time, and the SFU reports on it: where much is sent and nothing comes back, that is noticed first. Silence on
//!    the link condemns it, and another is dialed.
//!
//! The SFU sees the same participant whichever way a datagram comes, so neither browser nor ICE notices a change.

use std::time::Duration;

use umweg_wire::Timestamp;

/// A link is dialed that long after the checks begin to go by UDP, so that where UDP works no connection is made for nothing.
const UDP_HEAD_START: Duration = Duration::from_millis(300);
/// An answer to a check that takes longer than this will not come.
pub(super) const SILENCE_MAX: Duration = Duration::from_secs(3);
/// Nothing has come by UDP for so long, although media was sent all the while.
const UDP_SILENCE_MAX: Duration = Duration::from_secs(1);
/// Media that was sent all the while: half a second of voice. Reports alone, from who only listens, take far longer to be as many.
const SENT_INTO_SILENCE_MIN: u32 = 25;

/// What has to be known of a datagram here.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// A STUN check: it asks for an answer.
    Check,
    /// Anything else.
    Other,
}

/// Where to send a datagram.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Ways {
    pub(super) udp: bool,
    pub(super) link: bool,
}

/// The choice, for one call.
#[derive(Default)]
pub(super) struct Path {
    udp: Udp,
    link: Link,
}

#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
enum Udp {
    /// The road is not direct, or the service has no UDP.
    #[default]
    Unusable,
    /// It may work.
    Unproved { since: Timestamp },
    /// It answered.
    Proved(Silence),
}

#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
enum Link {
    #[default]
    Down,
    /// It stands.
    Up(Silence),
}

/// What was sent on a way since something came by it.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
struct Silence {
    /// The first check.
    asked: Option<Timestamp>,
    /// The first datagram of anything else, and how many there were.
    told: Option<(Timestamp, u32)>,
}

impl Silence {
    fn handle_sent(&mut self, role: Role, now: Timestamp) {
        match role {
            Role::Check => drop(self.asked.get_or_insert(now)),
            Role::Other => self.told.get_or_insert((now, 0)).1 += 1,
        }
    }

    /// Since when, if it has lasted too long: after checks `SILENCE_MAX` is too long, after much media `told_max`.
    fn too_long(&self, told_max: Duration, now: Timestamp) -> Option<Timestamp> {
        let asked = self.asked.filter(|&asked| now >= asked.after(SILENCE_MAX));
        let told = self.told.filter(|&(since, sent)| sent >= SENT_INTO_SILENCE_MIN && now >= since.after(told_max));
        asked.into_iter().chain(told.map(|(since, _)| since)).min()
    }
}

impl Path {
    /// There is another road, or none: what was proved is no longer.
    pub(super) fn handle_road(&mut self, udp_usable: bool, now: Timestamp) {
        self.udp = if udp_usable { Udp::Unproved { since: now } } else { Udp::Unusable };
    }

    /// The link stands, from now on.
    pub(super) fn handle_link_up(&mut self) {
        self.link = Link::Up(Silence::default());
    }

    /// It broke or was closed.
    pub(super) fn handle_link_down(&mut self) {
        self.link = Link::Down;
    }

    /// The browser sends: which way?
    pub(super) fn handle_outgoing(&mut self, role: Role, now: Timestamp) -> Ways {
        let ways = self.ways(role);
        if let (true, Udp::Proved(silence)) = (ways.udp, &mut self.udp) {
            silence.handle_sent(role, now);
        }
        if let (true, Link::Up(silence)) = (ways.link, &mut self.link) {
            silence.handle_sent(role, now);
        }
        ways
    }

    /// A datagram came by UDP; `answer`: it is the answer to a check.
    pub(super) fn handle_from_udp(&mut self, answer: bool) {
        match &mut self.udp {
            Udp::Unproved { .. } if answer => self.udp = Udp::Proved(Silence::default()),
            Udp::Proved(silence) => *silence = Silence::default(),
            Udp::Unusable | Udp::Unproved { .. } => {}
        }
    }

    /// A datagram came by the link.
    pub(super) fn handle_from_link(&mut self) {
        if let Link::Up(silence) = &mut self.link {
            *silence = Silence::default();
        }
    }

    /// Time went by.
    pub(super) fn handle_timeout(&mut self, now: Timestamp) {
        if let Udp::Proved(silence) = self.udp
            && let Some(since) = silence.too_long(UDP_SILENCE_MAX, now)
        {
            self.udp = Udp::Unproved { since };
        }
    }

    /// Whether a link is to be there, or dialed.
    pub(super) fn wants_link(&self, now: Timestamp) -> bool {
        match self.udp {
            Udp::Unusable => true,
            Udp::Unproved { since } => now >= since.after(UDP_HEAD_START),
            Udp::Proved(_) => false,
        }
    }

    /// Whether the link stands but answers no more.
    pub(super) fn link_is_silent(&self, now: Timestamp) -> bool {
        matches!(self.link, Link::Up(silence) if silence.too_long(SILENCE_MAX, now).is_some())
    }

    fn ways(&self, role: Role) -> Ways {
        let link_is_up = matches!(self.link, Link::Up(_));
        match self.udp {
            Udp::Unusable => Ways { udp: false, link: link_is_up },
            Udp::Unproved { .. } => Ways { udp: role == Role::Check || !link_is_up, link: link_is_up },
            Udp::Proved(_) => Ways { udp: true, link: false },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp(1_000_000);
    const BY_UDP: Ways = Ways { udp: true, link: false };
    const BY_LINK: Ways = Ways { udp: false, link: true };
    const BY_BOTH: Ways = Ways { udp: true, link: true };

    fn on_a_direct_road(now: Timestamp) -> Path {
        let mut path = Path::default();
        path.handle_road(true, now);
        path
    }

    #[test]
    fn where_udp_answers_everything_goes_by_udp_and_no_link_is_dialed() {
        let now = START;
        let mut path = on_a_direct_road(now);
        assert_eq!(path.handle_outgoing(Role::Check, now), BY_UDP);
        assert!(!path.wants_link(now), "UDP has a head start");
        path.handle_from_udp(true);
        assert_eq!(path.handle_outgoing(Role::Other, now), BY_UDP);
        assert!(!path.wants_link(now.after(UDP_HEAD_START * 10)));
    }

    #[test]
    fn where_udp_is_silent_media_goes_by_the_link_and_checks_go_on_trying_both() {
        let now = START;
        let mut path = on_a_direct_road(now);
        assert!(path.wants_link(now.after(UDP_HEAD_START)));
        path.handle_link_up();
        assert_eq!(path.handle_outgoing(Role::Other, now), BY_LINK);
        assert_eq!(path.handle_outgoing(Role::Check, now), BY_BOTH);
    }

    #[test]
    fn on_a_proxys_road_nothing_goes_by_udp() {
        let now = START;
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
        let now = START;
        let mut path = on_a_direct_road(now);
        path.handle_from_udp(true);
        path.handle_outgoing(Role::Check, now);
        let later = now.after(SILENCE_MAX);
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
    fn media_that_nobody_answers_ends_udp_before_the_next_check() {
        let now = START;
        let mut path = on_a_direct_road(now);
        path.handle_from_udp(true);
        for _ in 0..SENT_INTO_SILENCE_MIN {
            path.handle_outgoing(Role::Other, now);
        }
        path.handle_timeout(now.after(UDP_SILENCE_MAX / 2));
        assert!(!path.wants_link(now.after(UDP_SILENCE_MAX / 2)), "it may only be late");
        path.handle_timeout(now.after(UDP_SILENCE_MAX));
        assert!(path.wants_link(now.after(UDP_SILENCE_MAX)));
    }

    #[test]
    fn who_only_listens_and_hears_nothing_is_no_proof_against_udp() {
        let now = START;
        let mut path = on_a_direct_road(now);
        path.handle_from_udp(true);
        for report in 0..SENT_INTO_SILENCE_MIN - 1 {
            path.handle_outgoing(Role::Other, now.after(Duration::from_millis(100) * report));
        }
        path.handle_timeout(now.after(SILENCE_MAX * 2));
        assert!(!path.wants_link(now.after(SILENCE_MAX * 2)));
    }

    #[test]
    fn answered_checks_keep_udp_for_ever() {
        let now = START;
        let mut path = on_a_direct_road(now);
        path.handle_from_udp(true);
        for second in 0..600 {
            let then = now.after(Duration::from_secs(second));
            path.handle_outgoing(Role::Check, then);
            path.handle_from_udp(true);
            path.handle_timeout(then.after(Duration::from_millis(900)));
            assert!(!path.wants_link(then));
        }
    }

    #[test]
    fn a_link_that_answers_no_more_is_noticed_and_one_that_answers_is_left_alone() {
        let now = START;
        let mut path = Path::default();
        path.handle_link_up();
        path.handle_outgoing(Role::Check, now);
        path.handle_from_link();
        assert!(!path.link_is_silent(now.after(SILENCE_MAX * 2)));
        path.handle_outgoing(Role::Check, now);
        assert!(path.link_is_silent(now.after(SILENCE_MAX)));
        path.handle_link_down();
        assert!(!path.link_is_silent(now.after(SILENCE_MAX)));
    }
}
