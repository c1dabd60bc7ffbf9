//! A censor between people and the world: what it blocks, and how it finds out. Each rule is known from somewhere.

use std::collections::BTreeSet;
use std::time::Duration;

use umweg_road::Form;
use umweg_road::choice::Endpoint;
use umweg_road::ranking::Failure;
use umweg_wire::limits::DIAL_TIME_MAX;

/// What a censor does.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Rule {
    /// Packets to that host's address vanish.
    Address(String),
    /// Its name has no address.
    Name(String),
    /// Connections to that port are refused, whoever listens there.
    Port(u16),
    /// What looks like that is cut after its first bytes.
    Protocol(Form),
    /// Connections to that host are cut when they have stood for so long.
    Resets(String, Duration),
    /// A connection that has moved so many bytes moves no more; nobody is told.
    Freezes(u64),
    /// The same, for connections to that host.
    FreezesTo(String, u64),
    /// UDP does not pass.
    Udp,
    /// Who is connected to is visited, so long after. What is no web site is blocked by its address.
    Probes(Duration),
}

/// Everything that it does at the moment.
#[derive(Default)]
pub(crate) struct Censor {
    rules: Vec<Rule>,
    learned: BTreeSet<String>,
}

/// What becomes of a dialing: after how long, and how.
pub(crate) type Verdict = (Duration, Result<(), Failure>);

impl Censor {
    pub(crate) fn set(&mut self, rules: Vec<Rule>) {
        self.rules = rules;
    }

    /// Somebody told it of that host.
    pub(crate) fn learn(&mut self, host: &str) {
        self.learned.insert(host.to_owned());
    }

    pub(crate) fn knows(&self, host: &str) -> bool {
        self.learned.contains(host) || self.rules.contains(&Rule::Address(host.to_owned()))
    }

    /// `honest` is how long it takes where nobody interferes.
    pub(crate) fn judge(&self, to: &Endpoint, honest: Duration) -> Verdict {
        let is = |rule| self.rules.contains(&rule);
        if is(Rule::Name(to.host.clone())) || is(Rule::Port(to.port)) {
            return (honest, Err(Failure::NoConnection));
        }
        if self.knows(&to.host) {
            return (DIAL_TIME_MAX, Err(Failure::Broken));
        }
        (honest, if is(Rule::Protocol(to.form)) { Err(Failure::Broken) } else { Ok(()) })
    }

    /// Whether a connection that stands may stay: its rules may be newer.
    pub(crate) fn lets_stand(&self, to: &Endpoint) -> bool {
        self.judge(to, Duration::ZERO).1.is_ok()
    }

    /// When a connection to there is cut.
    pub(crate) fn resets(&self, to: &Endpoint) -> Option<Duration> {
        self.rules.iter().find_map(|rule| match rule {
            Rule::Resets(host, after) if *host == to.host => Some(*after),
            _ => None,
        })
    }

    /// After how many bytes a connection to there is frozen.
    pub(crate) fn freezes(&self, to: &Endpoint) -> Option<u64> {
        let frozen = self.rules.iter().filter_map(|rule| match rule {
            Rule::Freezes(bytes) => Some(*bytes),
            Rule::FreezesTo(host, bytes) if *host == to.host => Some(*bytes),
            _ => None,
        });
        frozen.min()
    }

    /// Whether that name has an address.
    pub(crate) fn resolves(&self, host: &str) -> bool {
        !self.rules.contains(&Rule::Name(host.to_owned()))
    }

    /// Whether datagrams get there, and back.
    pub(crate) fn lets_udp(&self, host: &str) -> bool {
        !self.rules.contains(&Rule::Udp) && !self.knows(host)
    }

    /// When whoever answers there is visited.
    pub(crate) fn probes(&self) -> Option<Duration> {
        self.rules.iter().find_map(|rule| if let Rule::Probes(after) = rule { Some(*after) } else { None })
    }

    /// The visit. By TLS, and by HTTP too, there is a web site and nothing else; a bare session's door answers nobody.
    pub(crate) fn probe(&mut self, to: &Endpoint) {
        if to.form == Form::Bare {
            self.learn(&to.host);
        }
    }
}
