//! In which order roads are tried.

use umweg_wire::proto::v1::ServiceLink;

use super::ProxyUse;
use crate::choice::{Form, RoadChoice, Way};

/// A road by what one dials: it outlives links that are written anew.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub(super) struct RoadName {
    host: String,
    port: u16,
    form: Form,
}

impl RoadName {
    pub(super) fn of(road: &RoadChoice, service: &ServiceLink) -> Option<Self> {
        road.endpoint(service).map(|endpoint| Self { host: endpoint.host, port: endpoint.port, form: endpoint.form })
    }

    pub(super) fn host(&self) -> &str {
        &self.host
    }
}

/// Whether a road may be used at all.
pub(super) fn allowed(road: &RoadChoice, when: ProxyUse) -> bool {
    match (&road.way, when) {
        (_, ProxyUse::WhenBlocked) | (Way::Via(_), ProxyUse::Always) | (Way::Direct, ProxyUse::Never) => true,
        (Way::Direct, ProxyUse::Always) | (Way::Via(_), ProxyUse::Never) => false,
    }
}

/// The network's winner, then what was not frozen, then the least conspicuous form, then the direct way, then what failed least, then as the person has them.
pub(super) fn sorted(
    mut roads: Vec<RoadChoice>,
    service: &ServiceLink,
    winner: Option<&RoadName>,
    is_frozen: impl Fn(&RoadChoice) -> bool,
    times_failed: impl Fn(&RoadName) -> u32,
) -> Vec<RoadChoice> {
    roads.sort_by_cached_key(|road| {
        let name = RoadName::of(road, service);
        let won = winner.is_some() && name.as_ref() == winner;
        (!won, is_frozen(road), road.form, road.way != Way::Direct, name.map_or(0, |name| times_failed(&name)))
    });
    roads
}
