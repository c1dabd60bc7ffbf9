//! The figures, in the agreed form: `bench sfu: FIGURE ours=X peer=Y ratio=R`.

use std::time::Duration;

use super::Round;

/// What was measured so far.
#[derive(Default)]
pub(super) struct Figures(Vec<Figure>);

/// One of them.
pub(super) struct Figure {
    name: String,
    ours: f64,
    peer: Option<f64>,
    digits: usize,
}

impl Figures {
    /// Takes in the rounds at one size.
    pub(super) fn add(&mut self, size: usize, ours: &[Round], peer: &[Round]) {
        let mut figure = |name: &str, digits, of: fn(&Round, usize) -> f64| {
            let of_all = |rounds: &[Round]| median(rounds.iter().map(|round| of(round, size)).collect());
            if let Some(ours) = of_all(ours) {
                self.0.push(Figure { name: format!("{name}_n{size}"), ours, peer: of_all(peer), digits });
            }
        };
        figure("packets_per_cpu_second", 0, |round, _| round.packets as f64 / round.cpu.as_secs_f64());
        if size <= 8 {
            figure("latency_p50", 3, |round, _| round.latency.as_secs_f64() * 1e3);
        }
        if size == 16 {
            figure("memory_per_participant", 2, |round, size| round.memory as f64 / 1e6 / size as f64);
        }
        let join =
            |rounds: &[Round]| median(rounds.iter().flat_map(|round| &round.joins).map(|join| join.as_secs_f64() * 1e3).collect());
        if let Some(ours) = join(ours) {
            self.0.push(Figure { name: "join_to_first_frame".to_owned(), ours, peer: join(peer), digits: 0 });
        }
    }

    /// Prints them.
    pub(super) fn print(&self) {
        for Figure { name, ours, peer, digits } in &self.0 {
            match peer {
                Some(peer) => println!("bench sfu: {name} ours={ours:.digits$} peer={peer:.digits$} ratio={:.2}", ours / peer),
                None => println!("bench sfu: {name} ours={ours:.digits$} peer=unmeasured ratio=unmeasured"),
            }
        }
    }
}

/// The middle one.
pub(super) fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

/// The middle one; zero of none.
pub(super) fn median_time(values: &mut [Duration]) -> Duration {
    values.sort_unstable();
    values.get(values.len() / 2).copied().unwrap_or_default()
}
