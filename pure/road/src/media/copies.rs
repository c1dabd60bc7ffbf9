//! The second connection, by another road: what is urgent goes on both, and whichever copy comes first counts.
//!
//! A lost packet stops a connection for a moment, and everything that waits behind it. Two roads rarely stop in the same moment.
//! SRTP and DTLS drop the copy that comes second. Video goes on one of the two only: the one that is not stopped.

use std::time::Duration;

use umweg_wire::Timestamp;
use umweg_wire::limits::DIAL_GAP;

use super::path::SILENCE_MAX;
use super::{Link, LinkId};
use crate::choice::{RoadChoice, Way};

/// Between two attempts, at first: three a minute, as for any road; twice as long after each failure.
const REDIAL_GAP: Duration = Duration::from_secs(20);
/// So often the gap doubles.
const DOUBLED_MAX: u32 = 4;
/// A connection that was silent for so long, while the other was heard, carries no video.
const SILENT_AFTER: Duration = Duration::from_millis(300);

/// Which of the two.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) enum Which {
    /// On the road of the moment.
    #[default]
    First,
    /// Here.
    Second,
}

/// The second connection of one call.
#[derive(Default)]
pub(super) struct Copies {
    link: Option<Link>,
    next_link: Option<Link>,
    tried: Option<Timestamp>,
    failures: u32,
    /// The oldest check that has no answer.
    asked: Option<Timestamp>,
    lead: Lead,
}

impl Copies {
    /// The connection, if it stands.
    pub(super) fn link(&self) -> Option<&Link> {
        self.link.as_ref()
    }

    /// Which one carries video.
    pub(super) fn lead(&self) -> Which {
        if self.link.is_some() { self.lead.leads } else { Which::First }
    }

    /// What is dialed here and not up yet, if it is that one.
    pub(super) fn is_dialing(&self, id: LinkId) -> bool {
        self.next_link.as_ref().is_some_and(|link| link.id == id)
    }

    /// It stands.
    pub(super) fn handle_up(&mut self) {
        if let Some(link) = self.next_link.take() {
            self.put(link);
        }
    }

    /// What is dialed or stands here.
    pub(super) fn held(&self) -> impl Iterator<Item = LinkId> {
        [&self.link, &self.next_link].into_iter().flatten().map(|link| link.id)
    }

    /// It broke, or never stood.
    pub(super) fn handle_down(&mut self, id: LinkId) {
        self.next_link.take_if(|link| link.id == id);
        if self.link.take_if(|link| link.id == id).is_some() {
            self.failures = 0;
        }
    }

    /// A check goes out on it.
    pub(super) fn handle_check(&mut self, now: Timestamp) {
        if self.link.is_some() {
            self.asked.get_or_insert(now);
        }
    }

    /// Something came by one of the two.
    pub(super) fn handle_heard(&mut self, which: Which, now: Timestamp) {
        self.lead.handle_heard(which, now);
        if which == Which::Second {
            (self.asked, self.failures) = (None, 0);
        }
    }

    /// There is another first connection.
    pub(super) fn handle_first(&mut self, now: Timestamp) {
        self.lead = Lead::default();
        self.lead.handle_heard(Which::First, now);
    }

    /// Keeps a connection that was the first until now.
    pub(super) fn put(&mut self, link: Link) {
        (self.link, self.asked) = (Some(link), None);
    }

    /// Gives it away, to be the first.
    pub(super) fn take(&mut self) -> Option<Link> {
        self.link.take()
    }

    /// The same, if it is on that road.
    pub(super) fn take_of(&mut self, road: &RoadChoice) -> Option<Link> {
        self.link.take_if(|link| link.road == *road)
    }

    /// Ends what may not be used any more.
    pub(super) fn forbid(&mut self, usable: &[RoadChoice]) {
        for link in [&mut self.link, &mut self.next_link] {
            link.take_if(|link| !usable.contains(&link.road));
        }
    }

    /// Ends what is silent, or goes the first one's way.
    pub(super) fn close_useless(&mut self, first: &Way, now: Timestamp) {
        let is_silent = self.asked.is_some_and(|asked| now >= asked.after(SILENCE_MAX));
        self.link.take_if(|link| is_silent || link.road.way == *first);
        self.next_link.take_if(|link| link.road.way == *first);
    }

