//! Stories of a call's voices behind a censor: as long as one road is open, everybody is heard again soon after each new block, in
//! the same seat. And of an SFU that lies about whose voice it is, or gives it to who has left.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use umweg_client::command::{Command, Look};
use umweg_client::view::{CallState, CallView, ProxyUse};
use umweg_road::Form;
use umweg_wire::CallId;
use umweg_world::{FINDING_MAX, MediaLie, Person, Rule, Temper, World, oracle, proxy, service};

const SERVICE: &str = "service";
/// Silence is noticed in some seconds, a road found in some more.
const SOON: Duration = Duration::from_secs(30);
const SECOND: Duration = Duration::from_secs(1);

#[test]
fn where_udp_works_a_call_makes_no_connection() -> Result<()> {
    let mut story = Story::begin(1, 2)?;
    story.goes_on_for(SECOND * 60)?;
    assert_eq!(story.ways(), (true, 0));
    Ok(())
}

#[test]
fn whatever_is_blocked_in_the_call_everybody_is_heard_again_soon_and_keeps_the_seat() -> Result<()> {
    let blocked = |host: &str| Rule::Address(host.to_owned());
    let frozen = |host: &str| Rule::FreezesTo(host.to_owned(), 15_000);
    let stages: [(&str, Vec<Rule>); 9] = [
        ("UDP", vec![Rule::Udp]),
        ("and connections to the service freeze", vec![Rule::Udp, frozen(SERVICE)]),
        ("and its address is blocked", vec![blocked(SERVICE)]),
        ("a proxy is blocked, too", vec![blocked(SERVICE), blocked("proxy0")]),
        ("the other one instead", vec![blocked(SERVICE), blocked("proxy1")]),
        ("connections to a proxy freeze", vec![blocked(SERVICE), frozen("proxy0")]),
        ("TLS is recognised", vec![blocked(SERVICE), Rule::Protocol(Form::Tls)]),
        ("names have no addresses", vec![Rule::Udp, Rule::Name(SERVICE.to_owned()), Rule::Name("proxy0".to_owned())]),
        ("only UDP passes whole", vec![Rule::Freezes(15_000)]),
    ];
    for last in 0..stages.len() {
        let mut story = Story::begin(2, 2)?;
        let before = story.seats()?;
        for (what, rules) in &stages[last.saturating_sub(1)..=last] {
            story.world.censor(rules.clone());
            story.are_heard_again(SOON, what)?;
            story.world.run_for(SOON)?;
            story.are_heard_again(SOON, what)?;
        }
        assert!(story.seats()? == before, "after “{}” the seats are others", stages[last].0);
    }
    Ok(())
}

#[test]
fn where_what_goes_to_the_one_open_name_is_cut_again_and_again_they_are_heard_each_minute() -> Result<()> {
    let mut story = Story::begin(2, 2)?;
    let blocked = |host: &str| Rule::Address(host.to_owned());
    story.world.censor(vec![blocked(SERVICE), blocked("proxy0"), Rule::Resets("proxy1".to_owned(), SECOND * 5)]);
    for _ in 0..5 {
        story.are_heard_again(SECOND * 60 + SOON, "in that minute")?;
        story.world.run_for(SECOND * 30)?;
    }
    Ok(())
}

#[test]
fn where_udp_works_the_loss_of_every_connection_is_not_heard() -> Result<()> {
    let mut story = Story::begin(3, 1)?;
    story.world.censor(vec![Rule::Resets(SERVICE.to_owned(), SECOND * 5), Rule::Resets("proxy0".to_owned(), SECOND * 5)]);
    story.goes_on_for(SECOND * 20)
}

#[test]
fn a_second_road_carries_the_voice_when_the_first_one_is_cut() -> Result<()> {
    let mut story = Story::begin(4, 2)?;
    story.world.censor(vec![Rule::Udp, Rule::Address(SERVICE.to_owned())]);
    story.are_heard_again(SOON, "by a proxy")?;
    story.world.run_until(SOON, "and by the other", |world| Ok(world.media_ways(1) == Some((false, 2))))?;
    story.world.run_for(SECOND * 2)?;
    story.world.censor(vec![Rule::Udp, Rule::Address(SERVICE.to_owned()), Rule::Address("proxy0".to_owned())]);
    story.goes_on_for(SECOND * 30)
}

