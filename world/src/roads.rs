//! Devices that have roads to find: the real ranking and the real watch for freezes, on connections that a censor sees.
//!
//! A connection is its moved bytes. What goes by it is counted; once it is frozen, nothing of it arrives any more, and neither side
//! is told. In bites no connection grows, and everything takes longer.

use std::time::Duration;

use anyhow::Result;
use umweg_client::command::{Command, Look};
use umweg_client::port::Input;
use umweg_client::view::ProxyUse;
use umweg_road::choice::Endpoint;
use umweg_road::freeze::{End, FreezeWatch, Moved};
use umweg_road::ranking::{self, Attempt, Failure, Output, Ranking, Winners};
use umweg_road::{Carriage, RoadChoice};
use umweg_wire::Timestamp;
use umweg_wire::limits::{BITE_BYTES_MAX, BITE_GAP_MAX, KEEPALIVE, KEEPALIVE_ANSWER_MAX};
use umweg_wire::links::Linked;
use umweg_wire::proto::v1::{ProxyLink, ServiceLink};

use crate::censor::Rule;
use crate::device::Link;
use crate::world::World;

/// A TLS handshake with post-quantum keys, the upgrade, the session, HTTP/2's beginning.
const HANDSHAKE: Moved = Moved { sent: 2_600, received: 3_400 };
/// Around everything that is said.
const AROUND: u64 = 120;
/// Who is asked for a sign of life has so long, as in the app.
const PROOF_TIME_MAX: Duration = Duration::from_secs(4);

/// A device's way out.
pub(crate) struct Roads {
    ranking: Ranking,
    /// Tells them from those that the device had before.
    seed: u64,
    service: ServiceLink,
    connection: Option<Connection>,
    wakes: Option<Timestamp>,
}

struct Connection {
    attempt: Attempt,
    road: RoadChoice,
    to: Endpoint,
    carriage: Carriage,
    moved: Moved,
    frozen: bool,
    /// In bites: when either direction has said what it had to say.
    free: [Timestamp; 2],
    watch: FreezeWatch,
}

/// What comes of an attempt.
pub(crate) struct Dialed {
    seed: u64,
    attempt: Attempt,
    road: RoadChoice,
    carriage: Carriage,
    result: Result<(), Failure>,
}

/// Something that happens on the way.
pub(crate) enum OnTheWay {
    Dialed(Dialed),
    Wake,
    /// The device looks at its counters.
    Look {
        life: u64,
    },
    /// Nothing came in time.
    GiveUp {
        life: u64,
    },
    Cut {
        life: u64,
    },
    Probed {
        to: Endpoint,
    },
}

impl Roads {
    /// What may be used.
    pub(crate) fn usable(&self) -> Vec<RoadChoice> {
        self.ranking.usable()
    }
}

impl World {
    /// From now on the device has to find its way by itself: directly, or by these proxies.
    pub fn give_roads(&mut self, device: usize, service: &ServiceLink, proxies: &[ProxyLink], when: ProxyUse) -> Result<()> {
        self.lose_connection(device);
        let seed = u64::try_from(self.draw(usize::MAX)).unwrap_or_default();
        let ranking = Ranking::new(service.clone(), Winners::default(), seed);
        self.devices[device].roads = Some(Roads { ranking, seed, service: service.clone(), connection: None, wakes: None });
        for row in self.view(device, &Look::default())?.proxies {
            self.command(device, Command::RemoveProxy { link: row.link })?;
        }
        for proxy in proxies {
            self.command(device, Command::AddProxy { link: proxy.to_link() })?;
        }
        self.command(device, Command::UseProxies { when })?;
        self.reconnect_later(device);
        Ok(())
    }

    /// The person, or a contact, has changed what may be used.
    pub(crate) fn change_roads(&mut self, device: usize, proxies: Vec<ProxyLink>, when: ProxyUse) {
        let now = self.now();
        let when = match when {
            ProxyUse::WhenBlocked => ranking::ProxyUse::WhenBlocked,
            ProxyUse::Always => ranking::ProxyUse::Always,
            ProxyUse::Never => ranking::ProxyUse::Never,
        };
        if let Some(roads) = &mut self.devices[device].roads {
            roads.ranking.handle_roads(proxies, when, now);
            self.devices[device].roads_version += 1;
            self.later(device, Duration::ZERO, OnTheWay::Wake);
        }
    }

    /// The censor does this from now on. Connections that it would not let come about are cut.
    pub fn censor(&mut self, rules: Vec<Rule>) {
        self.censor.set(rules);
        self.cut_forbidden();
    }

