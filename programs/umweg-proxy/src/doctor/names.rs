//! The name in the link: whether it leads to this machine.

use std::net::IpAddr;

use tokio::net::lookup_host;
use umweg_road::addresses::is_public;

use super::Finding;

const ABOUT: &str = "name";

pub(super) async fn examine(host: &str) -> Vec<Finding> {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let own: Vec<IpAddr> = if_addrs::get_if_addrs().unwrap_or_default().iter().map(if_addrs::Interface::ip).collect();
    let is_name = bare.parse::<IpAddr>().is_err();
    match lookup_host((bare, 0)).await {
        Ok(addresses) => {
            let mut led: Vec<IpAddr> = addresses.map(|address| address.ip()).collect();
            led.sort();
            led.dedup();
            judge(host, is_name, &led, &own)
        }
        Err(_) => vec![Finding::problem(
            ABOUT,
            format!("{host} has no address"),
            "is it spelled right (--host)? At who manages the name, add an A record with this machine's IPv4 address and, if it has one, an AAAA \
             record with its IPv6 address; it takes some minutes until everybody sees them",
        )],
    }
}

/// Where the name leads, against the addresses of this machine.
fn judge(host: &str, is_name: bool, led: &[IpAddr], own: &[IpAddr]) -> Vec<Finding> {
    let elsewhere: Vec<_> = led.iter().filter(|address| !own.contains(address)).copied().collect();
    let mut findings = vec![match (elsewhere.as_slice(), led.iter().any(|&address| is_public(address))) {
        ([], true) => Finding::ok(ABOUT, format!("{host} leads to this machine")),
        ([], false) => Finding::warning(
            ABOUT,
            format!("{host} leads to this machine by an address that only its own network knows"),
            "people elsewhere need a public address or a domain name (--host)",
        ),
        // Behind a router, or in a cloud that gives public addresses from outside, the machine does not know its own.
        (_, true) if !own.iter().any(|&address| is_public(address)) => Finding::warning(
            ABOUT,
            format!("{host} leads to {}, and this machine has private addresses only", list(&elsewhere)),
            "that is right if a router or a cloud has that address and passes its ports on to this machine: set that up there (port forwarding, \
             security group)",
        ),
        _ => Finding::problem(
            ABOUT,
            format!("{host} leads to {}, which is not this machine (it has {})", list(&elsewhere), list(&public(own))),
            "correct the A and AAAA records of the name. People, and who certifies the name, try all of them",
        ),
    }];
    let has = |addresses: &[IpAddr]| addresses.iter().any(|address| address.is_ipv6() && is_public(*address));
    if is_name && has(own) && !has(led) {
        findings.push(Finding::warning(
            ABOUT,
            format!("this machine has a public IPv6 address, and {host} has none"),
            "add an AAAA record: some networks have nothing else, and some censors forget it",
        ));
    }
    findings
}

fn public(addresses: &[IpAddr]) -> Vec<IpAddr> {
    addresses.iter().copied().filter(|&address| is_public(address)).collect()
}

fn list(addresses: &[IpAddr]) -> String {
    if addresses.is_empty() {
        return "none that is public".to_owned();
    }
    addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::super::State;
    use super::*;

    fn states(led: &[&str], own: &[&str]) -> Vec<State> {
        let parse = |all: &[&str]| all.iter().map(|address| address.parse().unwrap()).collect::<Vec<IpAddr>>();
        judge("road.example", true, &parse(led), &parse(own)).iter().map(|finding| finding.state).collect()
    }

    #[test]
    fn a_name_is_held_against_the_machines_addresses() {
        use State::{Ok, Problem, Warning};
        assert_eq!(states(&["1.1.1.1"], &["127.0.0.1", "1.1.1.1"]), [Ok]);
        assert_eq!(states(&["1.1.1.1", "2606:4700::1"], &["1.1.1.1", "2606:4700::1"]), [Ok]);
        assert_eq!(states(&["1.1.1.1"], &["1.1.1.1", "2606:4700::1"]), [Ok, Warning]);
        assert_eq!(states(&["1.1.1.1"], &["10.0.0.7"]), [Warning]);
        assert_eq!(states(&["8.8.8.8"], &["1.1.1.1"]), [Problem]);
        assert_eq!(states(&["1.1.1.1", "8.8.8.8"], &["1.1.1.1"]), [Problem]);
        assert_eq!(states(&["127.0.0.1"], &["127.0.0.1"]), [Warning]);
    }

    #[tokio::test]
    async fn a_name_that_nobody_has_is_a_problem() {
        let found = examine("road.invalid").await;
        assert_eq!((found.len(), found[0].state), (1, State::Problem));
        assert!(found[0].advice.as_ref().unwrap().contains("A record"));
    }
}