#[test]
fn only_by_proxy_means_that_no_voice_goes_by_udp_from_that_moment_on() -> Result<()> {
    let mut story = Story::begin(5, 1)?;
    assert_eq!(story.ways(), (true, 0));
    story.world.command(story.behind.device, Command::UseProxies { when: ProxyUse::Always })?;
    story.world.run_for(Duration::from_millis(20))?;
    assert!(!story.ways().0);
    story.are_heard_again(SOON, "by the proxy")?;
    assert_eq!(story.ways(), (false, 1));
    Ok(())
}

#[test]
fn an_sfu_that_swaps_voices_is_not_believed() -> Result<()> {
    let mut story = Story::begin_with(6, 0, 3)?;
    story.world.turn_media(MediaLie::Swaps);
    story.world.run_for(SECOND * 5)?;
    for one in &story.people {
        assert!(story.world.misnamed(one.device) > 0, "device {} noticed nothing", one.device);
        assert!(story.people.iter().all(|other| !story.world.hears(one.device, other.device)), "it is played as somebody else's");
    }
    Ok(())
}

#[test]
fn what_is_said_after_somebody_left_opens_with_nothing_they_ever_had() -> Result<()> {
    let mut story = Story::begin_with(7, 0, 3)?;
    let left = story.people[2];
    story.world.turn_media(MediaLie::ForwardsTo { device: left.device });
    story.world.command(left.device, Command::LeaveCall { call: story.call })?;
    story.people.truncate(2);
    story.world.run_for(SECOND * 2)?;
    let last = story.world.overheard(left.device).context("until the keys change they are heard")?;
    story.goes_on_for(SECOND * 30)?;
    assert!(story.world.overheard(left.device) == Some(last), "the others spoke under a key of before");
    Ok(())
}

/// A call of two or more. The second is behind a censor.
struct Story {
    world: World,
    people: Vec<Person>,
    behind: Person,
    call: CallId,
}

impl Story {
    fn begin(seed: u64, proxies: u8) -> Result<Self> {
        Self::begin_with(seed, proxies, 2)
    }

    fn begin_with(seed: u64, proxies: u8, people: usize) -> Result<Self> {
        let mut world = World::new(seed, Temper::CALM);
        let people = world.acquainted(people)?;
        let group = world.group(&people)?;
        let behind = people[1];
        let proxies: Vec<_> = (0..proxies).map(proxy).collect();
        world.give_roads(behind.device, &service(), &proxies, ProxyUse::WhenBlocked)?;
        world.run_until(FINDING_MAX, "it is connected", |world| Ok(world.road(behind.device).is_some()))?;
        world.command(people[0].device, Command::StartCall { chat: group, video: false })?;
        let calls = |world: &World, person: Person| Ok::<_, anyhow::Error>(world.view(person.device, &Look::default())?.calls);
        for person in &people[1..] {
            world.run_until(SOON, "it is heard of", |world| Ok(!calls(world, *person)?.is_empty()))?;
            let call = calls(&world, *person)?[0].id;
            world.command(person.device, Command::JoinCall { call, video: false })?;
        }
        let call = calls(&world, people[0])?[0].id;
        let mut story = Self { world, people, behind, call };
        story.are_heard_again(SOON, "the call begins")?;
        Ok(story)
    }

    fn are_heard_again(&mut self, within: Duration, what: &str) -> Result<()> {
        // Nobody counts as heard for what they said before.
        self.world.run_for(SECOND)?;
        let (people, call) = (&self.people, self.call);
        self.world.run_until(within, what, |world| Ok(oracle::all_hear_all(world, people, call).is_ok()))
    }

    /// Nobody falls silent for a second.
    fn goes_on_for(&mut self, time: Duration) -> Result<()> {
        let end = self.world.now().after(time);
        while self.world.now() < end {
            self.world.run_for(Duration::from_millis(100))?;
            oracle::all_hear_all(&self.world, &self.people, self.call)?;
        }
        Ok(())
    }

    fn ways(&self) -> (bool, usize) {
        self.world.media_ways(self.behind.device).unwrap_or_default()
    }

    /// Who is in, in which seat, as everybody sees it.
    fn seats(&self) -> Result<Vec<(umweg_wire::AccountId, Option<u32>, u32)>> {
        let mut seats = Vec::new();
        for person in &self.people {
            let shown = panel(&self.world, *person, self.call)?;
            ensure!(matches!(shown.state, CallState::In { .. }), "device {} is not in", person.device);
            seats.extend(shown.present.iter().map(|row| (row.account, row.participant, row.leaf)));
        }
        Ok(seats)
    }
}

fn panel(world: &World, person: Person, call: CallId) -> Result<CallView> {
    world.view(person.device, &Look { call: Some(call), ..Look::default() })?.call.context("the call")
}
