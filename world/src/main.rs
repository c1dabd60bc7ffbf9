//! Plays stories, seed by seed. Every failing seed is printed; the same seed fails again.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use anyhow::{Result, ensure};
use clap::Parser;
use umweg_world::Script;

/// Plays simulated stories of people, networks and crashes, and checks that nothing is lost, doubled or out of order.
#[derive(Parser)]
struct Arguments {
    /// The first seed.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// How many seeds.
    #[arg(long, default_value_t = 200)]
    seeds: u64,
    /// Threads; by default one for each core.
    #[arg(long)]
    threads: Option<usize>,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let threads = arguments.threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
    let began = Instant::now();
    let failed = play_all(arguments.from..arguments.from + arguments.seeds, threads);
    report(&format!("{} seeds in {:.0?}, {} failed", arguments.seeds, began.elapsed(), failed.len()));
    ensure!(failed.is_empty(), "{} of {} seeds failed: {failed:?}", failed.len(), arguments.seeds);
    Ok(())
}

/// Plays the seeds on some threads; answers with those that failed.
fn play_all(seeds: std::ops::Range<u64>, threads: usize) -> Vec<u64> {
    let next = AtomicU64::new(seeds.start);
    let (played, step) = (AtomicU64::new(0), (seeds.end - seeds.start).div_ceil(10).max(1));
    let failed = std::sync::Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end {
                        return;
                    }
                    if let Err(error) = Script::of(seed).play(seed) {
                        report(&format!("seed {seed} failed: {error:#}"));
                        if let Ok(mut failed) = failed.lock() {
                            failed.push(seed);
                        }
                    }
                    let played = played.fetch_add(1, Ordering::Relaxed) + 1;
                    if played % step == 0 {
                        report(&format!("{played} seeds played"));
                    }
                }
            });
        }
    });
    failed.into_inner().unwrap_or_default()
}

#[expect(clippy::print_stdout, reason = "what this program finds is its output")]
fn report(line: &str) {
    println!("{line}");
}
