//! Why a road leads nowhere, as people are told it: what the dialing found out, without its details.

use umweg_client::view::{RoadEnd, RoadTrouble, RoadWhy};
use umweg_io::dial::{DialError, Who};

pub(super) fn trouble(error: &DialError) -> RoadTrouble {
    let (who, why) = match error {
        DialError::NotOffered(who) => (*who, RoadWhy::NotOffered),
        DialError::NoAddress(who) => (*who, RoadWhy::NoAddress),
        DialError::Closed(who) => (*who, RoadWhy::Closed),
        DialError::Unreachable(who) => (*who, RoadWhy::Unreachable),
        DialError::TimedOut(who, _) => (*who, RoadWhy::TimedOut),
        DialError::Cut(who, _) => (*who, RoadWhy::Cut),
        DialError::WrongPin(who) => (*who, RoadWhy::WrongPin),
        DialError::UnknownAuthority(who) => (*who, RoadWhy::UnknownAuthority),
        DialError::WrongName(who) => (*who, RoadWhy::WrongName),
        DialError::Clock(who) => (*who, RoadWhy::Clock),
        DialError::Tls(who, _) => (*who, RoadWhy::Tls),
        DialError::NotOurs(who, _) | DialError::Strange(who) => (*who, RoadWhy::NotOurs),
        DialError::ServiceBehind => (Who::Proxy, RoadWhy::ServiceBehind),
        DialError::WrongKey => (Who::Service, RoadWhy::WrongKey),
        DialError::Version => (Who::Service, RoadWhy::Version),
    };
    let end = match who {
        Who::Service => RoadEnd::Service,
        Who::Proxy => RoadEnd::Proxy,
    };
    RoadTrouble { end, why }
}
