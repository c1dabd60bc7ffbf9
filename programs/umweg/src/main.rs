//! The app: `umweg`. See `umweg --help`.

use clap::Parser;

#[tokio::main]
async fn main() -> std::process::ExitCode {
    let args = umweg::Args::parse();
    if umweg::wants_log(&args) {
        umweg_io::log::init();
    }
    umweg::main(args).await
}
