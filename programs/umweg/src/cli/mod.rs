//! The command line. `umweg` runs the app; every other command speaks with the app that runs on the folder, as a page would, or
//! runs one for itself, in the same process, for as long as it takes.

mod args;
mod commands;
mod print;
mod session;

use std::process::ExitCode;

pub use args::Args;
pub(crate) use args::{Errand, Run};
pub(crate) use session::Refused;

use crate::start;

/// Exit codes beside 0: in `--help`, and for scripts to rely on.
const FAILED: u8 = 1;
const REFUSED: u8 = 3;
const NOT_DONE_YET: u8 = 4;

/// Whether somebody reads a log: who runs the app, or who asked for one.
pub fn wants_log(args: &Args) -> bool {
    !matches!(args.command, Some(args::Command::Script(_))) || std::env::var_os("UMWEG_LOG").is_some()
}

/// Does what the arguments say.
pub async fn main(args: Args) -> ExitCode {
    let json = args.json;
    let done = match args.command {
        None => start::run_app(args.place, args.run).await,
        Some(args::Command::Run(run)) => start::run_app(args.place, args.run.and(run)).await,
        Some(args::Command::Script(command)) => commands::run(args.place, command, json).await,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            print::error(&error, json);
            ExitCode::from(code(&error))
        }
    }
}

fn code(error: &anyhow::Error) -> u8 {
    match error.downcast_ref() {
        Some(Refused::Command { .. }) => REFUSED,
        Some(Refused::NotYet(_)) => NOT_DONE_YET,
        None => FAILED,
    }
}
