//! The program: `umweg-server run`, and what an operator needs beside it.

use std::io::Write;
use std::process::ExitCode;

use anyhow::Context;
use umweg_io::shutdown::Shutdown;
use umweg_server::run::{Service, check, link};
use umweg_server::settings::{Program, Settings, What};

fn main() -> ExitCode {
    umweg_io::log::init();
    let outcome = match umweg_io::config::parse::<Program>().what {
        What::Run(settings) => run(&settings),
        What::Link(settings) => link(&settings).and_then(|link| say(&link)),
        What::CheckConfig(settings) => check(&settings).and_then(|()| say("the settings are fine")),
        What::ExampleConfig => say(umweg_io::config::example::<Program>("run").trim_end()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Not by the log, which an operator may have turned down.
            let _ = writeln!(std::io::stderr(), "umweg-server: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[tokio::main]
async fn run(settings: &Settings) -> anyhow::Result<()> {
    let shutdown = Shutdown::new();
    shutdown.on_signals().context("listen for signals")?;
    let service = Service::prepare(settings, &shutdown).await?;
    say(&format!("ready link={}", service.link()))?;
    tracing::info!("the service is open");
    service.serve().await?;
    tracing::info!("the service has ended");
    Ok(())
}

/// To whoever started the program, which may be another program.
fn say(line: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).context("write to standard output")
}
