//! The browser's addresses as numbered flows, and the door that lets an address become one.
//!
//! The candidates on the machine's own addresses can be reached from the network around it, so: nothing is taken from an
//! address that is not this machine's (the sockets see to that), and a flow opens only with a STUN check that names the ufrag
//! of our answer, which only the browser was told. Flows are few; the one that was silent longest makes room.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use umweg_wire::datagram::Flow;
use umweg_wire::limits::FLOWS_MAX;

use super::stun::{self, Binding};

/// A flow that was silent for so long may give its number to another. Browsers check their pairs every few seconds.
const SILENT_MIN: Duration = Duration::from_secs(10);

/// Where the browser's datagrams come from and go back to.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Source {
    /// To the socket of that index, from that address.
    Udp { socket: usize, from: SocketAddr },
    /// On that accepted connection.
    Tcp { connection: u64 },
}

/// The flows of one call.
#[derive(Default)]
pub(crate) struct Flows {
    /// Of our answer. Empty before there is one: then nothing is let in.
    ufrags: Vec<String>,
    numbers_by_source: HashMap<Source, usize>,
    open: [Option<Open>; FLOWS_MAX],
}

#[derive(Clone, Copy)]
struct Open {
    source: Source,
    heard: Instant,
}

impl Flows {
    /// From now on who names one of these is let in; who was let in stays.
    pub(crate) fn handle_answer(&mut self, ufrags: Vec<String>) {
        self.ufrags = ufrags;
    }

    /// The flow that a datagram from the browser belongs to, opened if it may be; `None`: drop it.
    pub(crate) fn handle_datagram(&mut self, source: Source, datagram: &[u8], now: Instant) -> Option<Flow> {
        let number = match self.numbers_by_source.get(&source) {
            Some(&number) => number,
            None if self.admits(datagram) => self.open(source, now)?,
            None => return None,
        };
        self.open[number] = Some(Open { source, heard: now });
        Flow::new(u8::try_from(number).ok()?).ok()
    }

    /// A connection ended: its number is free.
    pub(crate) fn handle_closed(&mut self, source: Source) {
        if let Some(number) = self.numbers_by_source.remove(&source) {
            self.open[number] = None;
        }
    }

    /// Where a flow's datagrams from the SFU go.
    pub(crate) fn source(&self, flow: Flow) -> Option<Source> {
        self.open[usize::from(flow.number())].map(|open| open.source)
    }

    /// Whether this datagram may open a flow.
    pub(crate) fn admits(&self, datagram: &[u8]) -> bool {
        let Some(Binding::Request { username }) = stun::read(datagram) else { return false };
        let Some((ufrag, _)) = username.split_once(':') else { return false };
        self.ufrags.iter().any(|ours| ours == ufrag)
    }

    fn open(&mut self, source: Source, now: Instant) -> Option<usize> {
        let number = self.open.iter().position(Option::is_none).or_else(|| self.silent_longest(now))?;
        if let Some(gone) = self.open[number] {
            self.numbers_by_source.remove(&gone.source);
        }
        self.numbers_by_source.insert(source, number);
        Some(number)
    }

    fn silent_longest(&self, now: Instant) -> Option<usize> {
        let silence = |open: &Option<Open>| open.map_or(Duration::ZERO, |open| now.saturating_duration_since(open.heard));
        let number = (0..FLOWS_MAX).max_by_key(|&number| silence(&self.open[number]))?;
        (silence(&self.open[number]) >= SILENT_MIN).then_some(number)
    }
}

#[cfg(test)]
mod tests {
    use super::super::stun::make;
    use super::*;

    fn from(port: u16) -> Source {
        Source::Udp { socket: 0, from: SocketAddr::from(([127, 0, 0, 1], port)) }
    }

    fn answered() -> Flows {
        let mut flows = Flows::default();
        flows.handle_answer(vec!["ours".into()]);
        flows
    }

    #[test]
    fn only_a_check_that_names_our_ufrag_opens_a_flow() {
        let (mut flows, now) = (answered(), Instant::now());
        assert_eq!(flows.handle_datagram(from(1), &[0x90, 96, 0, 0], now), None, "media");
        assert_eq!(flows.handle_datagram(from(1), &make::request("guess"), now), None, "another's check");
        assert_eq!(flows.handle_datagram(from(1), &make::request("our"), now), None, "a beginning of it");
        assert_eq!(flows.handle_datagram(from(1), &make::success(), now), None, "an answer");
        let flow = flows.handle_datagram(from(1), &make::request("ours"), now).unwrap();
        assert_eq!(flows.handle_datagram(from(1), &[0x90, 96, 0, 0], now), Some(flow), "media of the open flow");
        assert_eq!(flows.handle_datagram(from(2), &[0x90, 96, 0, 0], now), None, "media of another address");
    }

    #[test]
    fn before_the_answer_nothing_is_let_in() {
        assert_eq!(Flows::default().handle_datagram(from(1), &make::request(""), Instant::now()), None);
    }

    #[test]
    fn a_flow_leads_back_to_its_source() {
        let (mut flows, now) = (answered(), Instant::now());
        let tcp = Source::Tcp { connection: 9 };
        let first = flows.handle_datagram(from(1), &make::request("ours"), now).unwrap();
        let second = flows.handle_datagram(tcp, &make::request("ours"), now).unwrap();
        assert_eq!((flows.source(first), flows.source(second)), (Some(from(1)), Some(tcp)));
        flows.handle_closed(tcp);
        assert_eq!(flows.source(second), None);
    }

    #[test]
    fn when_all_are_taken_the_longest_silent_one_makes_room_and_no_other() {
        let (mut flows, start) = (answered(), Instant::now());
        for port in 0..FLOWS_MAX as u16 {
            assert!(flows.handle_datagram(from(port), &make::request("ours"), start).is_some());
        }
        assert_eq!(flows.handle_datagram(from(900), &make::request("ours"), start), None, "all were heard just now");
        let later = start + SILENT_MIN;
        for port in (0..FLOWS_MAX as u16).filter(|&port| port != 5) {
            flows.handle_datagram(from(port), &[0x90, 96], later);
        }
        let flow = flows.handle_datagram(from(900), &make::request("ours"), later).unwrap();
        assert_eq!(flow.number(), 5);
        assert_eq!(flows.handle_datagram(from(5), &[0x90, 96], later), None, "its old owner has to check again");
    }
}
