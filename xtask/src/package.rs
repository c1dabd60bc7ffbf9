//! `./x package`: the volunteer's proxy as a Debian package, and a trial of it.
//!
//! The package is put together with `dpkg-deb` from what stands in deploy/: a program, its unit, a first configuration. The trial
//! installs it with the real `dpkg` over the real system, in namespaces that vanish with everything in them.
//!
//! For other systems there is the program alone, with glibc linked into it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Args;

use crate::steps::{command, root, run as run_command};

/// The oldest glibc that has every function that the program is linked with, as `objdump -T` tells of one that was built on Debian 12.
const LIBC: &str = "2.34";
/// What is shipped beside the program, and where it goes.
const FILES: [(&str, &str); 3] = [
    ("deploy/umweg-proxy.service", UNIT),
    ("LICENSE-MIT", "usr/share/doc/umweg-proxy/copyright"),
    ("LICENSE-APACHE", "usr/share/doc/umweg-proxy/LICENSE-APACHE"),
];
const UNIT: &str = "lib/systemd/system/umweg-proxy.service";
const SCRIPTS: [&str; 3] = ["postinst", "prerm", "postrm"];

#[derive(Args)]
pub(crate) struct Options {
    /// Take the program in target/debug instead of building one for release
    #[arg(long)]
    debug: bool,
    /// Make a program that needs no library of the system, instead of a package
    #[arg(long = "static", conflicts_with = "trial")]
    alone: bool,
    /// Install, start and remove it afterwards, beside this system (as root)
    #[arg(long = "try")]
    trial: bool,
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    if options.alone {
        println!("{}", build_alone(if options.debug { "dev" } else { "release" })?.display());
        return Ok(());
    }
    let package = if options.debug { build("debug")? } else { build_for_release()? };
    println!("{}", package.display());
    if options.trial { try_out(&package) } else { Ok(()) }
}

/// With the programs in target/debug, which were built before.
pub(crate) fn trial() -> anyhow::Result<()> {
    if !Path::new("/etc/debian_version").exists() {
        println!("   NOT TRIED: this is not Debian");
        return Ok(());
    }
    try_out(&build("debug")?)
}

fn build_for_release() -> anyhow::Result<PathBuf> {
    run_command(command("cargo build --release --locked --package umweg-proxy"))?;
    build("release")
}

/// Only the last step of building differs, so nothing else is built again.
fn build_alone(profile: &str) -> anyhow::Result<PathBuf> {
    let mut cargo = command("cargo rustc --locked --package umweg-proxy --bin umweg-proxy");
    cargo.args(["--profile", profile, "--", "-C", "target-feature=+crt-static"]);
    run_command(cargo)?;
    let target = root().join("target");
    let made = target.join(format!("package/umweg-proxy-static_{}_{}", env!("CARGO_PKG_VERSION"), architecture()?));
    put(&target.join(if profile == "dev" { "debug" } else { profile }).join("umweg-proxy"), &made, 0o755)?;
    run_command(command(&format!("strip {}", made.display())))?;
    let headers = command(&format!("readelf --program-headers --wide {}", made.display())).output()?;
    if String::from_utf8_lossy(&headers.stdout).contains("INTERP") {
        bail!("{} still asks for libraries of the system", made.display());
    }
    Ok(made)
}

fn build(profile: &str) -> anyhow::Result<PathBuf> {
    let target = root().join("target");
    let tree = target.join("package/umweg-proxy");
    if tree.exists() {
        fs::remove_dir_all(&tree)?;
    }
    let program = tree.join("usr/bin/umweg-proxy");
    put(&target.join(profile).join("umweg-proxy"), &program, 0o755)?;
    // Symbols are for who builds it.
    run_command(command(&format!("strip {}", program.display())))?;
    for (from, to) in FILES {
        put(&root().join(from), &tree.join(to), 0o644)?;
    }
    let unit = tree.join(UNIT);
    fs::write(&unit, fs::read_to_string(&unit)?.replace("/usr/local/bin/", "/usr/bin/"))?;
    for script in SCRIPTS {
        put(&root().join("deploy/debian").join(script), &tree.join("DEBIAN").join(script), 0o755)?;
    }
    let (version, architecture) = (env!("CARGO_PKG_VERSION"), architecture()?);
    let control = fs::read_to_string(root().join("deploy/debian/control"))?;
    let kib = fs::metadata(&program)?.len().div_ceil(1_024).to_string();
    let filled_in = [("@VERSION@", version), ("@ARCHITECTURE@", &architecture), ("@LIBC@", LIBC), ("@KIB@", &kib)];
    let control = filled_in.iter().fold(control, |control, (name, value)| control.replace(name, value));
    fs::write(tree.join("DEBIAN/control"), control)?;
    let package = target.join(format!("package/umweg-proxy_{version}_{architecture}.deb"));
    let mut build = command("dpkg-deb --root-owner-group --build");
    build.arg(&tree).arg(&package).stdout(std::process::Stdio::null());
    run_command(build)?;
    Ok(package)
}

fn put(from: &Path, to: &Path, mode: u32) -> anyhow::Result<()> {
    fs::create_dir_all(to.parent().context("a file lies in a folder")?)?;
    fs::copy(from, to).with_context(|| format!("{} is not there: `./x build` makes it", from.display()))?;
    fs::set_permissions(to, fs::Permissions::from_mode(mode))?;
    Ok(())
}

fn architecture() -> anyhow::Result<String> {
    let output = command("dpkg --print-architecture").output().context("this is not Debian: there is no dpkg")?;
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

fn try_out(package: &Path) -> anyhow::Result<()> {
    let output = command("id --user").output()?;
    if output.stdout != b"0\n" {
        println!("   NOT TRIED: installing a package takes root");
        return Ok(());
    }
    let mut trial = command("unshare --mount --net --pid --fork --kill-child sh deploy/debian/trial.sh");
    let status = trial.arg(package).arg(root().join("target/debug")).status().context("unshare could not be started")?;
    if !status.success() {
        bail!("the trial of the package ended with {status}");
    }
    Ok(())
}
