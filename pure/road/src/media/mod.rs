//! By which ways a call's datagrams go: policy without sockets.
//!
//! 1. [`path`] chooses between UDP and a media connection, the *link*, for each datagram. UDP goes directly, so it is used on a
//!    direct road only. The link goes by the road of the moment, which `ranking` found for everything else.
//! 2. Beside the link there is a second one by another road, where there is another ([`copies`]): what is urgent goes by both. Where
//!    the first does not come about, the second is the link.
//! 3. A road that is lost takes no way with it: UDP may work where a connection was cut. Ways end when they are silent, when the
//!    person forbids their road, and when there is a better one.
//! 4. Another road that is found: the link before is used until the new one stands, and stays as the second.
//! 5. A link that was lost is dialed again, at most `DIALS_PER_MINUTE_MAX` times a minute to one name: as `ranking` does, and for
//!    the same reason.

mod copies;
mod path;

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use umweg_wire::Timestamp;
use umweg_wire::proto::v1::ServiceLink;

use crate::choice::{RoadChoice, Way};
use crate::media_queue::Class;
use crate::ranking::{self, Spacing};
use copies::{Copies, Which};
use path::Path;
pub use path::Role;

/// How often ways are looked after.
const TICK: Duration = Duration::from_millis(100);
/// Between two attempts to dial the link on the same road.
const REDIAL_GAP: Duration = Duration::from_secs(1);
/// Between two attempts to open the UDP way.
const REOPEN_GAP: Duration = Duration::from_secs(5);

/// Names a link of one call.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct LinkId(u64);

/// What the program is to do.
#[derive(Clone, PartialEq, Eq)]
pub enum Output {
    /// Open UDP to that port of the service, and tell `handle_udp_open`. What was open before stays so until then.
    OpenUdp {
        /// Where the SFU listens.
        port: u16,
    },
    /// Nothing may go by UDP from now on.
    CloseUdp,
    /// Dial a media connection, and tell `handle_link_up` or `handle_link_down`.
    Dial {
        /// Names it from now on.
        link: LinkId,
        /// By that road.
        road: RoadChoice,
    },
    /// Stop dialing it, or hang up. It needs no answer.
    Drop(LinkId),
    /// Nothing comes back on the road of the moment: calls notice it first.
    Suspect,
}

/// Where to send a datagram.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Ways {
    /// By UDP.
    pub udp: bool,
    /// By these.
    pub links: [Option<LinkId>; 2],
}

/// A link, dialed or standing.
#[derive(Clone)]
struct Link {
    id: LinkId,
    road: RoadChoice,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Udp {
    Closed,
    Opening { since: Timestamp },
    Open,
}

/// The ways of one call, at the app.
pub struct MediaWays {
    service: ServiceLink,
    /// The road of the moment, or the last one.
    road: Option<RoadChoice>,
    /// Whether it is lost.
    lost: bool,
    usable: Vec<RoadChoice>,
    /// The SFU's, once there is a seat; 0: it has none.
    udp_port: Option<u16>,
    udp: Udp,
    path: Path,
    /// The link in use, and the one that is being dialed to take its place.
    link: Option<Link>,
    next_link: Option<Link>,
    tried: Option<Timestamp>,
    spacing: Spacing,
    copies: Copies,
    links: u64,
    /// What the program holds of them.
    held: BTreeSet<LinkId>,
    looked: Option<Timestamp>,
    outputs: VecDeque<Output>,
}

impl MediaWays {
    /// To that service; they begin with a seat and a road.
    #[must_use]
    pub fn new(service: ServiceLink) -> Self {
        Self {
            service,
            road: None,
            lost: true,
            usable: Vec::new(),
            udp_port: None,
            udp: Udp::Closed,
            path: Path::default(),
            link: None,
            next_link: None,
            tried: None,
            spacing: Spacing::default(),
            copies: Copies::default(),
            links: 0,
            held: BTreeSet::new(),
            looked: None,
            outputs: VecDeque::new(),
        }
    }

    /// The SFU has given us a seat: another one than before. Where UDP passes it is heard at that port; 0: there is none.
    pub fn handle_seat(&mut self, udp_port: u16, now: Timestamp) {
        self.udp_port = Some(udp_port);
        self.close_links();
        self.tried = None;
        self.begin_road(now);
    }

