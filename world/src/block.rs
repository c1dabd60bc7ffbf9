//! A block for random stories: the censor changes its mind again and again, and one road stays open. Nobody is told which.

use std::time::Duration;

use anyhow::Result;
use umweg_client::view::ProxyUse;
use umweg_road::Form;
use umweg_wire::proto::v1::{ProxyLink, ServiceLink};

use crate::censor::Rule;
use crate::world::World;

/// Three attempts a minute to one name: to find the one open road of many may take some minutes.
pub const FINDING_MAX: Duration = Duration::from_secs(600);

const SERVICE: &str = "service";
const PROXIES: u8 = 3;
const PORTS_BY_FORM: [(Form, u16); 3] = [(Form::Tls, 443), (Form::Plain, 80), (Form::Bare, 5222)];

/// The service's own door.
#[must_use]
pub fn service() -> ServiceLink {
    ServiceLink { host: SERVICE.to_owned(), static_key: vec![1; 32], tls_port: 443, path: "/live".to_owned(), ..Default::default() }
}

/// A volunteer's proxy, with all doors.
#[must_use]
pub fn proxy(number: u8) -> ProxyLink {
    let (host, path) = (format!("proxy{number}"), "/x".to_owned());
    ProxyLink { host, path, tls_port: 443, plain_port: 80, bare_port: 5222, ..Default::default() }
}

/// What stays open.
pub(crate) struct Block {
    host: String,
    form: Form,
}

impl Block {
    /// Those devices are behind it from now on. Only the first proxy has the door that a visitor recognises, and it is never the
    /// one that stays open.
    pub(crate) fn begin(world: &mut World, behind: &[usize]) -> Result<Self> {
        let proxies: Vec<_> =
            (0..PROXIES).map(|number| ProxyLink { bare_port: if number == 0 { 5222 } else { 0 }, ..proxy(number) }).collect();
        for &device in behind {
            world.give_roads(device, &service(), &proxies, ProxyUse::WhenBlocked)?;
        }
        let open = 1 + world.draw(usize::from(PROXIES));
        let host = if open == usize::from(PROXIES) { SERVICE.to_owned() } else { proxies[open].host.clone() };
        let form = if host != SERVICE && world.draw(2) == 0 { Form::Plain } else { Form::Tls };
        Ok(Self { host, form })
    }

    /// The censor does something else from now on. `calls`: what stays open carries calls, too, so it is neither frozen nor cut.
    pub(crate) fn change(&self, world: &mut World, calls: bool) {
        let mut rules = Vec::new();
        let hosts: Vec<String> = (0..PROXIES).map(|number| proxy(number).host).chain([SERVICE.to_owned()]).collect();
        for host in hosts.iter().filter(|host| **host != self.host) {
            match world.draw(8) {
                0 | 1 => rules.push(Rule::Address(host.clone())),
                2 => rules.push(Rule::Name(host.clone())),
                3 => world.censor_learns(host),
                _ => {}
            }
        }
        for (form, port) in PORTS_BY_FORM.into_iter().filter(|(form, _)| *form != self.form) {
            match world.draw(4) {
                0 => rules.push(Rule::Port(port)),
                1 => rules.push(Rule::Protocol(form)),
                _ => {}
            }
        }
        let seconds = |world: &mut World, least| Duration::from_secs(least + u64::try_from(world.draw(30)).unwrap_or_default());
        let dice = [(); 4].map(|()| world.draw(3) == 0);
        let hampered = |host: &&String| !calls || **host != self.host;
        if dice[0] {
            let bytes = 15_000 + u64::try_from(world.draw(10_000)).unwrap_or_default();
            rules.extend(hosts.iter().filter(hampered).map(|host| Rule::FreezesTo(host.clone(), bytes)));
        }
        if dice[1] {
            let (host, after) = (&hosts[world.draw(hosts.len())], seconds(world, 5));
            rules.extend(Some(host).filter(hampered).map(|host| Rule::Resets(host.clone(), after)));
        }
        if dice[2] {
            rules.push(Rule::Probes(seconds(world, 1)));
        }
        if dice[3] {
            rules.push(Rule::Udp);
        }
        world.censor(rules);
    }
}
