//! How the service is reached, as the pages show it: the road of the moment, the proxies, and why one does not lead there.

use std::fmt;

use serde::{Deserialize, Serialize};
use ts_rs::TS;
use umweg_wire::Timestamp;

/// How the service is reached.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum RoadState {
    /// No road was found yet, or none is left. What was tried last failed because of `trouble`.
    Offline { trouble: Option<RoadTrouble>, next_try: Option<Timestamp> },
    /// Dialing.
    Connecting,
    /// Straight to the service. `bites`: not in one connection but in many short ones, which no call goes through.
    Direct { bites: bool },
    /// By a proxy.
    Proxy { name: String, bites: bool },
}

/// Why a road leads nowhere.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub struct RoadTrouble {
    /// Where it ended.
    pub end: RoadEnd,
    pub why: RoadWhy,
}

/// What a road was to lead to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub enum RoadEnd {
    Service,
    Proxy,
}

/// What became of the try.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub enum RoadWhy {
    /// The link has no port for it.
    NotOffered,
    /// Its name has no address.
    NoAddress,
    /// Its port is closed.
    Closed,
    /// This network has no way there.
    Unreachable,
    TimedOut,
    /// The connection was cut on the way.
    Cut,
    /// Another certificate than the link's.
    WrongPin,
    /// No authority vouches for the certificate.
    UnknownAuthority,
    /// A certificate for another name.
    WrongName,
    /// Expired, or this device's clock is wrong.
    Clock,
    /// No agreement on TLS.
    Tls,
    /// Something else answers there.
    NotOurs,
    /// The proxy works and does not reach the service.
    ServiceBehind,
    /// Who answered lacks the service's key.
    WrongKey,
    /// App and service speak different versions.
    Version,
}

/// A proxy that the app knows.
#[derive(Clone, PartialEq, Serialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub struct ProxyRow {
    /// Its host and port, by which a person tells it from others.
    pub host: String,
    pub name: String,
    pub link: String,
    pub standing: ProxyStanding,
    pub renewals: Renewals,
}

/// Where a proxy is from, who has it from here, and what becomes of its fresh addresses.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub struct Renewals {
    /// The contact from whose message it was taken.
    pub from: Option<String>,
    /// Whose fresh addresses are taken.
    pub takes: bool,
    /// With so many contacts it was shared.
    pub shared: u32,
    /// Who are given its fresh addresses.
    pub gives: bool,
    /// When another link last took the place of the one before.
    pub renewed: Option<Timestamp>,
}

/// What is known of a proxy.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum ProxyStanding {
    Untried,
    Testing,
    /// The service answered through it, that many milliseconds after the dialing began.
    Works {
        ms: u32,
    },
    Failed {
        trouble: RoadTrouble,
    },
    /// The road of the moment.
    InUse,
}

/// When proxies are used.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub enum ProxyUse {
    /// Where the direct road fails.
    WhenBlocked,
    Always,
    Never,
}

/// When the road goes in small bites: many short connections, for networks that freeze one which has carried 15 to 20 kB.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub enum BitesUse {
    /// Where connections were frozen.
    WhenFrozen,
    Always,
    Never,
}

/// For who has no page. The pages have words of their own.
impl fmt::Display for RoadTrouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = match self.end {
            RoadEnd::Service => "service",
            RoadEnd::Proxy => "proxy",
        };
        match self.why {
            RoadWhy::NotOffered => write!(f, "the {end}'s link does not offer this form of the road"),
            RoadWhy::NoAddress => write!(f, "the {end}'s name has no address: is this device online?"),
            RoadWhy::Closed => write!(f, "the {end}'s port is closed: it may be switched off, or its link may be old"),
            RoadWhy::Unreachable => write!(f, "the {end} cannot be reached from this network: is this device online?"),
            RoadWhy::TimedOut => write!(f, "the {end} did not answer in time: it may be blocked here, or switched off"),
            RoadWhy::Cut => write!(f, "the connection to the {end} was cut: somebody in between may do that"),
            RoadWhy::WrongPin => write!(f, "the certificate is not the one in the {end}'s link: ask for a new link"),
            RoadWhy::UnknownAuthority => write!(f, "nobody whom this system trusts vouches for the {end}'s certificate"),
            RoadWhy::WrongName => write!(f, "the {end}'s certificate is for another name: is the link right?"),
            RoadWhy::Clock => write!(f, "the {end}'s certificate is not valid at this time: is this device's clock right?"),
            RoadWhy::Tls => write!(f, "the {end} and this app cannot agree on TLS: somebody may be in between"),
            RoadWhy::NotOurs => write!(f, "what answers in the {end}'s place is none of ours: is the link current?"),
            RoadWhy::ServiceBehind => f.write_str("the proxy works, but cannot reach the service at the moment"),
            RoadWhy::WrongKey => f.write_str("who answered does not have the service's key: is the service's link current?"),
            RoadWhy::Version => f.write_str("app and service do not speak the same version: update the app"),
        }
    }
}