    /// The road of the moment, or none, and what may be used.
    pub fn handle_roads(&mut self, road: Option<RoadChoice>, usable: Vec<RoadChoice>, now: Timestamp) {
        self.usable = usable;
        self.leave_forbidden(now);
        let was_lost = self.lost;
        let road = road.filter(|road| self.usable.contains(road));
        self.lost = road.is_none();
        match road {
            Some(road) if self.road.as_ref() != Some(&road) => {
                self.road = Some(road);
                self.begin_road(now);
            }
            // The same again, perhaps from another address of ours.
            Some(_) if was_lost => self.open_udp(now),
            Some(_) | None => {}
        }
        self.handle_timeout(now);
    }

    /// A datagram to the SFU: which way?
    pub fn handle_outgoing(&mut self, role: Role, class: Class, now: Timestamp) -> Ways {
        let ways = self.path.handle_outgoing(role, now);
        if ways.link && role == Role::Check {
            self.copies.handle_check(now);
        }
        // What is urgent by both, video by the one that leads.
        let leads = |which| ways.link && (class == Class::Urgent || self.copies.lead() == which);
        let (first, second) = (self.link.as_ref(), self.copies.link());
        let id = |link: Option<&Link>, which| link.filter(|_| leads(which)).map(|link| link.id);
        Ways { udp: ways.udp && self.udp == Udp::Open, links: [id(first, Which::First), id(second, Which::Second)] }
    }

    /// UDP is open.
    pub fn handle_udp_open(&mut self) {
        self.udp = Udp::Open;
    }

    /// A datagram came by UDP; `answer`: it is the answer to a check.
    pub fn handle_from_udp(&mut self, answer: bool) {
        self.path.handle_from_udp(answer);
    }

    /// A datagram came by a link. False: by none that counts.
    pub fn handle_from_link(&mut self, link: LinkId, now: Timestamp) -> bool {
        let is = |known: Option<&Link>| known.is_some_and(|known| known.id == link);
        if is(self.link.as_ref()) {
            self.path.handle_from_link();
            self.copies.handle_heard(Which::First, now);
        } else if is(self.copies.link()) {
            self.copies.handle_heard(Which::Second, now);
        } else {
            return false;
        }
        true
    }

    /// A link stands.
    pub fn handle_link_up(&mut self, link: LinkId, now: Timestamp) {
        if self.copies.is_dialing(link) {
            self.copies.handle_up();
            self.promote(now);
        } else if let Some(next) = self.next_link.take_if(|next| next.id == link) {
            self.begin_link(next, now);
        }
        self.handle_timeout(now);
    }

    /// It broke, or never stood: then `failure` says whether anybody could have counted it.
    pub fn handle_link_down(&mut self, link: LinkId, failure: ranking::Failure, now: Timestamp) {
        self.held.remove(&link);
        if let Some(next) = self.next_link.take_if(|next| next.id == link)
            && let (ranking::Failure::NoConnection, Some(tried)) = (failure, self.tried)
        {
            self.spacing.forget(next.road.name(&self.service), tried);
        }
        self.copies.handle_down(link);
        if self.link.as_ref().is_some_and(|first| first.id == link) {
            self.lose_link(now);
        }
        self.handle_timeout(now);
    }

    /// Opens what is wanted and closes what is not.
    pub fn handle_timeout(&mut self, now: Timestamp) {
        if self.udp_port.is_some() {
            self.looked = Some(now);
            self.tend(now);
        }
        let held: BTreeSet<_> =
            [&self.link, &self.next_link].into_iter().flatten().map(|link| link.id).chain(self.copies.held()).collect();
        self.outputs.extend(self.held.difference(&held).map(|&link| Output::Drop(link)));
        self.held = held;
    }

    /// What to do next.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When `handle_timeout` is due.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        self.looked.map(|looked| looked.after(TICK))
    }

