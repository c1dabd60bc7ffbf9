//! Each promise of the ways, without a socket.

use umweg_wire::proto::v1::ProxyLink;

use super::*;
use crate::choice::Form;

const START: Timestamp = Timestamp(1_000_000);
const UDP_PORT: u16 = 10_000;

fn service() -> ServiceLink {
    ServiceLink { host: "service".to_owned(), tls_port: 443, ..Default::default() }
}

fn direct() -> RoadChoice {
    RoadChoice::direct(Form::Tls)
}

fn via(host: &str) -> RoadChoice {
    RoadChoice::via(ProxyLink { host: host.to_owned(), tls_port: 443, ..Default::default() }, Form::Tls)
}

/// Ways whose program does at once what it is told, as far as the roads carry.
struct App {
    ways: MediaWays,
    now: Timestamp,
    roads: Vec<RoadChoice>,
    closed_to_links: Vec<RoadChoice>,
    dialed: Vec<(Timestamp, RoadChoice)>,
    standing: Vec<(LinkId, RoadChoice)>,
    udp_opened: usize,
    udp_closed: usize,
    suspected: usize,
}

impl App {
    fn on(road: &RoadChoice, roads: &[RoadChoice]) -> Self {
        let mut app = Self {
            ways: MediaWays::new(service()),
            now: START,
            roads: roads.to_vec(),
            closed_to_links: Vec::new(),
            dialed: Vec::new(),
            standing: Vec::new(),
            udp_opened: 0,
            udp_closed: 0,
            suspected: 0,
        };
        app.ways.handle_roads(Some(road.clone()), app.roads.clone(), app.now);
        app.ways.handle_seat(UDP_PORT, app.now);
        app.execute();
        app
    }

    fn road(&mut self, road: Option<RoadChoice>) {
        self.ways.handle_roads(road, self.roads.clone(), self.now);
        self.execute();
    }

    fn execute(&mut self) {
        while let Some(output) = self.ways.poll_output() {
            match output {
                Output::OpenUdp { .. } => {
                    self.udp_opened += 1;
                    self.ways.handle_udp_open();
                }
                Output::CloseUdp => self.udp_closed += 1,
                Output::Dial { link, road } => {
                    self.dialed.push((self.now, road.clone()));
                    if self.closed_to_links.contains(&road) {
                        self.ways.handle_link_down(link, ranking::Failure::Broken, self.now);
                    } else {
                        self.standing.push((link, road));
                        self.ways.handle_link_up(link, self.now);
                    }
                }
                Output::Drop(link) => self.standing.retain(|(standing, _)| *standing != link),
                Output::Suspect => self.suspected += 1,
            }
        }
    }

    /// Checks and voice go out; what goes by a link is answered, what goes by UDP if it is `open`.
    fn talks(&mut self, time: Duration, udp_is_open: bool) {
        let end = self.now.after(time);
        while self.now < end {
            for role in [Role::Check, Role::Other] {
                let ways = self.ways.handle_outgoing(role, Class::Urgent, self.now);
                if ways.udp && udp_is_open {
                    self.ways.handle_from_udp(role == Role::Check);
                }
                for link in ways.links.into_iter().flatten() {
                    self.ways.handle_from_link(link, self.now);
                }
            }
            self.now = self.now.after(Duration::from_millis(20));
            if self.ways.poll_timeout().is_some_and(|due| due <= self.now) {
                self.ways.handle_timeout(self.now);
            }
            self.execute();
        }
    }

    fn breaks(&mut self, road: &RoadChoice) {
        let broken: Vec<_> = self.standing.iter().filter(|(_, of)| of == road).map(|(link, _)| *link).collect();
        self.standing.retain(|(_, of)| of != road);
        for link in broken {
            self.ways.handle_link_down(link, ranking::Failure::Broken, self.now);
        }
        self.execute();
    }

    fn voice(&mut self) -> Ways {
        self.ways.handle_outgoing(Role::Other, Class::Urgent, self.now)
    }

