//! The volunteer's proxy beside Debian's haproxy and nginx.
//!
//! 1. All run at once as processes of their own on loopback, each between the same load generator and the same sink, with two
//!    threads and the same P-256 certificate, TLS 1.3 with X25519 and as many tickets as each gives by itself. Peers: haproxy as one would set it up; haproxy with the
//!    settings of WhatsApp's proxy (buffers of 4 kB, RSA-4096); nginx; and nginx behind nginx, as Signal's proxy has it.
//! 2. Ours does more on its TLS port than the peers: it reads the upgrade's head and writes a new one. The plain figures are of its
//!    bare port, which passes bytes on as the peers do.
//! 3. Rounds take turns, and each begins with another one. What counts is the median. CPU time and memory are the kernel's account
//!    of the whole process tree.
//! 4. Memory is what the tree holds more (PSS) with all connections open and idle than before the first, each in a fresh process.

mod figures;
mod load;
mod peers;
mod process;

use std::time::Duration;

use clap::Args;

use figures::Figures;
use load::{Form, Load};
use peers::{House, Kind, Peer};

#[derive(Args)]
pub(crate) struct Options {
    /// A few seconds: whether it runs at all
    #[arg(long)]
    quick: bool,
    /// How many rounds
    #[arg(long, default_value_t = 6)]
    rounds: usize,
    /// Idle connections
    #[arg(long, default_value_t = 5_000)]
    idle: usize,
}

/// Our proxy alone, as the process that the benchmark measures.
#[derive(Args)]
pub(crate) struct Process {
    /// What `umweg-proxy` takes
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

impl Process {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        peers::run_ours(self.arguments)
    }
}

/// How much of everything in one turn.
struct Turn {
    connections: usize,
    bulk_bytes: u64,
    time: Duration,
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?.block_on(measure(options))
}

async fn measure(options: &Options) -> anyhow::Result<()> {
    let (rounds, idle, turn) = if options.quick {
        (1, 200, Turn { connections: 50, bulk_bytes: 16 << 20, time: Duration::from_millis(300) })
    } else {
        (options.rounds, options.idle, Turn { connections: 400, bulk_bytes: 512 << 20, time: Duration::from_secs(1) })
    };
    let load = Load::start().await?;
    let house = House::new(load.sink())?;
    let mut figures = Figures::default();
    for (name, version) in house.versions() {
        println!("peer: {name} ({version})");
    }
    for form in [Form::Tls, Form::Plain] {
        for kind in house.kinds() {
            let peer = house.start(kind).await?;
            if let Some(bytes) = memory(&load, &peer, form, idle).await? {
                figures.add("idle", form, kind, bytes);
            }
        }
    }
    let mut peers = Vec::new();
    for kind in house.kinds() {
        peers.push(house.start(kind).await?);
    }
    for _ in 0..rounds {
        for peer in &peers {
            take_turn(&load, peer, &turn, &mut figures).await?;
        }
        peers.rotate_left(1);
    }
    figures.print();
    Ok(())
}

/// Bytes for each idle connection. None: it does not serve this form.
async fn memory(load: &Load, peer: &Peer, form: Form, count: usize) -> anyhow::Result<Option<f64>> {
    if peer.address(form).is_none() {
        return Ok(None);
    }
    // What is made at the first connections is no cost of the later ones.
    drop(load.hold(peer, form, 50).await?);
    let before = peer.memory()?;
    let held = load.hold(peer, form, count).await?;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let after = peer.memory()?;
    drop(held);
    Ok(Some((after as f64 - before as f64) / count as f64))
}

async fn take_turn(load: &Load, peer: &Peer, turn: &Turn, figures: &mut Figures) -> anyhow::Result<()> {
    for form in [Form::Tls, Form::Plain] {
        if peer.address(form).is_none() {
            continue;
        }
        let before = peer.cpu()?;
        load.set_up(peer, form, turn.connections).await?;
        let cpu = peer.cpu()?.saturating_sub(before);
        figures.add("setup", form, peer.kind(), cpu.as_secs_f64() * 1e6 / turn.connections as f64);

        let before = peer.cpu()?;
        load.bulk(peer, form, turn.bulk_bytes).await?;
        let cpu = peer.cpu()?.saturating_sub(before);
        figures.add("bulk", form, peer.kind(), cpu.as_secs_f64() / (turn.bulk_bytes as f64 / 1e9));
    }
    // The peers' libraries don't know it: theirs is what they do instead.
    let before = peer.cpu()?;
    if peer.kind() == Kind::Ours {
        load.set_up_post_quantum(peer, turn.connections).await?;
    } else {
        load.set_up(peer, Form::Tls, turn.connections).await?;
    }
    let cpu = peer.cpu()?.saturating_sub(before);
    figures.add_plainly("setup_tls_mlkem", peer.kind(), cpu.as_secs_f64() * 1e6 / turn.connections as f64);

    let (p50, p99) = load.ping(peer, turn.time).await?;
    figures.add_plainly("latency_p50", peer.kind(), p50.as_secs_f64() * 1e6);
    figures.add_plainly("latency_p99", peer.kind(), p99.as_secs_f64() * 1e6);

    let before = peer.cpu()?;
    let moved = load.calls(peer, turn.time).await?;
    let cpu = peer.cpu()?.saturating_sub(before);
    figures.add_plainly("calls_cpu", peer.kind(), cpu.as_secs_f64() * 1e6 / (moved as f64 * 8.0 / 1e6));
    Ok(())
}
