//! Stories behind a censor: as long as one road is open, messages and calls get through.

use std::time::Duration;

use anyhow::{Context, Result};
use umweg_client::command::{Command, Look};
use umweg_client::view::{CallState, Line, ProxyUse};
use umweg_road::{Carriage, Form, Way};
use umweg_wire::LogId;
use umweg_wire::links::Linked;
use umweg_wire::proto::v1::ProxyLink;
use umweg_world::oracle::{self, lines};
use umweg_world::{FINDING_MAX, Person, Rule, Temper, World, proxy, service};

#[test]
fn whatever_is_blocked_the_road_that_is_open_is_found() -> Result<()> {
    let mut story = Story::begin(1, 2)?;
    let blocked = |host: &str| Rule::Address(host.to_owned());
    let stages: [(&str, Vec<Rule>, &str, Form); 6] = [
        ("nothing is blocked", vec![], SERVICE, Form::Tls),
        ("the service's address is", vec![blocked(SERVICE)], "proxy0", Form::Tls),
        ("a proxy's name, too", vec![blocked(SERVICE), Rule::Name("proxy0".to_owned())], "proxy1", Form::Tls),
        ("all of HTTPS is", vec![blocked(SERVICE), Rule::Port(443)], "proxy", Form::Plain),
        (
            "upgrades and TLS are recognised",
            vec![blocked(SERVICE), Rule::Port(443), Rule::Protocol(Form::Plain)],
            "proxy",
            Form::Bare,
        ),
        (
            "one proxy is left, on one port",
            vec![blocked(SERVICE), blocked("proxy1"), Rule::Port(80), Rule::Protocol(Form::Bare)],
            "proxy0",
            Form::Tls,
        ),
    ];
    for (what, rules, host, form) in stages {
        story.world.censor(rules);
        story.both_say(what)?;
        let (road, _) = story.world.road(story.behind.device).context("they are connected")?;
        let by = match &road.way {
            Way::Direct => SERVICE,
            Way::Via(proxy) => &proxy.host,
        };
        assert!(by.starts_with(host) && road.form == form, "{what}: by {by}, {:?}", road.form);
    }
    story.nothing_lost()
}

#[test]
fn where_every_connection_is_frozen_messages_go_in_bites() -> Result<()> {
    let mut story = Story::begin(2, 1)?;
    story.world.censor(vec![Rule::Freezes(15_000)]);
    for number in 0..30 {
        story.both_say(&format!("message {number}"))?;
    }
    let (_, carriage) = story.world.road(story.behind.device).context("they are connected")?;
    assert_eq!(carriage, Carriage::Bites);
    story.nothing_lost()
}

#[test]
fn where_every_connection_is_frozen_more_than_one_carries_is_caught_up_with() -> Result<()> {
    let mut story = Story::begin(8, 1)?;
    story.world.censor(vec![Rule::Freezes(15_000)]);
    story.world.go_away(story.behind.device);
    for number in 0..50 {
        story.says(story.free, &format!("{number} {}", "at length ".repeat(50)))?;
    }
    story.world.come_back(story.behind.device);
    story.both_say("and now")?;
    story.nothing_lost()
}

#[test]
fn a_frozen_connection_that_is_cut_before_it_is_given_up_was_frozen_all_the_same() -> Result<()> {
    let mut story = Story::begin(9, 0)?;
    story.world.go_away(story.behind.device);
    for number in 0..50 {
        story.says(story.free, &format!("{number} {}", "at length ".repeat(50)))?;
    }
    story.world.censor(vec![Rule::Freezes(15_000), Rule::Resets(SERVICE.to_owned(), Duration::from_secs(6))]);
    story.world.come_back(story.behind.device);
    story.both_say("and now")?;
    story.nothing_lost()
}

#[test]
fn a_road_that_is_not_frozen_is_better_than_bites() -> Result<()> {
    let mut story = Story::begin(3, 1)?;
    story.world.censor(vec![Rule::Resets(SERVICE.to_owned(), Duration::from_secs(3))]);
    for number in 0..10 {
        story.both_say(&format!("message {number}"))?;
        story.world.run_for(Duration::from_secs(20))?;
    }
    let (road, carriage) = story.world.road(story.behind.device).context("they are connected")?;
    assert!(road.way != Way::Direct && carriage == Carriage::Whole);
    story.nothing_lost()
}

