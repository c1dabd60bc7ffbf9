//! What the proxy counts, in words: for the volunteer's page, and as the help texts of the metrics. Nothing here is about one person.
//!
//! Calls are not among them: what passes is sealed, and a call looks like messages.

use metrics::{describe_counter, describe_gauge};

use crate::amount::Amount;

/// One of them.
pub struct Figure {
    name: &'static str,
    words: &'static str,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// How many at this moment.
    Now,
    /// How many since the start.
    Times,
    /// How much since the start.
    Bytes,
}

/// All of them, as the page shows them.
pub const FIGURES: [Figure; 15] = [
    figure("umweg_proxy_tunnels_open", "connections to the service, now", Kind::Now),
    figure("umweg_proxy_tunnels", "connections to the service", Kind::Times),
    figure("umweg_proxy_bytes", "bytes over connections to the service that have ended", Kind::Bytes),
    figure("umweg_proxy_others_open", "connections of other messengers' people, now", Kind::Now),
    figure("umweg_proxy_others", "connections of other messengers' people", Kind::Times),
    figure("umweg_proxy_others_bytes", "bytes over connections of other messengers' people that have ended", Kind::Bytes),
    figure("umweg_proxy_visitors", "visits to the web site: everybody without an invite, probers too", Kind::Times),
    figure("umweg_proxy_service_reachable", "the service can be reached (1) or not (0)", Kind::Now),
    figure("umweg_proxy_invite_full", "refused: as many connections were open as the invite permits", Kind::Times),
    figure("umweg_proxy_invite_spent", "refused: the invite's volume of the month was used up", Kind::Times),
    figure("umweg_proxy_invite_expired", "refused: the invite's last day was over", Kind::Times),
    figure("umweg_connections_refused", "refused: as many connections were open as the proxy permits", Kind::Times),
    figure("umweg_proxy_service_unreachable", "refused: the service could not be reached", Kind::Times),
    figure("umweg_proxy_others_unreachable", "refused: another messenger's server could not be reached", Kind::Times),
    figure("umweg_proxy_certificate_refused", "times that no certificate was to be had", Kind::Times),
];

const fn figure(name: &'static str, words: &'static str, kind: Kind) -> Figure {
    Figure { name, words, kind }
}

/// Tells whoever records them what they are.
pub fn describe() {
    for Figure { name, words, kind } in FIGURES {
        match kind {
            Kind::Now => describe_gauge!(name, words),
            Kind::Times | Kind::Bytes => describe_counter!(name, words),
        }
    }
}

/// Words and values, out of what Prometheus is told.
#[must_use]
pub fn in_words(told: &str) -> Vec<(&'static str, String)> {
    let value = |name: &str| {
        let mut samples = told.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.trim().parse::<f64>().ok());
        // Counts, which are whole and never negative; what did not happen yet is not told at all.
        samples.next().unwrap_or_default() as u64
    };
    let shown = |kind, value| if kind == Kind::Bytes { Amount(value).to_string() } else { value.to_string() };
    FIGURES.iter().map(|figure| (figure.words, shown(figure.kind, value(figure.name)))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_found_by_their_whole_names() {
        let told = "# HELP umweg_proxy_tunnels connections\n# TYPE umweg_proxy_tunnels counter\numweg_proxy_tunnels 7\n\n\
            umweg_proxy_tunnels_open 2\numweg_proxy_bytes 3400000\n";
        let words = in_words(told);
        assert_eq!(words[0], ("connections to the service, now", "2".to_owned()));
        assert_eq!(words[1], ("connections to the service", "7".to_owned()));
        assert_eq!(words[2].1, "3.4 MB");
        assert_eq!(words[6].1, "0");
    }

    #[test]
    fn each_figure_is_counted_somewhere() {
        let sources = [
            include_str!("acme.rs"),
            include_str!("relay.rs"),
            include_str!("others.rs"),
            include_str!("invites/book.rs"),
            include_str!("../../../io/src/door.rs"),
        ]
        .concat();
        for figure in FIGURES {
            assert!(sources.contains(&format!("!(\"{}\")", figure.name)), "{}", figure.name);
        }
    }
}