    /// Somebody has told the censor of that host.
    pub fn censor_learns(&mut self, host: &str) {
        self.censor.learn(host);
        self.cut_forbidden();
    }

    /// How that device is connected.
    #[must_use]
    pub fn road(&self, device: usize) -> Option<(&RoadChoice, Carriage)> {
        let connection = self.devices[device].roads.as_ref()?.connection.as_ref()?;
        Some((&connection.road, connection.carriage))
    }

    /// Whether the device finds its way by itself; then it begins to.
    pub(crate) fn seeks(&mut self, device: usize) -> bool {
        if self.devices[device].roads.is_none() {
            return false;
        }
        self.execute_ranking(device);
        true
    }

    pub(crate) fn on_the_way(&mut self, device: usize, what: OnTheWay) -> Result<()> {
        let this_life = self.devices[device].life;
        match what {
            OnTheWay::Dialed(dialed) => self.handle_dialed(device, dialed)?,
            OnTheWay::Wake => {
                if let Some(roads) = &mut self.devices[device].roads {
                    roads.wakes = None;
                }
                self.execute_ranking(device);
            }
            OnTheWay::Look { life } if life == this_life => self.look(device, life),
            OnTheWay::GiveUp { life } if life == this_life => self.give_up(device),
            OnTheWay::Cut { life } if life == this_life => self.cut(device),
            OnTheWay::Probed { to } => {
                self.censor.probe(&to);
                self.cut_forbidden();
            }
            OnTheWay::Look { .. } | OnTheWay::GiveUp { .. } | OnTheWay::Cut { .. } => {}
        }
        Ok(())
    }

    /// So many bytes go by the device's connection. `None`: they never arrive; else how much longer they take.
    pub(crate) fn pass(&mut self, device: usize, out: bool, bytes: usize) -> Option<Duration> {
        let now = self.now();
        let Some(connection) = self.devices[device].roads.as_mut().and_then(|roads| roads.connection.as_mut()) else {
            return Some(Duration::ZERO);
        };
        let freezes = self.censor.freezes(&connection.to);
        let bytes = bytes as u64 + AROUND;
        if connection.carriage == Carriage::Bites {
            let bites = bytes / (BITE_BYTES_MAX - HANDSHAKE.total());
            let free = &mut connection.free[usize::from(out)];
            // What comes later does not overtake.
            *free = now.max(*free).after(BITE_GAP_MAX * u32::try_from(bites).unwrap_or(u32::MAX));
            return Some(free.since(now));
        }
        if connection.frozen {
            return None;
        }
        let room = freezes.map_or(u64::MAX, |limit| limit.saturating_sub(connection.moved.total()));
        connection.frozen = bytes > room;
        if out {
            connection.moved.sent += bytes; // into the kernel, at least
        } else {
            connection.moved.received += bytes.min(room);
        }
        (!connection.frozen).then_some(Duration::ZERO)
    }

    /// The connection is over.
    pub(crate) fn forget_connection(&mut self, device: usize, end: End) {
        let now = self.now();
        if let Some(roads) = &mut self.devices[device].roads
            && let Some(connection) = roads.connection.take()
        {
            if connection.watch.was_frozen(connection.moved, end, now) {
                roads.ranking.handle_frozen(connection.attempt, now);
            } else {
                roads.ranking.handle_lost(connection.attempt, now);
            }
        }
    }

    fn execute_ranking(&mut self, device: usize) {
        let now = self.now();
        if self.devices[device].link == Link::Away {
            return;
        }
        loop {
            let Some(roads) = &mut self.devices[device].roads else { return };
            roads.ranking.handle_timeout(now);
            match roads.ranking.poll_output() {
                Some(Output::Dial { attempt, road, carriage }) => {
                    let (Some(to), seed) = (road.endpoint(&roads.service), roads.seed) else { continue };
                    let honest = 3 * self.temper.delay(&mut self.rng);
                    let (after, result) = self.censor.judge(&to, honest);
                    self.later(device, after, OnTheWay::Dialed(Dialed { seed, attempt, road, carriage, result }));
                }
                Some(Output::Drop(attempt)) => {
                    let stands = roads.connection.as_ref().is_some_and(|connection| connection.attempt == attempt);
                    // An attempt that was dropped comes to nothing by itself.
                    if stands {
                        self.cut(device);
                    }
                }
                None => break,
            }
        }
        let Some(roads) = &mut self.devices[device].roads else { return };
        let due = roads.ranking.poll_timeout(now).filter(|due| roads.wakes.is_none_or(|wakes| *due < wakes));
        if let Some(due) = due {
            roads.wakes = Some(due);
            self.later(device, due.since(now), OnTheWay::Wake);
        }
    }