#[test]
fn a_censor_that_visits_whom_people_connect_to_finds_the_bare_door_and_no_web_site() -> Result<()> {
    let mut story = Story::begin(4, 0)?;
    let bare = ProxyLink { tls_port: 0, plain_port: 0, ..proxy(0) };
    story.world.censor(vec![Rule::Address(SERVICE.to_owned()), Rule::Probes(Duration::from_secs(5))]);
    story.world.give_roads(story.behind.device, &service(), &[bare], ProxyUse::WhenBlocked)?;
    story.world.run_until(FINDING_MAX, "the bare door is used", |world| Ok(world.road(story.behind.device).is_some()))?;
    story.world.run_until(FINDING_MAX, "it is blocked", |world| Ok(world.road(story.behind.device).is_none()))?;
    story.world.give_roads(story.behind.device, &service(), &[proxy(1)], ProxyUse::WhenBlocked)?;
    story.both_say("by TLS")?;
    story.world.run_for(Duration::from_secs(3_600))?;
    let (road, _) = story.world.road(story.behind.device).context("the web site was visited, and stays")?;
    assert_eq!(road.form, Form::Tls);
    story.nothing_lost()
}

#[test]
fn a_censor_that_learns_of_one_proxy_after_another_is_outrun_by_the_last() -> Result<()> {
    let mut story = Story::begin(5, 4)?;
    for learned in [SERVICE, "proxy0", "proxy1", "proxy2"] {
        story.world.censor_learns(learned);
        story.both_say(&format!("without {learned}"))?;
    }
    let (road, _) = story.world.road(story.behind.device).context("they are connected")?;
    assert!(matches!(&road.way, Way::Via(proxy) if proxy.host == "proxy3"));
    story.nothing_lost()
}

#[test]
fn calls_are_joined_from_behind_and_survive_the_loss_of_a_proxy() -> Result<()> {
    for freezes in [None, Some(Rule::Freezes(15_000))] {
        let mut story = Story::begin(6, 2)?;
        let rules: Vec<Rule> = [Rule::Address(SERVICE.to_owned())].into_iter().chain(freezes).collect();
        story.world.censor(rules.clone());
        story.both_say("before the call")?;
        let (caller, behind) = (story.free.device, story.behind.device);
        story.world.command(caller, Command::StartCall { chat: story.chat, video: false })?;
        story
            .world
            .run_until(FINDING_MAX, "it is heard of", |world| Ok(!world.view(behind, &Look::default())?.calls.is_empty()))?;
        let call = story.world.view(behind, &Look::default())?.calls[0].id;
        story.world.command(behind, Command::JoinCall { call, video: false })?;
        let both_in = |world: &World| -> Result<bool> {
            let look = Look { call: Some(call), ..Look::default() };
            for device in [caller, behind] {
                let shown = world.view(device, &look)?.call.context("the call")?;
                let seated = shown.present.iter().filter(|row| row.participant.is_some()).count();
                if seated != 2 || !matches!(shown.state, CallState::In { .. }) {
                    return Ok(false);
                }
            }
            Ok(true)
        };
        story.world.run_until(FINDING_MAX, "both are in", both_in)?;
        let (road, _) = story.world.road(behind).context("they are connected")?;
        let Way::Via(proxy) = road.way.clone() else { panic!("the direct road is blocked") };
        story.world.censor([rules, vec![Rule::Address(proxy.host.clone())]].concat());
        story.world.run_for(Duration::from_secs(1))?;
        story.world.run_until(FINDING_MAX, "both are in again", both_in)?;
        story.both_say("in the call")?;
    }
    Ok(())
}

