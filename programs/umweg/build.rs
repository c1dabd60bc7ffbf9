//! Makes sure that the folder of the built pages exists: `rust-embed` refuses to compile without it, and who works on the app
//! alone need not have built the pages. The program then says how to build them.
fn main() -> std::io::Result<()> {
    let pages = std::path::Path::new("../../web/dist");
    std::fs::create_dir_all(pages)?;
    println!("cargo::rerun-if-changed={}", pages.display());
    Ok(())
}
