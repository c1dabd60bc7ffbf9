//! Turns the contract in `proto/` into Rust types. Service stubs are made in `io`, so that no runtime comes in here.
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let root = std::path::Path::new("../../proto");
    println!("cargo::rerun-if-changed={}", root.display());
    let files = ["log", "store", "call", "link", "sealed"].map(|name| root.join(format!("umweg/v1/{name}.proto")));
    let descriptors = protox::compile(&files, [root])?;
    // Bytes that are secret or say whose they are have no place in a log: no message prints itself.
    prost_build::Config::new().skip_debug(["."]).compile_fds(descriptors)?;
    Ok(())
}
