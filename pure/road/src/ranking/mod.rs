//! Which road next, and when: policy without sockets.
//!
//! 1. While there is no road, roads are dialed one after the other, in the order of [`order`]: at least `DIAL_GAP` apart, and not a
//!    second one before the first had [`PATIENCE`], unless that one failed. Bursts of connections are themselves a censor's signal.
//! 2. To one name at most `DIALS_PER_MINUTE_MAX` connections come about in any minute. An attempt that did not even become a
//!    connection does not count; on loopback, where no censor stands, only the gap holds.
//! 3. The first road that answers wins; attempts that are still under way are dropped. The winner is remembered for the network
//!    and dialed first there, until another one wins or [`WINNER_KEPT`] has passed.
//! 4. A road that fails, or dies young, waits longer each time before it is dialed again. One that dies after a good life is dialed
//!    again at once.
//! 5. A road that was frozen ([`crate::freeze`]) comes after those that were not, and goes in bites ([`crate::bites`]) for
//!    [`FROZEN_KEPT`]: all of that host's, because it is the host's address that such a censor looks at.
//! 6. On another network everything begins anew: what failed elsewhere says nothing here.

mod order;
mod spacing;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use umweg_wire::Timestamp;
use umweg_wire::proto::v1::{ProxyLink, ServiceLink};

use crate::choice::{Carriage, RoadChoice, roads};
use order::{RoadName, allowed, sorted};
pub(crate) use spacing::Spacing;

/// So long an attempt has, before the next road is tried beside it.
pub const PATIENCE: Duration = Duration::from_millis(2_500);
/// A winner is remembered for so long.
pub const WINNER_KEPT: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// So long a host that was frozen goes in bites before it is tried whole again: a network that was lost at an odd moment looks alike.
pub const FROZEN_KEPT: Duration = Duration::from_secs(60 * 60);
/// A road that dies earlier than this has failed.
const YOUNG: Duration = Duration::from_secs(20);
/// A road that failed once waits so long, then twice as long each time, up to the second value.
const FIRST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// Networks whose winner is remembered.
const NETWORKS_MAX: usize = 64;

/// When proxies are used.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum ProxyUse {
    /// Where the direct road fails.
    #[default]
    WhenBlocked,
    /// For everything; the direct road is not tried.
    Always,
    /// Not at all.
    Never,
}

/// When roads go in bites.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum BitesUse {
    /// Where they were frozen.
    #[default]
    WhenFrozen,
    /// All of them.
    Always,
    /// None.
    Never,
}

/// The network that the device is on, as the program tells networks apart.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, serde::Serialize, serde::Deserialize)]
pub struct NetworkTag(pub String);

/// One dialing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Attempt(u64);

/// What the program is to do.
#[derive(Clone, PartialEq, Eq)]
pub enum Output {
    /// Dial that road, and tell `handle_result`.
    Dial {
        /// Names it from now on.
        attempt: Attempt,
        /// What to dial.
        road: RoadChoice,
        /// In one connection or in bites.
        carriage: Carriage,
    },
    /// Stop dialing, or hang up: another road won, or this one may not be used any more. It needs no answer.
    Drop(Attempt),
}

/// Why an attempt failed, as far as it matters for the next one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Failure {
    /// Nothing answered, or the answer was "no": there was no connection that anybody could have counted.
    NoConnection,
    /// There was one.
    Broken,
}

/// What has been learned about networks, to be kept by the program.
#[derive(Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct Winners(BTreeMap<NetworkTag, Winner>);

#[derive(Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
struct Winner {
    road: RoadName,
    since: Timestamp,
    /// It went in bites, since it was frozen.
    #[serde(default)]
    frozen: Option<Timestamp>,
}

/// The policy of one device.
pub struct Ranking {
    service: ServiceLink,
    proxies: Vec<ProxyLink>,
    when: ProxyUse,
    bites: BitesUse,
    network: NetworkTag,
    winners: Winners,
    frozen_by_host: BTreeMap<String, Timestamp>,
    state: State,
    spacing: Spacing,
    troubles: BTreeMap<RoadName, Trouble>,
    next_attempt: u64,
    rng: ChaCha8Rng,
    outputs: VecDeque<Output>,
}

enum State {
    Seeking { under_way: Vec<Dialed> },
    On(Dialed),
}

struct Dialed {
    attempt: Attempt,
    road: RoadChoice,
    carriage: Carriage,
    since: Timestamp,
}

struct Trouble {
    times: u32,
    until: Timestamp,
}

impl Ranking {
    /// For that service, without a proxy yet. `winners` is what an earlier run left.
    #[must_use]
    pub fn new(service: ServiceLink, winners: Winners, seed: u64) -> Self {
        Self {
            service,
            proxies: Vec::new(),
            when: ProxyUse::default(),
            bites: BitesUse::default(),
            network: NetworkTag::default(),
            frozen_by_host: of_network(&winners, &NetworkTag::default()),
            winners,
            state: State::Seeking { under_way: Vec::new() },
            spacing: Spacing::default(),
            troubles: BTreeMap::new(),
            next_attempt: 0,
            rng: ChaCha8Rng::seed_from_u64(seed),
            outputs: VecDeque::new(),
        }
    }

