//! Makes the service stubs of the contract; its messages are `umweg_wire`'s.
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let root = std::path::Path::new("../proto");
    println!("cargo::rerun-if-changed={}", root.display());
    let files = ["log", "store", "call"].map(|name| root.join(format!("umweg/v1/{name}.proto")));
    let descriptors = protox::compile(&files, [root])?;
    let out = std::path::PathBuf::from(std::env::var("OUT_DIR")?);
    std::fs::write(out.join("contract.bin"), prost::Message::encode_to_vec(&descriptors))?;
    tonic_prost_build::configure()
        .extern_path(".umweg.v1", "::umweg_wire::proto::v1")
        .build_transport(true)
        .compile_fds(descriptors)?;
    Ok(())
}
