//! How bad a link is, from flags and from lines.

use std::fmt;
use std::str::FromStr;

use clap::Args;

#[derive(Args, Clone, Copy, PartialEq, Debug)]
pub(crate) struct Condition {
    /// One way
    #[arg(long, default_value_t = 0)]
    pub(crate) delay_ms: u32,
    /// Of the packets of each direction, at random
    #[arg(long, default_value_t = 0.0)]
    pub(crate) loss_percent: f64,
    /// Each direction; 0: as fast as may be
    #[arg(long, default_value_t = 0)]
    pub(crate) rate_kbit: u32,
    /// What waits for the rate waits at most so long; beyond, it is lost
    #[arg(long, default_value_t = 200)]
    pub(crate) queue_ms: u32,
    /// Every UDP packet is lost
    #[arg(long)]
    pub(crate) no_udp: bool,
}

/// What is wrong with a line.
#[derive(Debug, PartialEq, thiserror::Error)]
pub(crate) enum Refused {
    #[error("{0}: expected delay=MS, loss=PERCENT, rate=KBIT, queue=MS, udp=on or udp=off")]
    Word(String),
    #[error("{0}: between 0 and 100")]
    Loss(f64),
}

impl Condition {
    /// As it is after a line like `loss=3 udp=off`. What the line does not name stays.
    pub(crate) fn changed_by(mut self, line: &str) -> Result<Self, Refused> {
        for word in line.split_whitespace() {
            let wrong = || Refused::Word(word.to_owned());
            let (name, value) = word.split_once('=').ok_or_else(wrong)?;
            match (name, value) {
                ("delay", ms) => self.delay_ms = number(ms).ok_or_else(wrong)?,
                ("loss", percent) => self.loss_percent = number(percent).ok_or_else(wrong)?,
                ("rate", kbit) => self.rate_kbit = number(kbit).ok_or_else(wrong)?,
                ("queue", ms) => self.queue_ms = number(ms).ok_or_else(wrong)?,
                ("udp", "on") => self.no_udp = false,
                ("udp", "off") => self.no_udp = true,
                _ => return Err(wrong()),
            }
        }
        if (0.0..=100.0).contains(&self.loss_percent) { Ok(self) } else { Err(Refused::Loss(self.loss_percent)) }
    }
}

fn number<T: FromStr>(text: &str) -> Option<T> {
    text.parse().ok()
}

impl fmt::Display for Condition {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let udp = if self.no_udp { "off" } else { "on" };
        let Self { delay_ms, loss_percent, rate_kbit, queue_ms, .. } = self;
        write!(out, "delay={delay_ms} loss={loss_percent} rate={rate_kbit} queue={queue_ms} udp={udp}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: Condition = Condition { delay_ms: 0, loss_percent: 0.0, rate_kbit: 0, queue_ms: 200, no_udp: false };

    #[test]
    fn a_line_changes_what_it_names_and_nothing_else() {
        let bad = GOOD.changed_by("loss=3 rate=450 udp=off").unwrap();
        assert_eq!(bad, Condition { loss_percent: 3.0, rate_kbit: 450, no_udp: true, ..GOOD });
        assert_eq!(bad.changed_by(&GOOD.to_string()).unwrap(), GOOD, "what it says of itself is a line");
    }

    #[test]
    fn a_line_that_means_nothing_is_refused() {
        for line in ["loss", "loss=", "loss=a", "rate=-1", "udp=maybe", "fog=3"] {
            assert_eq!(GOOD.changed_by(line), Err(Refused::Word(line.to_owned())));
        }
        assert_eq!(GOOD.changed_by("loss=101"), Err(Refused::Loss(101.0)));
        assert!(GOOD.changed_by("loss=NaN").is_err());
    }
}