    fn stands(&self) -> Vec<&RoadChoice> {
        self.standing.iter().map(|(_, road)| road).collect()
    }
}

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn where_udp_works_there_is_no_connection_and_the_loss_of_the_road_is_not_heard() {
    let mut app = App::on(&direct(), &[direct(), via("one")]);
    app.talks(SECOND * 5, true);
    app.road(None);
    app.talks(SECOND * 5, true);
    assert_eq!(app.voice(), Ways { udp: true, links: [None; 2] });
    app.road(Some(direct()));
    app.talks(SECOND * 5, true);
    assert_eq!((app.dialed.len(), app.udp_closed), (0, 0));
    assert_eq!(app.udp_opened, 2, "once more when the road is back: our address may be another");
}

#[test]
fn a_road_that_is_forbidden_is_left_at_once() {
    let mut app = App::on(&direct(), &[direct(), via("one")]);
    app.talks(SECOND, true);
    app.roads = vec![via("one")];
    app.road(Some(direct())); // the road itself is changed a moment later
    assert_eq!(app.voice(), Ways::default());
    assert_eq!(app.udp_closed, 1);

    let mut app = App::on(&direct(), &[direct(), via("one")]);
    app.talks(SECOND * 2, false);
    assert!(app.stands() == [&direct(), &via("one")]);
    app.roads = vec![via("one")];
    app.road(None);
    assert!(app.stands() == [&via("one")]);
    assert!(app.voice().links[0].is_some() && !app.voice().udp, "the second carries the call");
}

#[test]
fn a_link_that_stands_is_used_until_the_next_one_does_and_kept_as_the_second() {
    let mut app = App::on(&via("one"), &[via("one"), via("two")]);
    app.talks(SECOND * 2, false);
    assert!(app.stands() == [&via("one"), &via("two")]);
    app.road(Some(via("two")));
    assert_eq!(app.dialed.len(), 2, "the second becomes the first, and none is dialed");
    app.breaks(&via("two"));
    assert!(app.voice().links[0].is_some());
    assert_eq!(app.suspected, 1);
}

#[test]
fn where_the_road_of_the_moment_carries_no_media_another_one_does() {
    let mut app = App::on(&via("one"), &[direct(), via("one"), via("two")]);
    app.closed_to_links = vec![via("one")];
    app.breaks(&via("one"));
    app.talks(SECOND, false);
    assert!(app.stands() == [&via("two")]);
    assert!(app.voice().links[0].is_some());
    app.closed_to_links.clear();
    app.talks(SECOND * 90, false);
    assert!(app.stands() == [&via("two"), &via("one")], "and the road of the moment, once it does again");
}

#[test]
fn what_breaks_again_and_again_is_dialed_three_times_a_minute() {
    let mut app = App::on(&via("one"), &[via("one")]);
    for _ in 0..300 {
        app.talks(SECOND, false);
        app.breaks(&via("one"));
    }
    let within = |from: Timestamp| app.dialed.iter().filter(|(at, _)| *at >= from && at.since(from) < SECOND * 60).count();
    assert!(app.dialed.iter().all(|(at, _)| within(*at) <= 3), "{} in five minutes", app.dialed.len());
    assert!(app.dialed.len() >= 13);
}

#[test]
fn what_never_was_a_connection_does_not_count() {
    let mut ways = MediaWays::new(service());
    ways.handle_roads(Some(via("one")), vec![via("one")], START);
    ways.handle_seat(0, START);
    let (mut now, mut dialed) = (START, 0);
    while now < START.after(SECOND * 30) {
        while let Some(output) = ways.poll_output() {
            if let Output::Dial { link, .. } = output {
                dialed += 1;
                ways.handle_link_down(link, ranking::Failure::NoConnection, now);
            }
        }
        now = now.after(TICK);
        ways.handle_timeout(now);
    }
    assert!(dialed >= 25, "{dialed}");
}

#[test]
fn another_seat_begins_anew() {
    let mut app = App::on(&via("one"), &[via("one")]);
    app.talks(SECOND, false);
    let before = app.standing.clone();
    app.ways.handle_seat(UDP_PORT, app.now);
    app.execute();
    assert!(app.standing.len() == 1 && app.standing != before, "the ticket of before is nobody's");
}