    fn tend(&mut self, now: Timestamp) {
        self.path.handle_timeout(now);
        if let Udp::Opening { since } = self.udp
            && now >= since.after(REOPEN_GAP)
        {
            self.open_udp(now);
        }
        if self.path.link_is_silent(now) {
            self.lose_link(now);
        }
        if !self.path.wants_link(now) {
            self.close_links();
            return;
        }
        let Some(road) = self.road.clone().filter(|_| !self.lost) else { return };
        let stands = self.link.as_ref().map(|link| link.road == road);
        if stands != Some(true) && self.next_link.is_none() && self.may_dial(&road, now) {
            self.spacing.note(road.name(&self.service), now);
            self.tried = Some(now);
            self.next_link = Some(self.dial(road.clone()));
        }
        // A second that has become the first is enough, until the road of the moment carries media again.
        if stands != Some(false) {
            self.tend_copies(&road, now);
        }
    }

    fn may_dial(&self, road: &RoadChoice, now: Timestamp) -> bool {
        let rested = self.tried.map_or(now, |tried| tried.after(REDIAL_GAP));
        self.spacing.earliest_to(road.name(&self.service), rested) <= now
    }

    fn tend_copies(&mut self, first: &RoadChoice, now: Timestamp) {
        self.copies.close_useless(&first.way, now);
        if let Some(road) = self.copies.wants(&first.way, self.tried, &self.usable, now) {
            let link = self.dial(road);
            self.copies.handle_dialed(link, now);
        }
    }

    fn dial(&mut self, road: RoadChoice) -> Link {
        self.links += 1;
        let link = Link { id: LinkId(self.links), road };
        self.outputs.push_back(Output::Dial { link: link.id, road: link.road.clone() });
        self.held.insert(link.id);
        link
    }

    /// Another road, another seat: what was proved is no longer. A link that stands is used until the new one does.
    fn begin_road(&mut self, now: Timestamp) {
        self.close_udp();
        (self.tried, self.next_link) = (None, None);
        if let Some(second) = self.road.as_ref().and_then(|road| self.copies.take_of(road)) {
            self.begin_link(second, now);
        }
        self.path.handle_road(self.direct_port().is_some(), now);
        self.open_udp(now);
        self.handle_timeout(now);
    }

    /// What may not be used any more ends at once.
    fn leave_forbidden(&mut self, now: Timestamp) {
        let usable = &self.usable;
        if self.road.take_if(|road| !usable.contains(road)).is_some() {
            self.close_udp();
            self.path.handle_road(false, now);
        }
        let usable = &self.usable;
        self.copies.forbid(usable);
        self.next_link.take_if(|link| !usable.contains(&link.road));
        if self.link.take_if(|link| !usable.contains(&link.road)).is_some() {
            self.path.handle_link_down();
            self.promote(now);
        }
    }

    /// This is the first connection from now on. The one before stays for copies, if there is none for them yet.
    fn begin_link(&mut self, link: Link, now: Timestamp) {
        let before = self.link.replace(link);
        if let (Some(before), None) = (before, self.copies.link()) {
            self.copies.put(before);
        }
        self.path.handle_link_up();
        self.copies.handle_first(now);
    }

    /// The first connection is gone: the second takes its place, until there is one on the road of the moment.
    fn lose_link(&mut self, now: Timestamp) {
        self.link = None;
        self.path.handle_link_down();
        self.promote(now);
        self.outputs.push_back(Output::Suspect);
    }

    fn promote(&mut self, now: Timestamp) {
        if self.link.is_none()
            && let Some(second) = self.copies.take()
        {
            self.begin_link(second, now);
        }
    }

    fn close_links(&mut self) {
        (self.link, self.next_link, self.copies) = (None, None, Copies::default());
        self.path.handle_link_down();
    }

    fn open_udp(&mut self, now: Timestamp) {
        if let Some(port) = self.direct_port() {
            if self.udp != Udp::Open {
                self.udp = Udp::Opening { since: now };
            }
            self.outputs.push_back(Output::OpenUdp { port });
        }
    }

    fn close_udp(&mut self) {
        if std::mem::replace(&mut self.udp, Udp::Closed) != Udp::Closed {
            self.outputs.push_back(Output::CloseUdp);
        }
    }

    fn direct_port(&self) -> Option<u16> {
        let direct = self.road.as_ref().is_some_and(|road| road.way == Way::Direct);
        self.udp_port.filter(|&port| port != 0 && direct)
    }
}

#[cfg(test)]
mod tests;
