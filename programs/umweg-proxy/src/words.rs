//! Invites in words, for the terminal and for the page.

use std::fmt::Write as _;

use crate::amount::Amount;
use crate::invites::Invite;
use crate::invites::book::Line;

/// How many there are, and how many connections.
#[must_use]
pub fn summary(invites: usize, open: u32) -> String {
    let connections = match open {
        0 => "nobody is connected".to_owned(),
        1 => "1 connection is open".to_owned(),
        open => format!("{open} connections are open"),
    };
    match invites {
        0 => "Nobody is invited.".to_owned(),
        1 => format!("There is 1 invite, and {connections}."),
        invites => format!("There are {invites} invites, and {connections}."),
    }
}

/// An invite's bounds.
#[must_use]
pub fn bounds(invite: &Invite) -> String {
    let Invite { connections_max, bandwidth, monthly, expires, .. } = invite;
    let all = [
        connections_max.map(|most| format!("{most} at once")),
        bandwidth.map(|most| format!("{most} a second")),
        monthly.map(|most| format!("{most} a month")),
        expires.map(|last| format!("until {last}")),
    ];
    let bounds: Vec<_> = all.into_iter().flatten().collect();
    if bounds.is_empty() { "none".to_owned() } else { bounds.join(", ") }
}

/// All of them as a table.
#[must_use]
pub fn table(lines: &[Line]) -> String {
    let width = lines.iter().map(|line| line.invite.name.chars().count()).max().unwrap_or(0).max("INVITE".len());
    let mut text = format!("{:<width$}  {:>4}  {:>7}  {:>10}  BOUNDS\n", "INVITE", "OPEN", "SO FAR", "THIS MONTH");
    for Line { invite, counts } in lines {
        let month = Amount(counts.bytes).to_string();
        let _ =
            writeln!(text, "{:<width$}  {:>4}  {:>7}  {month:>10}  {}", invite.name, counts.open, counts.tunnels, bounds(invite));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::invites::usage::Counts;

    #[test]
    fn invites_are_a_table() {
        let invite = Invite {
            connections_max: Some(3),
            bandwidth: Some(Amount(2_000_000)),
            monthly: Some(Amount(50_000_000_000)),
            expires: Some("2027-01-31".parse().unwrap()),
            ..Invite::new("Ana's friends", &mut rand::rng())
        };
        let lines = [
            Line { invite: Invite::new("first", &mut rand::rng()), counts: Counts::default() },
            Line { invite, counts: Counts { open: 1, tunnels: 12, bytes: 3_400_000, month: 0 } },
        ];
        let expected = "INVITE         OPEN   SO FAR  THIS MONTH  BOUNDS\n\
            first             0        0         0 B  none\n\
            Ana's friends     1       12      3.4 MB  3 at once, 2.0 MB a second, 50.0 GB a month, until 2027-01-31\n";
        assert_eq!(table(&lines), expected);
    }

    #[test]
    fn one_is_not_many() {
        assert_eq!(summary(1, 1), "There is 1 invite, and 1 connection is open.");
        assert_eq!(summary(2, 0), "There are 2 invites, and nobody is connected.");
    }
}
