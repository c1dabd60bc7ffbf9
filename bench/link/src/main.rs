//! `umweg-link`: a bad link between two network namespaces, what `tc netem` does, on kernels that don't have it.
//!
//! It makes two TUN devices; whoever started it moves them into namespaces and gives them addresses. What goes into one comes out of
//! the other, delayed, thinned and dropped as `direction` decides. Losses come from a seed, so that two runs lose alike. A line on
//! standard input, `loss=3 rate=450 udp=off`, changes the link while it runs; the end of standard input ends it.

mod condition;
mod direction;
mod tun;

use std::io::{BufRead, Write};
use std::sync::{Arc, PoisonError, RwLock, mpsc};
use std::thread;
use std::time::Instant;

use anyhow::Context;
use clap::Parser;

use condition::Condition;
use direction::{Direction, PACKETS_MAX};
use tun::Tun;

/// A bad link, as two network devices: with delay, loss, a rate, a queue, without UDP. Linux, as root
#[derive(Parser)]
#[command(name = "umweg-link")]
struct Options {
    /// The device at one end
    #[arg(long, default_value = "umweg-near")]
    near: String,
    /// The device at the other end
    #[arg(long, default_value = "umweg-far")]
    far: String,
    #[command(flatten)]
    condition: Condition,
    /// Which packets are lost
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    let (near, far) = (Arc::new(Tun::open(&options.near)?), Arc::new(Tun::open(&options.far)?));
    let shared = Arc::new(RwLock::new(options.condition));
    carry(near.clone(), far.clone(), shared.clone(), options.seed);
    carry(far, near, shared.clone(), options.seed.wrapping_add(1));
    say(&format!("ready near={} far={}", options.near, options.far))?;
    for line in std::io::stdin().lock().lines() {
        let mut condition = shared.write().unwrap_or_else(PoisonError::into_inner);
        match condition.changed_by(&line?) {
            Ok(changed) => {
                *condition = changed;
                say(&format!("now {condition}"))?;
            }
            Err(error) => say(&format!("refused {error}"))?,
        }
    }
    Ok(())
}

/// Carries packets one way until the process ends: one thread takes them, another puts them down when it is their time. They stay in
/// order, so that a queue of them is enough.
fn carry(from: Arc<Tun>, to: Arc<Tun>, condition: Arc<RwLock<Condition>>, seed: u64) {
    let (under_way, arriving) = mpsc::sync_channel::<(Instant, Vec<u8>)>(PACKETS_MAX);
    thread::spawn(move || {
        for (at, packet) in arriving {
            thread::sleep(at.saturating_duration_since(Instant::now()));
            // A device that is down or full loses packets, as any does.
            let _ = to.write(&packet);
        }
    });
    thread::spawn(move || {
        let mut direction = Direction::new(seed);
        let mut packet = vec![0; tun::PACKET_BYTES_MAX];
        loop {
            // An error: the device is not up yet, or no more. It says so at once, therefore the pause.
            let Ok(length) = from.read(&mut packet) else {
                thread::sleep(tun::PAUSE);
                continue;
            };
            let condition = *condition.read().unwrap_or_else(PoisonError::into_inner);
            let packet = &packet[..length];
            if let Some(at) = direction.handle(packet, &condition, Instant::now()) {
                // Full: lost, too.
                let _ = under_way.try_send((at, packet.to_vec()));
            }
        }
    });
}

fn say(line: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).context("nobody reads what this program says")
}