    fn handle_dialed(&mut self, device: usize, dialed: Dialed) -> Result<()> {
        let now = self.now();
        let Dialed { seed, attempt, road, carriage, result } = dialed;
        let is_down = self.devices[device].link == Link::Down;
        let Some(roads) = self.devices[device].roads.as_mut().filter(|roads| roads.seed == seed) else { return Ok(()) };
        let before = roads.ranking.road().is_some();
        roads.ranking.handle_result(attempt, result, now);
        let won = !before && roads.ranking.road() == Some(&road);
        match road.endpoint(&roads.service) {
            Some(to) if won && is_down => self.stand(device, attempt, road, carriage, to)?,
            // It went out of reach while it dialed.
            _ if won => roads.ranking.handle_lost(attempt, now),
            _ => {}
        }
        self.execute_ranking(device);
        Ok(())
    }

    fn stand(&mut self, device: usize, attempt: Attempt, road: RoadChoice, carriage: Carriage, to: Endpoint) -> Result<()> {
        let (watch, free) = (FreezeWatch::new(self.now()), [self.now(); 2]);
        let life = self.devices[device].life;
        // A bite that is cut is followed by the next one, which goes on where it was.
        if let Some(after) = self.censor.resets(&to).filter(|_| carriage == Carriage::Whole) {
            self.later(device, after, OnTheWay::Cut { life });
        }
        if let Some(after) = self.censor.probes() {
            self.visit_later(device, after, to.clone());
        }
        self.devices[device].roads_version += 1;
        if let Some(roads) = &mut self.devices[device].roads {
            roads.connection = Some(Connection { attempt, road, to, carriage, moved: HANDSHAKE, frozen: false, free, watch });
        }
        self.later(device, Duration::from_secs(1), OnTheWay::Look { life });
        self.devices[device].link = Link::Up { watcher: self.new_watcher() };
        self.input(device, Input::Connected)
    }

    /// The app's watch, and HTTP/2's keepalive.
    fn look(&mut self, device: usize, life: u64) {
        let now = self.now();
        let Some(connection) = self.devices[device].roads.as_mut().and_then(|roads| roads.connection.as_mut()) else { return };
        let asks = connection.watch.handle_moved(connection.moved, now);
        if asks && !connection.frozen {
            connection.moved.received += AROUND; // the sign of life
        }
        if connection.frozen {
            let after = if asks { PROOF_TIME_MAX } else { KEEPALIVE + KEEPALIVE_ANSWER_MAX };
            self.later(device, after, OnTheWay::GiveUp { life });
        }
        self.later(device, Duration::from_secs(1), OnTheWay::Look { life });
    }

    fn give_up(&mut self, device: usize) {
        self.forget_connection(device, End::Silent);
        self.cut(device);
    }

    fn cut(&mut self, device: usize) {
        self.lose_connection(device);
        self.later(device, Duration::ZERO, OnTheWay::Wake);
    }

    fn cut_forbidden(&mut self) {
        for device in 0..self.devices.len() {
            self.censor_media(device);
            let Some(connection) = self.devices[device].roads.as_mut().and_then(|roads| roads.connection.as_mut()) else {
                continue;
            };
            if self.censor.knows(&connection.to.host) && connection.carriage == Carriage::Whole {
                // Its packets vanish, and neither side is told.
                connection.frozen = true;
            } else if !self.censor.lets_stand(&connection.to) {
                self.cut(device);
            }
        }
    }

    /// A call hears nothing any more: the app asks for a sign of life.
    pub(crate) fn suspect(&mut self, device: usize) {
        let life = self.devices[device].life;
        let Some(connection) = self.devices[device].roads.as_mut().and_then(|roads| roads.connection.as_mut()) else { return };
        if connection.frozen {
            self.later(device, PROOF_TIME_MAX, OnTheWay::GiveUp { life });
        } else {
            connection.moved.sent += AROUND;
            connection.moved.received += AROUND;
        }
    }

    /// Somebody was connected to there, and the censor goes and looks.
    pub(crate) fn visit_later(&mut self, device: usize, after: Duration, to: Endpoint) {
        self.later(device, after, OnTheWay::Probed { to });
    }
}
