//! The ranking's behaviour, by a device that lives through events with its own clock.

use proptest::prelude::*;
use umweg_wire::limits::{DIAL_GAP, DIALS_PER_MINUTE_MAX};

use super::*;
use crate::choice::{Form, Way};

#[test]
fn the_direct_road_comes_first_and_a_proxy_when_it_fails() {
    let mut device = Device::new(1, ProxyUse::WhenBlocked);
    let direct = device.dialed();
    assert_eq!(device.name(direct), "service Tls");
    device.fails(direct, Failure::Broken);
    device.pass(DIAL_GAP);
    let proxy = device.dialed();
    assert_eq!(device.name(proxy), "proxy0 Tls");
    device.ranking.handle_result(proxy, Ok(()), device.now);
    assert!(matches!(&device.ranking.road().unwrap().way, Way::Via(proxy) if proxy.host == "proxy0"));
    device.pass(Duration::from_secs(600));
    assert!(device.poll().is_none(), "who has a road dials no other");
}

#[test]
fn a_slow_road_gets_its_time_and_then_company() {
    let mut device = Device::new(1, ProxyUse::WhenBlocked);
    let direct = device.dialed();
    device.pass(PATIENCE - Duration::from_millis(1));
    assert!(device.poll().is_none());
    device.pass(Duration::from_millis(1));
    let proxy = device.dialed();
    device.ranking.handle_result(direct, Ok(()), device.now);
    assert!(device.poll() == Some(Output::Drop(proxy)), "the other attempt is dropped");
}

#[test]
fn always_means_no_direct_attempt_and_never_means_no_proxy() {
    for (when, forbidden) in [(ProxyUse::Always, "service"), (ProxyUse::Never, "proxy")] {
        let mut device = Device::new(3, when);
        for _ in 0..50 {
            if let Some(Output::Dial { attempt, road, .. }) = device.poll() {
                assert!(!road.name(&service()).starts_with(forbidden));
                device.fails(attempt, Failure::NoConnection);
            }
            device.pass(Duration::from_secs(1));
        }
    }
}

#[test]
fn without_a_proxy_always_waits_for_one() {
    let mut device = Device::new(0, ProxyUse::Always);
    assert!(device.poll().is_none() && device.ranking.poll_timeout(device.now).is_none());
    device.ranking.handle_roads(vec![proxy(7)], ProxyUse::Always, device.now);
    let attempt = device.dialed();
    assert_eq!(device.name(attempt), "proxy7 Tls");
}

#[test]
fn the_winner_is_dialed_first_on_its_network_and_nowhere_else() {
    let mut device = Device::new(1, ProxyUse::WhenBlocked);
    let direct = device.dialed();
    device.fails(direct, Failure::Broken);
    device.pass(DIAL_GAP);
    let proxy = device.dialed();
    device.ranking.handle_result(proxy, Ok(()), device.now);
    device.pass(Duration::from_secs(300));

    device.ranking.handle_network(NetworkTag("café".into()), device.now);
    assert!(device.poll() == Some(Output::Drop(proxy)));
    let direct = device.dialed();
    assert_eq!(device.name(direct), "service Tls");
    device.ranking.handle_result(direct, Ok(()), device.now);
    device.pass(Duration::from_secs(300));

    device.ranking.handle_network(NetworkTag::default(), device.now);
    assert!(device.poll() == Some(Output::Drop(direct)));
    let first = device.dialed();
    assert_eq!(device.name(first), "proxy0 Tls");

    let winners = serde_json::to_string(device.ranking.winners()).unwrap();
    let mut later = Ranking::new(service(), serde_json::from_str(&winners).unwrap(), 0);
    later.handle_roads(vec![self::proxy(0)], ProxyUse::WhenBlocked, device.now);
    assert!(matches!(later.poll_output(), Some(Output::Dial { road, .. }) if road.way != Way::Direct), "it outlives the program");
}

#[test]
fn when_a_proxy_dies_the_second_one_takes_over_within_seconds() {
    let mut device = Device::new(2, ProxyUse::Always);
    let first = device.dialed();
    device.ranking.handle_result(first, Ok(()), device.now);
    device.pass(Duration::from_secs(600));
    let died = device.now;
    device.ranking.handle_lost(first, device.now);
    let again = device.dialed();
    assert_eq!(device.name(again), "proxy0 Tls", "after a good life it is asked first");
    device.fails(again, Failure::NoConnection);
    device.pass(DIAL_GAP);
    let second = device.dialed();
    assert_eq!(device.name(second), "proxy1 Tls");
    device.ranking.handle_result(second, Ok(()), device.now);
    assert!(device.now.since(died) <= Duration::from_secs(1));
}