    /// The road to dial now, if one is to be dialed.
    pub(super) fn wants(
        &self,
        first: &Way,
        first_dialed: Option<Timestamp>,
        usable: &[RoadChoice],
        now: Timestamp,
    ) -> Option<RoadChoice> {
        let gap = REDIAL_GAP * (1 << self.failures.saturating_sub(1).min(DOUBLED_MAX));
        let may_dial = first_dialed.is_none_or(|dialed| now >= dialed.after(DIAL_GAP))
            && self.tried.is_none_or(|tried| now >= tried.after(gap));
        if self.link.is_some() || self.next_link.is_some() || !may_dial {
            return None;
        }
        let mut others: Vec<_> = usable.iter().filter(|road| road.way != *first).collect();
        // Who is on a proxy's road is there because the direct one failed.
        others.sort_by_key(|road| road.way == Way::Direct);
        let turn = usize::try_from(self.failures).ok()?.checked_rem(others.len())?;
        Some(others[turn].clone())
    }

    /// It is being dialed.
    pub(super) fn handle_dialed(&mut self, link: Link, now: Timestamp) {
        (self.next_link, self.tried) = (Some(link), Some(now));
        // Until it is heard.
        self.failures = self.failures.saturating_add(1);
    }
}

/// The one that carries video does so until it falls silent while the other is heard.
#[derive(Default)]
struct Lead {
    leads: Which,
    first_heard: Option<Timestamp>,
    second_heard: Option<Timestamp>,
}

impl Lead {
    fn handle_heard(&mut self, which: Which, now: Timestamp) {
        let other = match which {
            Which::First => {
                self.first_heard = Some(now);
                self.second_heard
            }
            Which::Second => {
                self.second_heard = Some(now);
                self.first_heard
            }
        };
        if other.is_none_or(|heard| now > heard.after(SILENT_AFTER)) {
            self.leads = which;
        }
    }
}

#[cfg(test)]
mod tests {
    use umweg_wire::proto::v1::ProxyLink;

    use super::*;
    use crate::choice::Form;

    const START: Timestamp = Timestamp(1_000_000);

    fn via(host: &str) -> RoadChoice {
        RoadChoice::via(ProxyLink { host: host.into(), ..Default::default() }, Form::Bare)
    }

    #[test]
    fn video_leaves_a_connection_that_stops_and_stays_where_it_went() {
        let mut lead = Lead::default();
        let at = |ms| START.after(Duration::from_millis(ms));
        for ms in (0..1_000).step_by(20) {
            lead.handle_heard(Which::First, at(ms));
            lead.handle_heard(Which::Second, at(ms + 5));
            assert_eq!(lead.leads, Which::First);
        }
        for ms in (1_000..1_400).step_by(20) {
            lead.handle_heard(Which::Second, at(ms));
        }
        assert_eq!(lead.leads, Which::Second);
        lead.handle_heard(Which::First, at(1_400));
        assert_eq!(lead.leads, Which::Second, "it has only begun to move again");
    }

    #[test]
    fn another_way_is_dialed_apart_from_the_first_and_the_direct_one_last() {
        let (copies, now) = (Copies::default(), START);
        let (first, second, direct) = (via("first"), via("second"), RoadChoice::direct(Form::Tls));
        let usable = [direct.clone(), first.clone(), second.clone()];
        assert!(copies.wants(&first.way, Some(now), &usable, now).is_none(), "too near to the first");
        let later = now.after(DIAL_GAP);
        assert!(copies.wants(&first.way, Some(now), &usable, later) == Some(second));
        assert!(copies.wants(&first.way, Some(now), &[direct.clone(), first.clone()], later) == Some(direct));
        assert!(copies.wants(&first.way, Some(now), std::slice::from_ref(&first), later).is_none(), "there is no other");
    }

    #[test]
    fn what_fails_takes_turns_and_waits_longer_each_time() {
        let (first, second, third) = (via("first"), via("second"), via("third"));
        let usable = [first.clone(), second.clone(), third.clone()];
        let mut now = START;
        let mut copies = Copies::default();
        let mut dialed = Vec::new();
        for failures in 1..=4 {
            let road = copies.wants(&first.way, None, &usable, now).unwrap();
            dialed.push(road == second);
            (copies.tried, copies.failures) = (Some(now), failures);
            let gap = REDIAL_GAP * (1 << (failures - 1));
            assert!(copies.wants(&first.way, None, &usable, now.after(gap - Duration::from_millis(1))).is_none());
            now = now.after(gap);
        }
        assert_eq!(dialed, [true, false, true, false]);
    }
}
