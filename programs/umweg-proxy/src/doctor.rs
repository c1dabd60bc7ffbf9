//! `umweg-proxy doctor`: what somebody with experience would look at on a volunteer's machine, in words that say what to do.
//!
//! Nothing is opened to anybody and nothing is changed; if the proxy runs meanwhile, a road through it is tried as an app would. What
//! nobody can see from the machine itself is how it looks from elsewhere: the report says so.

use std::fmt::{self, Write as _};

use serde::Serialize;
use umweg_io::clock;
use umweg_wire::links::Linked;
use umweg_wire::proto::v1::ServiceLink;

use crate::settings::Settings;

mod certificate;
mod machine;
mod names;
mod ports;
mod upstream;

/// What cannot be seen from here, and how to see it.
const UNSEEN: &str = "How this looks from elsewhere cannot be seen from this machine: a firewall or router in between may still be shut. Open the \
    proxy's web site with a phone that is not in this network, or ask somebody to press Test on your link.";

/// How good or bad something is.
#[derive(Serialize, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// As it should be.
    Ok,
    /// It may work, and may not.
    Warning,
    /// It will not work.
    Problem,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Problem => "PROBLEM",
        })
    }
}

/// One thing that was looked at.
#[derive(Serialize, Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// What.
    pub about: &'static str,
    /// How it is.
    pub state: State,
    /// The same in words.
    pub found: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
}

impl Finding {
    fn ok(about: &'static str, found: impl Into<String>) -> Self {
        Self { about, state: State::Ok, found: found.into(), advice: None }
    }

    fn warning(about: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { about, state: State::Warning, found: found.into(), advice: Some(advice.into()) }
    }

    fn problem(about: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { about, state: State::Problem, found: found.into(), advice: Some(advice.into()) }
    }
}

/// All of it.
#[derive(Serialize)]
pub struct Report {
    /// What was looked at, in that order.
    pub findings: Vec<Finding>,
    /// What was not.
    pub unseen: &'static str,
}

/// Looks at everything. It takes some seconds if something does not answer.
pub async fn examine(settings: &Settings) -> Report {
    let mut findings = machine::examine(settings);
    findings.extend(names::examine(&settings.host).await);
    findings.extend(certificate::examine(settings, clock::now()));
    match ServiceLink::from_link(&settings.service) {
        Ok(service) if service.relay_port != 0 => {
            findings.extend(upstream::examine(settings, &service).await);
            findings.extend(ports::examine(settings, &service).await);
        }
        Ok(_) => findings.push(Finding::problem(
            "service",
            "the service's link has no relay port: this service takes no proxies",
            "ask its operator for a newer link",
        )),
        Err(error) => findings.push(Finding::problem(
            "service",
            format!("the service's link (--service) cannot be used: {error}"),
            "copy it again, whole, from the service's operator",
        )),
    }
    Report { findings, unseen: UNSEEN }
}

impl Report {
    /// How many things will not work.
    #[must_use]
    pub fn problems(&self) -> usize {
        self.findings.iter().filter(|finding| finding.state == State::Problem).count()
    }

    /// For the terminal.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        for Finding { about, state, found, advice } in &self.findings {
            let _ = writeln!(text, "{state:<8} {about:<12} {found}");
            if let Some(advice) = advice {
                let _ = writeln!(text, "{:<8} {:<12} → {advice}", "", "");
            }
        }
        let _ = writeln!(text, "\n{}", self.unseen);
        text
    }

    /// For programs.
    #[must_use]
    pub fn to_json(&self) -> String {
        let json = serde_json::to_string_pretty(self).expect("words and names only");
        format!("{json}\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_says_how_it_is_and_what_to_do() {
        let findings = vec![Finding::ok("disk", "there is room"), Finding::problem("clock", "an hour ahead", "set it")];
        let report = Report { findings, unseen: "Not seen." };
        assert_eq!(report.problems(), 1);
        assert_eq!(
            report.to_text(),
            "ok       disk         there is room\nPROBLEM  clock        an hour ahead\n                      → set it\n\nNot seen.\n"
        );
        let json: serde_json::Value = serde_json::from_str(&report.to_json()).unwrap();
        assert_eq!(
            json["findings"][1],
            serde_json::json!({ "about": "clock", "state": "problem", "found": "an hour ahead", "advice": "set it" })
        );
        assert!(json["findings"][0].get("advice").is_none() && json["unseen"] == "Not seen.");
    }
}