#[test]
fn a_proxy_that_is_taken_away_is_left_at_once() {
    let mut device = Device::new(1, ProxyUse::Always);
    let attempt = device.dialed();
    device.ranking.handle_result(attempt, Ok(()), device.now);
    device.ranking.handle_roads(vec![], ProxyUse::WhenBlocked, device.now);
    assert!(device.poll() == Some(Output::Drop(attempt)) && device.ranking.road().is_none());
}

#[test]
fn a_service_that_restarts_is_found_again_soon_although_it_refused_many_times() {
    let mut device = Device::new(0, ProxyUse::Never);
    for _ in 0..6 {
        while device.poll().is_some_and(|output| match output {
            Output::Dial { attempt, .. } => {
                device.fails(attempt, Failure::NoConnection);
                true
            }
            Output::Drop(_) => false,
        }) {}
        device.pass(Duration::from_secs(4));
    }
    let due = device.ranking.poll_timeout(device.now).unwrap();
    assert!(due.since(device.now) <= LONGEST_WAIT.mul_f64(1.25));
}

#[test]
fn a_road_that_freezes_gives_way_to_others_and_goes_in_bites_where_all_freeze() {
    let mut device = Device::new(1, ProxyUse::WhenBlocked);
    for (name, carriage) in [("service Tls", Carriage::Whole), ("proxy0 Tls", Carriage::Whole), ("service Tls", Carriage::Bites)] {
        let (attempt, how) = device.dialed_how();
        assert_eq!((device.name(attempt), how), (name, carriage));
        device.ranking.handle_result(attempt, Ok(()), device.now);
        device.pass(Duration::from_secs(30));
        if carriage == Carriage::Whole {
            device.ranking.handle_frozen(attempt, device.now);
        }
    }
    assert!(device.ranking.road().is_some());
}

#[test]
fn what_freezes_is_remembered_for_the_network_and_tried_whole_later() {
    let mut device = Device::new(0, ProxyUse::Never);
    let (whole, _) = device.dialed_how();
    device.ranking.handle_result(whole, Ok(()), device.now);
    device.pass(Duration::from_secs(30));
    device.ranking.handle_frozen(whole, device.now);
    let (in_bites, carriage) = device.dialed_how();
    assert_eq!(carriage, Carriage::Bites);
    device.ranking.handle_result(in_bites, Ok(()), device.now);

    let winners: Winners = serde_json::from_str(&serde_json::to_string(device.ranking.winners()).unwrap()).unwrap();
    for (later, carriage) in [(FROZEN_KEPT / 2, Carriage::Bites), (FROZEN_KEPT, Carriage::Whole)] {
        let mut restarted = Ranking::new(service(), winners.clone(), 0);
        restarted.handle_roads(vec![], ProxyUse::Never, device.now.after(later));
        assert!(matches!(restarted.poll_output(), Some(Output::Dial { carriage: how, .. }) if how == carriage));
    }
    device.ranking.handle_network(NetworkTag("elsewhere".into()), device.now);
    assert!(device.poll() == Some(Output::Drop(in_bites)));
    device.pass(Duration::from_secs(60));
    assert_eq!(device.dialed_how().1, Carriage::Whole);
}

#[test]
fn by_hand_everything_goes_in_bites_or_nothing() {
    for (bites, carriage) in [(BitesUse::Always, Carriage::Bites), (BitesUse::Never, Carriage::Whole)] {
        let mut ranking = Ranking::new(service(), Winners::default(), 7);
        ranking.handle_bites(bites, Timestamp(1_000_000));
        ranking.handle_roads(vec![], ProxyUse::Never, Timestamp(1_000_000));
        assert!(matches!(ranking.poll_output(), Some(Output::Dial { carriage: how, .. }) if how == carriage));
    }
}

#[test]
fn a_road_that_goes_otherwise_than_is_wished_now_is_dialed_anew_and_another_stays() {
    let mut device = Device::new(0, ProxyUse::Never);
    let (whole, how) = device.dialed_how();
    assert_eq!(how, Carriage::Whole);
    device.ranking.handle_result(whole, Ok(()), device.now);
    device.ranking.handle_bites(BitesUse::Never, device.now);
    assert!(device.poll().is_none(), "it goes as is wished already");

    device.ranking.handle_bites(BitesUse::Always, device.now);
    assert!(device.poll() == Some(Output::Drop(whole)));
    device.pass(Duration::from_secs(60));
    let (in_bites, how) = device.dialed_how();
    assert_eq!(how, Carriage::Bites);
    device.ranking.handle_bites(BitesUse::WhenFrozen, device.now);
    assert!(device.poll() == Some(Output::Drop(in_bites)), "also while it is being dialed");
}

