//! The figures, in the agreed form: `bench proxy: FIGURE ours=X peer=Y ratio=R`. The peer is haproxy; others have lines of their own.

use std::collections::BTreeMap;

use super::load::Form;
use super::peers::Kind;

/// What is told, and in what unit.
const FIGURES: [(&str, &str); 10] = [
    ("idle_tls", "bytes of memory for each idle connection"),
    ("idle_plain", "the same"),
    ("bulk_tls", "CPU seconds for each GB, half up, half down"),
    ("bulk_plain", "the same"),
    ("setup_tls", "CPU microseconds for each new connection"),
    ("setup_tls_mlkem", "the same, ours with X25519MLKEM768 and the peers with X25519"),
    ("setup_plain", "CPU microseconds for each new connection"),
    ("latency_p50", "microseconds there and back for 200 bytes, TLS, 16 connections"),
    ("latency_p99", "the same"),
    ("calls_cpu", "CPU microseconds for each Mbit of 8 people's media"),
];

/// All values of all rounds.
#[derive(Default)]
pub(super) struct Figures(BTreeMap<(String, Kind), Vec<f64>>);

impl Figures {
    /// One that there is for each form.
    pub(super) fn add(&mut self, figure: &str, form: Form, of: Kind, value: f64) {
        let form = match form {
            Form::Tls => "tls",
            Form::Plain => "plain",
        };
        self.add_plainly(&format!("{figure}_{form}"), of, value);
    }

    pub(super) fn add_plainly(&mut self, figure: &str, of: Kind, value: f64) {
        self.0.entry((figure.to_owned(), of)).or_default().push(value);
    }

    /// Prints the medians, and how far the rounds were apart.
    pub(super) fn print(&self) {
        for (figure, meaning) in FIGURES {
            println!("{figure}: {meaning}; less is better{}", self.spread(figure));
            let ours = self.median(figure, Kind::Ours);
            for kind in Kind::PEERS {
                let name = if kind == Kind::Haproxy { figure.to_owned() } else { format!("{figure}_{}", kind.name()) };
                if let (Some(ours), Some(peer)) = (ours, self.median(figure, kind)) {
                    println!("bench proxy: {name} ours={ours:.3} peer={peer:.3} ratio={:.2}", ours / peer);
                }
            }
        }
    }

    fn median(&self, figure: &str, of: Kind) -> Option<f64> {
        let mut values = self.0.get(&(figure.to_owned(), of))?.clone();
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied()
    }

    fn spread(&self, figure: &str) -> String {
        let values = self.0.get(&(figure.to_owned(), Kind::Ours)).map(Vec::as_slice).unwrap_or_default();
        let (least, most) = values.iter().fold((f64::MAX, f64::MIN), |(least, most), &value| (least.min(value), most.max(value)));
        if values.len() < 2 { String::new() } else { format!(" (ours between {least:.3} and {most:.3})") }
    }
}