    /// The person has changed what may be used.
    pub fn handle_roads(&mut self, proxies: Vec<ProxyLink>, when: ProxyUse, now: Timestamp) {
        (self.proxies, self.when) = (proxies, when);
        let usable = self.usable();
        self.drop_unless(|dialed| usable.contains(&dialed.road));
        self.handle_timeout(now);
    }

    /// The person has changed when roads go in bites: what goes otherwise is dropped, and dialed anew.
    pub fn handle_bites(&mut self, bites: BitesUse, now: Timestamp) {
        self.bites = bites;
        let under_way = match &self.state {
            State::On(dialed) => std::slice::from_ref(dialed),
            State::Seeking { under_way } => under_way,
        };
        let fitting = under_way.iter().filter(|dialed| carriage(self.bites, self.is_frozen(&dialed.road, now)) == dialed.carriage);
        let fitting: Vec<_> = fitting.map(|dialed| dialed.attempt).collect();
        self.drop_unless(|dialed| fitting.contains(&dialed.attempt));
        self.handle_timeout(now);
    }

    /// The device is on another network, perhaps.
    pub fn handle_network(&mut self, network: NetworkTag, now: Timestamp) {
        if network != self.network {
            self.network = network;
            self.troubles.clear();
            self.frozen_by_host = of_network(&self.winners, &self.network);
            self.drop_unless(|_| false);
        }
        self.handle_timeout(now);
    }

    /// What came of an attempt. With `Ok` it is the road, unless another one won before.
    pub fn handle_result(&mut self, attempt: Attempt, result: Result<(), Failure>, now: Timestamp) {
        let State::Seeking { under_way } = &mut self.state else { return };
        let Some(place) = under_way.iter().position(|dialed| dialed.attempt == attempt) else { return };
        let dialed = under_way.swap_remove(place);
        match result {
            Ok(()) => self.win(dialed, now),
            Err(failure) => {
                if failure == Failure::NoConnection {
                    self.spacing.forget(dialed.road.name(&self.service), dialed.since);
                }
                self.note_trouble(&dialed.road, now);
                self.handle_timeout(now);
            }
        }
    }

    /// The road of the moment is dead.
    pub fn handle_lost(&mut self, attempt: Attempt, now: Timestamp) {
        match std::mem::replace(&mut self.state, State::Seeking { under_way: Vec::new() }) {
            State::On(dialed) if dialed.attempt == attempt => {
                if now.since(dialed.since) < YOUNG {
                    self.note_trouble(&dialed.road, now);
                }
            }
            other => self.state = other,
        }
        self.handle_timeout(now);
    }

    /// The road of the moment moves no more bytes, as those that this censor freezes: it is dead, and known to be frozen.
    pub fn handle_frozen(&mut self, attempt: Attempt, now: Timestamp) {
        if let State::On(dialed) = &self.state
            && dialed.attempt == attempt
        {
            let frozen = dialed.road.clone();
            self.frozen_by_host.insert(frozen.name(&self.service).to_owned(), now);
            let name = RoadName::of(&frozen, &self.service);
            if self.winners.0.get(&self.network).is_some_and(|winner| Some(&winner.road) == name.as_ref()) {
                self.winners.0.remove(&self.network);
            }
            self.state = State::Seeking { under_way: Vec::new() };
        }
        self.handle_timeout(now);
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Timestamp) {
        while let Some((at, road)) = self.next_dial(now)
            && at <= now
        {
            let frozen = self.is_frozen(&road, now);
            let State::Seeking { under_way } = &mut self.state else { return };
            self.next_attempt += 1;
            let attempt = Attempt(self.next_attempt);
            self.spacing.note(road.name(&self.service), now);
            let carriage = carriage(self.bites, frozen);
            under_way.push(Dialed { attempt, road: road.clone(), carriage, since: now });
            self.outputs.push_back(Output::Dial { attempt, road, carriage });
        }
    }

    /// What to do next.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When `handle_timeout` is due.
    #[must_use]
    pub fn poll_timeout(&self, now: Timestamp) -> Option<Timestamp> {
        self.next_dial(now).map(|(at, _)| at)
    }

    /// When the next road will be tried, for a person who waits. `None` while there is one, or while one is being tried.
    #[must_use]
    pub fn next_try(&self, now: Timestamp) -> Option<Timestamp> {
        let idle = matches!(&self.state, State::Seeking { under_way } if under_way.is_empty());
        self.poll_timeout(now).filter(|at| idle && *at > now)
    }

    /// The road of the moment.
    #[must_use]
    pub fn road(&self) -> Option<&RoadChoice> {
        match &self.state {
            State::On(dialed) => Some(&dialed.road),
            State::Seeking { .. } => None,
        }
    }

