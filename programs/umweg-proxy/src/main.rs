//! The program: reads its settings, opens its ports, and waits for the end.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use qrcode::QrCode;
use qrcode::render::unicode::Dense1x2;
use umweg_io::shutdown::Shutdown;
use umweg_io::{config, log, metrics};
use umweg_proxy::plan::Plan;
use umweg_proxy::proxy::Proxy;
use umweg_proxy::settings::{Action, Program, Settings};
use umweg_wire::links::Linked;

fn main() -> ExitCode {
    let program: Program = config::parse();
    log::init();
    let done = match program.action {
        Action::Run(settings) => run(settings),
        Action::Link(settings) => show_link(settings),
        Action::CheckConfig(settings) => Plan::new(settings).and_then(|_| say("these settings are good\n")),
        Action::ExampleConfig => say(&config::example::<Program>("run")),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "umweg-proxy: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[tokio::main]
async fn run(settings: Settings) -> Result<()> {
    let drain = Duration::from_secs(settings.drain_seconds);
    let metrics_at = settings.metrics;
    let proxy = Proxy::bind(Plan::new(settings)?).await?;
    let shutdown = Shutdown::new();
    shutdown.on_signals().context("cannot wait for signals")?;
    if let Some(address) = metrics_at {
        let address = metrics::serve(address, &shutdown).await?;
        tracing::info!(port = address.port(), "metrics are served on loopback");
    }
    let link = proxy.link().to_link();
    proxy.open(&shutdown);
    say(&format!("ready link={link}\n"))?;
    show_qr(&link)?;
    shutdown.begun().await;
    if !shutdown.drain(drain).await {
        tracing::info!("connections that were still open are cut");
    }
    Ok(())
}

fn show_link(settings: Settings) -> Result<()> {
    let plan = Plan::new(settings)?;
    let link = plan.link(plan.ports())?.to_link();
    say(&format!("{link}\n"))?;
    show_qr(&link)
}

/// For a phone's camera; programs that read the output don't want it.
fn show_qr(link: &str) -> Result<()> {
    if !std::io::stdout().is_terminal() {
        return Ok(());
    }
    let code = QrCode::new(link).context("the link is too long for a QR code")?;
    say(&format!("{}\n", code.render::<Dense1x2>().build()))
}

fn say(text: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).context("cannot write to standard output")
}
