//! The app: `umweg`. See `umweg --help`.

use clap::Parser;

#[tokio::main]
async fn main() -> std::process::ExitCode {
    umweg_io::log::init();
    umweg::main(umweg::Args::parse()).await
}