#[test]
fn that_connections_are_frozen_is_known_for_a_while_and_in_that_network() {
    let mut device = Device::new(0, ProxyUse::Never);
    device.ranking.handle_bites(BitesUse::Never, device.now);
    let attempt = device.dialed();
    device.ranking.handle_result(attempt, Ok(()), device.now);
    assert!(!device.ranking.freezes(device.now));
    device.ranking.handle_frozen(attempt, device.now);
    assert!(device.ranking.freezes(device.now));
    assert!(!device.ranking.freezes(device.now.after(FROZEN_KEPT)));
    device.ranking.handle_network(NetworkTag("elsewhere".into()), device.now);
    assert!(!device.ranking.freezes(device.now));
}

#[test]
fn who_waits_is_told_when_the_next_try_is_and_it_happens_then() {
    let mut device = Device::new(0, ProxyUse::Never);
    let attempt = device.dialed();
    assert_eq!(device.ranking.next_try(device.now), None, "one is being tried");
    device.fails(attempt, Failure::NoConnection);
    let mut waits = Vec::new();
    for _ in 0..20 {
        let at = device.ranking.next_try(device.now).expect("nothing is being tried, and there is a road");
        device.pass(at.since(device.now) - Duration::from_millis(1));
        assert!(device.poll().is_none() && device.ranking.next_try(device.now) == Some(at), "it neither comes early nor moves");
        device.pass(Duration::from_millis(1));
        let attempt = device.dialed();
        assert_eq!(device.ranking.next_try(device.now), None);
        device.fails(attempt, Failure::NoConnection);
        waits.push(at);
    }
    let took = waits[19].since(waits[0]);
    assert!(took >= LONGEST_WAIT * 2, "what fails again and again is tried seldom, in either form: {took:?}");

    device.pass(LONGEST_WAIT * 2);
    let attempt = device.dialed();
    device.ranking.handle_result(attempt, Ok(()), device.now);
    assert_eq!(device.ranking.next_try(device.now), None, "there is a road");
}

/// What may happen to a device.
#[derive(Clone, Debug)]
enum Happens {
    Passes(u64),
    Result(usize, bool),
    NoConnection(usize),
    Lost,
    Network(u8),
    Proxies(u8, ProxyUse),
}

fn happens() -> impl Strategy<Value = Happens> {
    prop_oneof![
        6 => (0u64..4_000).prop_map(Happens::Passes),
        1 => (10_000u64..100_000).prop_map(Happens::Passes),
        4 => (any::<usize>(), proptest::bool::weighted(0.2)).prop_map(|(which, well)| Happens::Result(which, well)),
        1 => any::<usize>().prop_map(Happens::NoConnection),
        2 => Just(Happens::Lost),
        1 => (0u8..3).prop_map(Happens::Network),
        1 => (0u8..5, prop_oneof![Just(ProxyUse::WhenBlocked), Just(ProxyUse::Always), Just(ProxyUse::Never)])
            .prop_map(|(count, when)| Happens::Proxies(count, when)),
    ]
}

