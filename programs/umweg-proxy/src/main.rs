//! The program: reads its settings, opens its ports, and waits for the end.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use qrcode::QrCode;
use qrcode::render::unicode::Dense1x2;
use umweg_io::cores::Cores;
use umweg_io::shutdown::Shutdown;
use umweg_io::{config, log, metrics};
use umweg_proxy::invites::book::Line;
use umweg_proxy::invites::{Invite, Invites};
use umweg_proxy::plan::Plan;
use umweg_proxy::proxy::Proxy;
use umweg_proxy::settings::{Action, Examination, InviteAction, NamedInvite, NewInvite, Program, Settings};
use umweg_proxy::share::Reached;
use umweg_proxy::{doctor, figures, page, sandbox, words};
use umweg_wire::links::Linked;

fn main() -> ExitCode {
    let program: Program = config::parse();
    log::init();
    let done = match program.action {
        Action::Run(settings) => run(settings),
        Action::Link(settings) => show_link(settings),
        Action::Invite(action) => invite(action),
        Action::CheckConfig(settings) => Plan::new(settings).and_then(|_| say("these settings are good\n")),
        Action::Doctor(examination) => examine(examination),
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

#[tokio::main(flavor = "current_thread")]
async fn run(settings: Settings) -> Result<()> {
    let drain = Duration::from_secs(settings.drain_seconds);
    let metrics_at = settings.metrics;
    let plan = Plan::new(settings)?;
    // Threads that begin later are shut in with this one.
    sandbox::enter(&plan)?;
    let cores = Cores::all().context("cannot start a thread for each core")?;
    let proxy = Proxy::bind_on(plan, &cores)?;
    let shutdown = Shutdown::new();
    shutdown.on_signals().context("cannot wait for signals")?;
    if let Some(address) = metrics_at {
        let address = metrics::serve_with(page::router(Arc::clone(proxy.book())), address, &shutdown).await?;
        figures::describe();
        tracing::info!(port = address.port(), "your page and the metrics are served on loopback");
    }
    let (link, other_links, book) = (proxy.link().to_link(), proxy.other_links().to_vec(), Arc::clone(proxy.book()));
    proxy.open(&shutdown);
    say(&format!("ready link={link}\n"))?;
    show_qr(&link)?;
    for (whose, link) in other_links {
        say(&format!("{whose} link={link}\n"))?;
        show_qr(&link)?;
    }
    shutdown.begun().await;
    if !shutdown.drain(drain).await {
        tracing::info!("connections that were still open are cut");
    }
    book.write_down();
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn examine(Examination { settings, json }: Examination) -> Result<()> {
    let report = doctor::examine(&settings).await;
    say(&if json { report.to_json() } else { report.to_text() })?;
    match report.problems() {
        0 => Ok(()),
        1 => bail!("1 thing will not work; what to do stands beside it"),
        many => bail!("{many} things will not work; what to do stands beside each"),
    }
}

fn show_link(settings: Settings) -> Result<()> {
    let plan = Plan::new(settings)?;
    let link = plan.link(plan.ports())?.to_link();
    say(&format!("{link}\n"))?;
    show_qr(&link)
}

fn invite(action: InviteAction) -> Result<()> {
    match action {
        InviteAction::Add(new) => {
            let NewInvite { name, connections_max, bandwidth, monthly, expires, folder } = new;
            let invite = Invite { connections_max, bandwidth, monthly, expires, ..Invite::new(&name, &mut rand::rng()) };
            let link = Reached::of(&folder.data).link(&invite.path)?.to_link();
            Invites::of(&folder.data).add(invite)?;
            say(&format!("{link}\n"))?;
            show_qr(&link)
        }
        InviteAction::List(folder) => say(&words::table(&Line::written_down(&folder.data)?)),
        InviteAction::Show(NamedInvite { name, folder }) => {
            let path = Invites::of(&folder.data).named(&name)?.path;
            let lines = Line::written_down(&folder.data)?;
            let line: Vec<_> = lines.into_iter().filter(|line| line.invite.name == name).collect();
            let link = Reached::of(&folder.data).link(&path)?.to_link();
            say(&format!("{link}\n\n{}", words::table(&line)))?;
            show_qr(&link)
        }
        InviteAction::Revoke(NamedInvite { name, folder }) => {
            Invites::of(&folder.data).revoke(&name)?;
            say("revoked: who used it is cut, and its link leads to the web site only\n")
        }
    }
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
