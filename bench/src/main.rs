//! Side-by-side measurements: each benchmark drives us and a peer in one run, in turns, and says what both gave.
//!
//! Other work on the machine disturbs clocks more than it disturbs work: where it can be, the figure is taken by the CPU second of the
//! measured process, and of several rounds the median counts.
#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "a benchmark talks to the person who started it")]

mod proxy;
mod sfu;
mod voices;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "umweg-bench", about = "Measures Umweg beside its peers.")]
struct Arguments {
    #[command(subcommand)]
    benchmark: Option<Benchmark>,
}

#[derive(Subcommand)]
enum Benchmark {
    /// The calls' router beside Janus' VideoRoom: packets by CPU second, latency, memory, joining
    Sfu(sfu::Options),
    /// The volunteer's proxy beside haproxy and nginx: memory, CPU time, latency
    Proxy(proxy::Options),
    /// Our proxy alone, as the process that the benchmark measures
    #[command(hide = true)]
    ProxyProcess(proxy::Process),
    /// Our router alone, as the process that the benchmark measures
    #[command(hide = true)]
    SfuProcess(sfu::ours::Process),
    /// Voices for people without a browser, as `./x e2e --crowd` lets them speak
    #[command(hide = true)]
    Voices,
}

fn main() -> anyhow::Result<()> {
    match Arguments::parse().benchmark {
        Some(Benchmark::Sfu(options)) => sfu::run(&options),
        Some(Benchmark::SfuProcess(process)) => process.run(),
        Some(Benchmark::Voices) => voices::run(),
        Some(Benchmark::Proxy(options)) => proxy::run(&options),
        Some(Benchmark::ProxyProcess(process)) => process.run(),
        None => {
            println!("proxy  the volunteer's proxy beside haproxy and nginx; --quick takes half a minute");
            println!("sfu    the calls' router beside Janus' VideoRoom; --quick takes a few seconds");
            Ok(())
        }
    }
}