proptest! {
    /// Whatever happens: dials are 400 ms apart, no name gets more than three connections in any minute, only allowed roads are
    /// dialed, and there is always a next moment while a road is sought and allowed.
    #[test]
    fn spacing_holds_whatever_happens(events in proptest::collection::vec(happens(), 0..200)) {
        let mut device = Device::new(2, ProxyUse::WhenBlocked);
        let mut when = ProxyUse::WhenBlocked;
        let mut last: Option<Timestamp> = None;
        let mut connections: BTreeMap<String, Vec<(Attempt, Timestamp)>> = BTreeMap::new();
        let mut open: Vec<Attempt> = Vec::new();
        for event in std::iter::once(Happens::Passes(0)).chain(events) {
            match event {
                Happens::Passes(ms) => device.pass(Duration::from_millis(ms)),
                Happens::Result(which, well) if !open.is_empty() && device.ranking.road().is_none() => {
                    let attempt = open[which % open.len()];
                    device.ranking.handle_result(attempt, if well { Ok(()) } else { Err(Failure::Broken) }, device.now);
                    if !well { open.retain(|other| *other != attempt); }
                }
                Happens::NoConnection(which) if !open.is_empty() && device.ranking.road().is_none() => {
                    let attempt = open.remove(which % open.len());
                    connections.values_mut().for_each(|made| made.retain(|(other, _)| *other != attempt));
                    device.ranking.handle_result(attempt, Err(Failure::NoConnection), device.now);
                }
                Happens::Lost => {
                    if let State::On(Dialed { attempt, .. }) = device.ranking.state {
                        open.retain(|other| *other != attempt);
                        device.ranking.handle_lost(attempt, device.now);
                    }
                }
                Happens::Network(number) => device.ranking.handle_network(NetworkTag(number.to_string()), device.now),
                Happens::Proxies(count, other) => {
                    when = other;
                    device.ranking.handle_roads((0..count).map(proxy).collect(), when, device.now);
                }
                Happens::Result(..) | Happens::NoConnection(_) => {}
            }
            while let Some(output) = device.poll() {
                match output {
                    Output::Drop(attempt) => open.retain(|other| *other != attempt),
                    Output::Dial { attempt, road, .. } => {
                        prop_assert!(allowed(&road, when));
                        prop_assert!(last.is_none_or(|last| device.now.since(last) >= DIAL_GAP));
                        last = Some(device.now);
                        let made = connections.entry(road.name(&service()).to_owned()).or_default();
                        made.push((attempt, device.now));
                        let recent = made.iter().filter(|(_, at)| device.now.since(*at) < Duration::from_secs(60)).count();
                        prop_assert!(recent <= DIALS_PER_MINUTE_MAX, "{recent} to one name");
                        open.push(attempt);
                    }
                }
            }
            let free = device.ranking.usable().len() > open.len();
            prop_assert!(device.ranking.road().is_some() || !free || device.ranking.poll_timeout(device.now).is_some());
        }
    }
}

/// A device with a clock.
struct Device {
    ranking: Ranking,
    now: Timestamp,
    names: BTreeMap<Attempt, String>,
}

impl Device {
    fn new(proxies: u8, when: ProxyUse) -> Self {
        let now = Timestamp(1_000_000);
        let mut ranking = Ranking::new(service(), Winners::default(), 7);
        ranking.handle_roads((0..proxies).map(proxy).collect(), when, now);
        Self { ranking, now, names: BTreeMap::new() }
    }

    fn pass(&mut self, time: Duration) {
        self.now = self.now.after(time);
        self.ranking.handle_timeout(self.now);
    }

    fn poll(&mut self) -> Option<Output> {
        let output = self.ranking.poll_output();
        if let Some(Output::Dial { attempt, road, .. }) = &output {
            self.names.insert(*attempt, format!("{} {:?}", road.name(&service()), road.form));
        }
        output
    }

    fn dialed(&mut self) -> Attempt {
        self.dialed_how().0
    }

    fn dialed_how(&mut self) -> (Attempt, Carriage) {
        match self.poll() {
            Some(Output::Dial { attempt, carriage, .. }) => (attempt, carriage),
            _ => panic!("nothing was dialed"),
        }
    }

    fn name(&self, attempt: Attempt) -> &str {
        &self.names[&attempt]
    }

    fn fails(&mut self, attempt: Attempt, failure: Failure) {
        self.ranking.handle_result(attempt, Err(failure), self.now);
    }
}

fn service() -> ServiceLink {
    ServiceLink {
        host: "service".into(),
        static_key: vec![1; 32],
        tls_port: 443,
        plain_port: 80,
        path: "/live".into(),
        ..Default::default()
    }
}

fn proxy(number: u8) -> ProxyLink {
    ProxyLink { host: format!("proxy{number}"), tls_port: 443, bare_port: 5222, path: "/x".into(), ..Default::default() }
}

#[test]
fn the_least_conspicuous_form_goes_first() {
    let mut device = Device::new(1, ProxyUse::WhenBlocked);
    let mut forms = Vec::new();
    for _ in 0..4 {
        let attempt = device.dialed();
        forms.push(device.name(attempt).to_owned());
        device.pass(PATIENCE);
    }
    assert_eq!(forms, ["service Tls", "proxy0 Tls", "service Plain", "proxy0 Bare"]);
    assert!(Form::Tls < Form::Plain && Form::Plain < Form::Bare);
}
