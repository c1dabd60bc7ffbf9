//! The calls' router beside Janus' VideoRoom.
//!
//! 1. Both run as processes of their own on the far side of a veth pair, in a network namespace made for the run: Janus uses no
//!    loopback addresses. Where no namespace can be made, ours runs on loopback and Janus is not measured.
//! 2. One load generator drives both: participants made of str0m, each of which publishes a voice of 50 packets a second and a
//!    video of 90 packets of 1,000 bytes (30 frames of three), and receives everybody else's. Ours has bandwidth estimation and pacing
//!    on, as always; Janus' VideoRoom has none towards its subscribers. It is configured as ICE-lite, as ours is.
//! 3. Rounds take turns: ours, peer, ours, peer. What counts is the median. CPU seconds and memory are the kernel's account of the process.
//! 4. Latency is from making a packet to having opened it, so that the generator's own encryption and waiting are in it, alike for both.

mod figures;
mod janus;
pub(crate) mod load;
mod measured;
mod network;
pub(crate) mod ours;

use std::time::{Duration, Instant};

use anyhow::Context;
use clap::Args;

use figures::{Figures, median_time};
use load::{Counts, Load};
use measured::Measured;
use network::Network;
use umweg_sfu::synthetic::Profile;

/// Joins measured in each round.
const JOINS: usize = 3;
/// Between two joins: a sender is not asked for key frames more often than this.
const BETWEEN_JOINS: Duration = Duration::from_millis(700);
/// A first picture comes within this, or never: then this is what it took.
const PICTURE_WITHIN: Duration = Duration::from_secs(15);

#[derive(Args)]
pub(crate) struct Options {
    /// A few seconds at 4 participants: whether it runs at all
    #[arg(long)]
    quick: bool,
    /// How many rounds
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Seconds of measuring in each round
    #[arg(long, default_value_t = 6)]
    seconds: u64,
    /// Without the peer
    #[arg(long)]
    alone: bool,
    /// At how many participants
    #[arg(long, value_delimiter = ',', default_values_t = [8, 16, 24])]
    participants: Vec<usize>,
}

/// A router under measurement, with the call of one round in it.
trait Router {
    /// What the kernel knows of it.
    fn measured(&self) -> &Measured;
    /// Participants join who all receive each other.
    fn fill(&mut self, load: &Load, size: usize, profile: Profile) -> anyhow::Result<()>;
    /// One more joins, and receives those who are in.
    fn join(&mut self, load: &Load, profile: Profile) -> anyhow::Result<()>;
    /// The newest participant leaves.
    fn leave_newest(&mut self, load: &Load) -> anyhow::Result<()>;
}

/// What one round gave.
struct Round {
    packets: u64,
    expected: u64,
    cpu: Duration,
    latency: Duration,
    memory: u64,
    joins: Vec<Duration>,
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let plan = if options.quick {
        Plan { sizes: vec![4], rounds: 1, warm_up: Duration::from_millis(1_500), measuring: Duration::from_secs(1) }
    } else {
        Plan {
            sizes: options.participants.clone(),
            rounds: options.rounds,
            warm_up: Duration::from_secs(5),
            measuring: Duration::from_secs(options.seconds),
        }
    };
    let network = Network::open();
    let peer = if options.alone { Err("it was not asked for".to_owned()) } else { janus::find(&network) };
    match &peer {
        Ok(peer) => println!("bench sfu: the peer is {}", peer.name),
        Err(reason) => println!("bench sfu: the peer, Janus, cannot be measured: {reason}"),
    }
    println!("bench sfu: ratio is ours by peer's; latency and joining in milliseconds, memory in megabytes");
    let mut figures = Figures::default();
    for size in &plan.sizes {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..plan.rounds {
            ours.push(plan.round(&mut ours::Ours::start(&network, *size)?, *size).context("ours")?);
            if let Ok(peer) = &peer {
                theirs.push(plan.round(&mut janus::Janus::start(&network, peer, *size)?, *size).context("Janus")?);
            }
        }
        tell("ours", *size, &ours);
        tell("peer", *size, &theirs);
        figures.add(*size, &ours, &theirs);
    }
    figures.print();
    Ok(())
}

/// How it is measured.
struct Plan {
    sizes: Vec<usize>,
    rounds: usize,
    warm_up: Duration,
    measuring: Duration,
}

impl Plan {
    fn round(&self, router: &mut dyn Router, size: usize) -> anyhow::Result<Round> {
        let load = Load::start()?;
        let profile = Profile {
            audio_slots: size - 1,
            video_slots: size - 1,
            layers: 1,
            frame_gap: Duration::from_nanos(1_000_000_000 / 30),
            frame_bytes: Some(3_000),
            clock: Some(Instant::now()),
            ..Profile::USUAL
        };
        router.fill(&load, size, profile)?;
        std::thread::sleep(self.warm_up);
        load.count();
        let (began_at, cpu_before) = (Instant::now(), router.measured().cpu()?);
        std::thread::sleep(self.measuring);
        let Counts { packets, mut delays } = load.count();
        let (cpu, took) = (router.measured().cpu()?.saturating_sub(cpu_before), began_at.elapsed());
        let memory = router.measured().memory()?;
        let expected = (size * (size - 1)) as f64 * 140.0 * took.as_secs_f64();
        anyhow::ensure!(packets > 0, "nothing came through");
        let joins = if size <= 8 { self.joins(router, &load, profile)? } else { Vec::new() };
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count of packets")]
        let expected = expected as u64;
        Ok(Round { packets, expected, cpu, latency: median_time(&mut delays), memory, joins })
    }

    /// The last one leaves and comes again.
    fn joins(&self, router: &mut dyn Router, load: &Load, profile: Profile) -> anyhow::Result<Vec<Duration>> {
        let mut joins = Vec::new();
        for _ in 0..JOINS {
            router.leave_newest(load)?;
            std::thread::sleep(BETWEEN_JOINS);
            let began_at = Instant::now();
            router.join(load, profile)?;
            joins.push(load.first_picture(PICTURE_WITHIN).map_or(PICTURE_WITHIN, |picture_at| picture_at - began_at));
        }
        Ok(joins)
    }
}

/// What lies behind the figures.
fn tell(who: &str, size: usize, rounds: &[Round]) {
    for round in rounds {
        let [packets, expected] = [round.packets, round.expected].map(|count| count as f64);
        println!(
            "bench sfu: {who} n{size}: {:.0} packets by CPU second, {:.2} CPU s, {:.0} % of what was sent came, latency p50 {:.3} ms, {:.1} MB",
            packets / round.cpu.as_secs_f64(),
            round.cpu.as_secs_f64(),
            100.0 * packets / expected,
            round.latency.as_secs_f64() * 1e3,
            round.memory as f64 / 1e6,
        );
    }
}
