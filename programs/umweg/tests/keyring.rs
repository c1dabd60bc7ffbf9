//! The folder's key in a real key ring: GNOME Keyring on a session bus of the test's own.
#![expect(clippy::unwrap_used, reason = "the helpers of tests are tests")]

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use tempfile::TempDir;
use umweg_wire::links::Linked;
use umweg_wire::proto::v1::ServiceLink;

/// A desktop session without a desktop: a bus, and a key ring that a password unlocked.
struct Desktop {
    home: TempDir,
    address: String,
    bus: Child,
    ring: Child,
}

impl Desktop {
    fn begin() -> Self {
        let home = tempfile::tempdir().unwrap();
        let mut bus = in_home(&home, "dbus-daemon")
            .args(["--session", "--nofork", "--print-address"])
            .stdout(Stdio::piped())
            .spawn()
            .expect("dbus-daemon is installed: Debian's package dbus has it");
        let mut address = String::new();
        BufReader::new(bus.stdout.take().unwrap()).read_line(&mut address).unwrap();
        let address = address.trim().to_owned();
        let mut ring = in_home(&home, "gnome-keyring-daemon")
            .env("DBUS_SESSION_BUS_ADDRESS", &address)
            .args(["--foreground", "--components=secrets", "--unlock"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("gnome-keyring-daemon is installed: Debian's package gnome-keyring has it");
        ring.stdin.take().unwrap().write_all(b"a test's password").unwrap();
        let desktop = Self { home, address, bus, ring };
        desktop.wait_for_ring();
        desktop
    }

    /// Only the daemon started above has a key ring for keys: one that the bus starts by itself has none.
    fn wait_for_ring(&self) {
        let wait = ["wait", "--session", "--timeout", "20", "org.freedesktop.secrets"];
        let came = self.command("gdbus").args(wait).status().expect("gdbus is installed: Debian's package libglib2.0-bin has it");
        assert!(came.success(), "the key ring does not come to the bus");
    }

    fn command(&self, program: &str) -> Command {
        let mut command = in_home(&self.home, program);
        command.env("DBUS_SESSION_BUS_ADDRESS", &self.address);
        command
    }

    fn umweg(&self, folder: &Path, arguments: &[&str]) -> Output {
        let mut command = self.command(env!("CARGO_BIN_EXE_umweg"));
        command.arg("--data").arg(folder).arg("--service").arg(service()).args(arguments).stdin(Stdio::null()).output().unwrap()
    }

    fn lock_ring(&self) {
        let login = "['/org/freedesktop/secrets/collection/login']";
        let call = ["call", "--session", "--dest", "org.freedesktop.secrets", "--object-path", "/org/freedesktop/secrets"];
        let lock =
            self.command("gdbus").args(call).args(["--method", "org.freedesktop.Secret.Service.Lock", login]).output().unwrap();
        assert!(lock.status.success(), "{}", said(&lock));
    }

    /// Whether the key ring has a key of that name.
    fn has_entry(&self, fingerprint: &str) -> bool {
        let attributes = format!("{{'application': 'umweg', 'folder-key': '{fingerprint}'}}");
        let call = ["call", "--session", "--dest", "org.freedesktop.secrets", "--object-path", "/org/freedesktop/secrets"];
        let method = ["--method", "org.freedesktop.Secret.Service.SearchItems", &attributes];
        let found = self.command("gdbus").args(call).args(method).output().unwrap();
        assert!(found.status.success(), "{}", said(&found));
        String::from_utf8(found.stdout).unwrap().contains("/org/freedesktop/secrets/collection/")
    }
}

impl Drop for Desktop {
    fn drop(&mut self) {
        for child in [&mut self.ring, &mut self.bus] {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Nothing of the person's own session is within reach: neither their bus nor their screen.
fn in_home(home: &TempDir, program: &str) -> Command {
    let mut command = Command::new(program);
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap());
    command.env("HOME", home.path()).env("XDG_RUNTIME_DIR", home.path());
    command
}

fn service() -> String {
    ServiceLink { host: "127.0.0.1".into(), static_key: vec![1; 32], bare_port: 9, path: "/live".into(), ..Default::default() }
        .to_link()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn done(output: &Output) -> String {
    assert!(output.status.success(), "{}", said(output));
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn key_file(folder: &Path) -> PathBuf {
    folder.join("key")
}

/// Under which name the key ring has the folder's key.
fn fingerprint(folder: &Path) -> Option<String> {
    let text = String::from_utf8(std::fs::read(key_file(folder)).unwrap()).ok()?;
    text.trim().strip_prefix("in the system's key ring: ").map(str::to_owned)
}

#[test]
fn where_a_key_ring_is_open_it_keeps_the_key_of_a_new_folder() {
    let (desktop, place) = (Desktop::begin(), tempfile::tempdir().unwrap());
    done(&desktop.umweg(place.path(), &["create-account", "Ada"]));
    let name = fingerprint(place.path()).expect("the file names the key ring, and holds no key");
    assert!(desktop.has_entry(&name));
    assert!(done(&desktop.umweg(place.path(), &["link"])).starts_with("umweg://contact/"));
}

#[test]
fn where_there_is_none_a_key_file_keeps_it_and_nothing_waits() {
    let place = tempfile::tempdir().unwrap();
    let home = tempfile::tempdir().unwrap();
    let mut command = in_home(&home, env!("CARGO_BIN_EXE_umweg"));
    let begun = std::time::Instant::now();
    done(&command.arg("--data").arg(place.path()).arg("--service").arg(service()).args(["proxy", "list"]).output().unwrap());
    assert_eq!(std::fs::read(key_file(place.path())).unwrap().len(), 32);
    assert!(begun.elapsed().as_secs() < 10, "it waited for a key ring that is not there");
}

#[test]
fn a_key_moves_into_the_key_ring_and_out_again_when_that_is_wished() {
    let (desktop, place) = (Desktop::begin(), tempfile::tempdir().unwrap());
    done(&desktop.umweg(place.path(), &["--key-from", "file", "create-account", "Ada"]));
    let key = std::fs::read(key_file(place.path())).unwrap();
    let link = done(&desktop.umweg(place.path(), &["link"]));
    assert_eq!(std::fs::read(key_file(place.path())).unwrap(), key, "a key file is not touched before that is wished");

    assert_eq!(done(&desktop.umweg(place.path(), &["--key-from", "keyring", "link"])), link);
    let name = fingerprint(place.path()).unwrap();
    assert_eq!(done(&desktop.umweg(place.path(), &["link"])), link);

    // As after a kill between the two steps of a move: the key ring has the key, and the file has it still.
    std::fs::write(key_file(place.path()), &key).unwrap();
    assert_eq!(done(&desktop.umweg(place.path(), &["--key-from", "keyring", "link"])), link);
    assert_eq!(fingerprint(place.path()), Some(name.clone()), "the same entry is used again");

    assert_eq!(done(&desktop.umweg(place.path(), &["--key-from", "file", "link"])), link);
    assert_eq!(std::fs::read(key_file(place.path())).unwrap(), key);
    assert!(!desktop.has_entry(&name), "the key ring has forgotten it");
}

#[test]
fn a_key_ring_that_is_locked_gone_or_without_the_key_is_said_with_what_to_do() {
    let (desktop, place) = (Desktop::begin(), tempfile::tempdir().unwrap());
    done(&desktop.umweg(place.path(), &["create-account", "Ada"]));

    desktop.lock_ring();
    let locked = desktop.umweg(place.path(), &["link"]);
    assert!(said(&locked).contains("key ring stays locked: unlock it and start again"), "{}", said(&locked));

    let others = Desktop::begin().umweg(place.path(), &["link"]);
    assert!(said(&others).contains("no longer has this folder's key: bring the key ring back"), "{}", said(&others));

    drop(desktop);
    let home = tempfile::tempdir().unwrap();
    let without = in_home(&home, env!("CARGO_BIN_EXE_umweg")).arg("--data").arg(place.path()).arg("link").output().unwrap();
    assert!(said(&without).contains("does not answer: start where your desktop session runs"), "{}", said(&without));
}

#[test]
fn a_locked_key_ring_is_not_opened_for_a_new_folder_that_did_not_ask_for_it() {
    let (desktop, place) = (Desktop::begin(), tempfile::tempdir().unwrap());
    desktop.lock_ring();
    done(&desktop.umweg(place.path(), &["create-account", "Ada"]));
    assert_eq!(std::fs::read(key_file(place.path())).unwrap().len(), 32);
}

#[test]
fn the_key_is_nowhere_to_be_read() {
    let (desktop, place) = (Desktop::begin(), tempfile::tempdir().unwrap());
    done(&desktop.umweg(place.path(), &["--key-from", "file", "create-account", "Ada"]));
    let key = std::fs::read(key_file(place.path())).unwrap();
    let mut command = desktop.command(env!("CARGO_BIN_EXE_umweg"));
    let traced = command.env("UMWEG_LOG", "trace").arg("--data").arg(place.path()).args(["--key-from", "keyring", "link"]).output();
    let traced = traced.unwrap();
    done(&traced);
    assert!(said(&traced).contains("DEBUG umweg"), "it logs at all");
    let as_text = data_encoding::HEXLOWER.encode(&key);
    let as_list = key.iter().map(u8::to_string).collect::<Vec<_>>().join(", ");
    let files = std::fs::read_dir(place.path()).unwrap().map(|file| std::fs::read(file.unwrap().path()).unwrap());
    for bytes in files.chain([traced.stderr]) {
        let holds = |part: &[u8]| bytes.windows(part.len()).any(|window| window == part);
        assert!(!holds(&key) && !holds(as_text.as_bytes()) && !holds(as_list.as_bytes()));
    }
}