#[test]
fn where_a_proxy_is_blocked_its_fresh_address_comes_from_a_contact_by_another_road() -> Result<()> {
    let mut story = Story::begin(10, 0)?;
    let (free, behind, chat) = (story.free.device, story.behind.device, story.chat);
    let link = proxy(0).to_link();
    story.world.command(free, Command::AddProxy { link: link.clone() })?;
    story.world.command(free, Command::ShareProxy { link: link.clone(), chat })?;
    story.world.command(free, Command::GiveRenewals { link: link.clone(), on: true })?;
    story.said.push(oracle::Said { by: story.free, chat, text: link.clone() });
    story.both_say("it is shared")?;
    let brought = lines(&story.world, story.behind, chat)?.into_iter().find(|line| line.line == Line::Text { text: link.clone() });
    let message = brought.and_then(|line| line.id).context("the link has come")?;
    story.world.command(behind, Command::TakeProxy { link: link.clone(), chat, message })?;
    let blocked = |host: &str| Rule::Address(host.to_owned());
    story.world.censor(vec![blocked(SERVICE)]);
    story.both_say("by the old address")?;

    story.world.censor(vec![blocked("proxy0")]);
    story.both_say("directly, for a while")?;
    story.world.command(free, Command::RenewProxy { link, fresh: proxy(1).to_link() })?;
    story.world.run_until(FINDING_MAX, "the fresh address comes", |world| {
        Ok(world.view(behind, &Look::default())?.proxies.iter().all(|row| row.host == "proxy1:443"))
    })?;
    story.world.censor(vec![blocked(SERVICE), blocked("proxy0")]);
    story.both_say("by the fresh one")?;
    let (road, _) = story.world.road(behind).context("they are connected")?;
    assert!(matches!(&road.way, Way::Via(proxy) if proxy.host == "proxy1"));
    story.nothing_lost()
}

#[test]
fn only_by_proxy_means_that_the_open_direct_road_is_not_taken() -> Result<()> {
    let mut story = Story::begin(7, 0)?;
    story.world.censor_learns("proxy0");
    story.world.give_roads(story.behind.device, &service(), &[proxy(0)], ProxyUse::Always)?;
    for _ in 0..600 {
        story.world.run_for(Duration::from_secs(1))?;
        assert!(story.world.road(story.behind.device).is_none());
    }
    story.world.give_roads(story.behind.device, &service(), &[proxy(0), proxy(1)], ProxyUse::Always)?;
    story.both_say("by the second one")
}

const SERVICE: &str = "service";

/// Two who write to one another, one of them behind a censor.
struct Story {
    world: World,
    free: Person,
    behind: Person,
    chat: LogId,
    said: Vec<oracle::Said>,
}

impl Story {
    fn begin(seed: u64, proxies: u8) -> Result<Self> {
        let mut world = World::new(seed, Temper::CALM);
        let people = world.acquainted(2)?;
        let (free, behind) = (people[0], people[1]);
        let chat = world.chat_with(free, behind)?.context("they have a conversation")?;
        let proxies: Vec<_> = (0..proxies).map(proxy).collect();
        world.give_roads(behind.device, &service(), &proxies, ProxyUse::WhenBlocked)?;
        Ok(Self { world, free, behind, chat, said: Vec::new() })
    }

    /// Each writes, and the other reads it.
    fn both_say(&mut self, what: &str) -> Result<()> {
        for (from, to) in [(self.free, self.behind), (self.behind, self.free)] {
            let text = format!("{what}, says {}", from.device);
            self.says(from, &text)?;
            let chat = self.chat;
            self.world.run_until(FINDING_MAX, what, |world| {
                Ok(lines(world, to, chat)?.iter().any(|line| line.line == Line::Text { text: text.clone() }))
            })?;
        }
        Ok(())
    }

    fn says(&mut self, by: Person, text: &str) -> Result<()> {
        let (chat, text) = (self.chat, text.to_owned());
        self.world.command(by.device, Command::SendText { chat, text: text.clone(), reply_to: None })?;
        self.said.push(oracle::Said { by, chat, text });
        Ok(())
    }

    fn nothing_lost(&mut self) -> Result<()> {
        self.world.run_for(FINDING_MAX)?;
        oracle::nothing_lost_or_doubled(&self.world, &[self.free, self.behind], &self.said)
    }
}