    /// Whether connections were frozen in this network of late.
    #[must_use]
    pub fn freezes(&self, now: Timestamp) -> bool {
        self.frozen_by_host.values().any(|since| now.since(*since) < FROZEN_KEPT)
    }

    /// To be kept, and given to `new` the next time.
    #[must_use]
    pub fn winners(&self) -> &Winners {
        &self.winners
    }

    /// What the person allows, of what there is.
    #[must_use]
    pub fn usable(&self) -> Vec<RoadChoice> {
        roads(&self.service, &self.proxies).into_iter().filter(|road| allowed(road, self.when)).collect()
    }

    /// The next road to dial, and when: the first in order of those that may be dialed by then.
    fn next_dial(&self, now: Timestamp) -> Option<(Timestamp, RoadChoice)> {
        let State::Seeking { under_way } = &self.state else { return None };
        let free = self.usable().into_iter().filter(|road| under_way.iter().all(|dialed| dialed.road != *road));
        let patient = under_way.iter().map(|dialed| dialed.since.after(PATIENCE)).max().unwrap_or(now);
        let earliest = self.spacing.earliest().max(patient).max(now);
        let winner = self.winners.0.get(&self.network).filter(|winner| now.since(winner.since) <= WINNER_KEPT);
        let times = |name: &RoadName| self.troubles.get(name).map_or(0, |trouble| trouble.times);
        let frozen = |road: &RoadChoice| self.is_frozen(road, now);
        let ordered = sorted(free.collect(), &self.service, winner.map(|winner| &winner.road), frozen, times);
        let dated = ordered.into_iter().map(|road| (self.free_at(&road, earliest), road));
        // `min_by_key` answers with the first of equals: the order decides among those that are free at the same time.
        dated.min_by_key(|(at, _)| *at)
    }

    fn is_frozen(&self, road: &RoadChoice, now: Timestamp) -> bool {
        self.frozen_by_host.get(road.name(&self.service)).is_some_and(|since| now.since(*since) < FROZEN_KEPT)
    }

    fn free_at(&self, road: &RoadChoice, earliest: Timestamp) -> Timestamp {
        let rested =
            RoadName::of(road, &self.service).and_then(|name| self.troubles.get(&name)).map_or(earliest, |trouble| trouble.until);
        self.spacing.earliest_to(road.name(&self.service), earliest.max(rested))
    }

    fn win(&mut self, dialed: Dialed, now: Timestamp) {
        if let Some(name) = RoadName::of(&dialed.road, &self.service) {
            self.troubles.remove(&name);
            if self.winners.0.len() >= NETWORKS_MAX {
                let oldest = self.winners.0.iter().min_by_key(|(_, winner)| winner.since).map(|(network, _)| network.clone());
                oldest.map(|network| self.winners.0.remove(&network));
            }
            let frozen = self.frozen_by_host.get(dialed.road.name(&self.service)).copied();
            self.winners.0.insert(self.network.clone(), Winner { road: name, since: now, frozen });
        }
        self.drop_unless(|_| false);
        self.state = State::On(Dialed { since: now, ..dialed });
    }

    fn note_trouble(&mut self, road: &RoadChoice, now: Timestamp) {
        let Some(name) = RoadName::of(road, &self.service) else { return };
        let trouble = self.troubles.entry(name).or_insert(Trouble { times: 0, until: now });
        let wait = FIRST_WAIT.saturating_mul(1 << trouble.times.min(10)).min(LONGEST_WAIT);
        // Many devices lose the same service at the same moment; they are not to come back at the same moment.
        trouble.until = now.after(wait.mul_f64(self.rng.random_range(0.75..1.25)));
        trouble.times += 1;
    }

    fn drop_unless(&mut self, stays: impl Fn(&Dialed) -> bool) {
        let (stay, go): (Vec<_>, Vec<_>) = match std::mem::replace(&mut self.state, State::Seeking { under_way: Vec::new() }) {
            State::On(dialed) if stays(&dialed) => {
                self.state = State::On(dialed);
                return;
            }
            State::On(dialed) => (Vec::new(), vec![dialed]),
            State::Seeking { under_way } => under_way.into_iter().partition(stays),
        };
        self.outputs.extend(go.into_iter().map(|dialed| Output::Drop(dialed.attempt)));
        self.state = State::Seeking { under_way: stay };
    }
}

fn carriage(bites: BitesUse, frozen: bool) -> Carriage {
    match (bites, frozen) {
        (BitesUse::Always, _) | (BitesUse::WhenFrozen, true) => Carriage::Bites,
        (BitesUse::WhenFrozen, false) | (BitesUse::Never, _) => Carriage::Whole,
    }
}

/// What is known to be frozen there from an earlier time.
fn of_network(winners: &Winners, network: &NetworkTag) -> BTreeMap<String, Timestamp> {
    let winner = winners.0.get(network);
    winner.and_then(|winner| Some((winner.road.host().to_owned(), winner.frozen?))).into_iter().collect()
}

#[cfg(test)]
mod tests;
