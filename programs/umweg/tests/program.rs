//! The program as a person or a script meets it: what it says, how it ends, and that it begins again after any end.
#![expect(clippy::unwrap_used, reason = "the helpers of tests are tests")]

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use umweg_wire::links::Linked;
use umweg_wire::proto::v1::{ProxyLink, ServiceLink};

/// A service that nobody runs: what is tested here needs none.
fn service(key: u8) -> String {
    ServiceLink { host: "127.0.0.1".into(), static_key: vec![key; 32], bare_port: 9, path: "/live".into(), ..Default::default() }
        .to_link()
}

fn umweg(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_umweg"));
    // Nothing of a test belongs in the key ring of who runs it: tests/keyring.rs brings its own.
    command.env_clear().env("UMWEG_KEY_FROM", "file").arg("--data").arg(folder).stdin(Stdio::null());
    command
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    umweg(folder).arg("--service").arg(service(1)).args(arguments).output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn code(output: &Output) -> Option<i32> {
    output.status.code()
}

/// A running app, killed when it is no longer needed.
struct Running {
    child: Child,
    link: String,
    log: PathBuf,
}

impl Running {
    fn start(folder: &Path) -> Self {
        let mut command = umweg(folder);
        command
            .args(["--service", &service(1), "--no-browser"])
            .env("UMWEG_LOG", "info,umweg=trace,umweg_io=trace,umweg_road=trace,umweg_client=trace,umweg_seal=trace");
        let log = folder.join("log");
        let mut child = command.stdout(Stdio::piped()).stderr(File::create(&log).unwrap()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let link = line.trim().strip_prefix("ready ").expect("the first line says where it listens").to_owned();
        Self { child, link, log }
    }

    fn port(&self) -> &str {
        self.link.split([':', '/']).nth(4).unwrap()
    }

    /// As a service manager ends it; answers with its exit code and its log.
    fn stop(mut self) -> (Option<i32>, String) {
        assert!(Command::new("kill").arg(self.child.id().to_string()).status().unwrap().success());
        let code = self.child.wait().unwrap().code();
        (code, std::fs::read_to_string(&self.log).unwrap())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn commands_speak_with_the_app_that_runs_and_with_one_of_their_own_when_none_does() {
    let place = tempfile::tempdir().unwrap();
    let running = Running::start(place.path());
    assert_eq!(code(&run(place.path(), &["create-account", "Ada"])), Some(0));
    let with_theirs = run(place.path(), &["link"]).stdout;
    drop(running);
    let with_ours = run(place.path(), &["link"]).stdout;
    assert!(with_theirs.starts_with(b"umweg://contact/") && with_theirs == with_ours);
}

#[test]
fn killed_at_any_moment_it_begins_again_with_everything_that_was_confirmed() {
    let place = tempfile::tempdir().unwrap();
    assert_eq!(code(&run(place.path(), &["create-account", "Ada"])), Some(0));
    for round in 0..5 {
        let mut running = Running::start(place.path());
        let link =
            ProxyLink { host: format!("proxy{round}.example"), bare_port: 9, path: "/p".into(), ..Default::default() }.to_link();
        assert_eq!(code(&run(place.path(), &["proxy", "add", &link])), Some(0));
        running.child.kill().unwrap();
        running.child.wait().unwrap();
    }
    let listed = String::from_utf8(run(place.path(), &["proxy", "list"]).stdout).unwrap();
    assert_eq!(listed.lines().count(), 5, "{listed}");
}

#[test]
fn asked_to_end_it_ends_well_and_says_nothing_private_on_the_way() {
    let place = tempfile::tempdir().unwrap();
    let running = Running::start(place.path());
    assert_eq!(code(&run(place.path(), &["create-account", "Ada Lovelace"])), Some(0));
    let link = String::from_utf8(run(place.path(), &["link"]).stdout).unwrap();
    let secret = running.link.split('#').nth(1).unwrap().to_owned();
    let (code, log) = running.stop();
    assert_eq!(code, Some(0));
    assert!(!place.path().join("run.json").exists());
    assert!(log.contains("umweg"), "it logs at all");
    for private in ["Lovelace", link.trim(), &secret, "127.0.0.1"] {
        assert!(!log.contains(private), "the log has something private");
    }
}

#[test]
fn a_second_app_on_the_folder_is_refused() {
    let place = tempfile::tempdir().unwrap();
    let _running = Running::start(place.path());
    let second = run(place.path(), &["--no-browser"]);
    assert!(code(&second) == Some(1) && said(&second).contains("another umweg runs on"), "{}", said(&second));
}

#[test]
fn what_is_wrong_is_said_with_what_to_do() {
    let place = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let cases: [(&[&str], &str); 6] = [
        (&["--no-browser", "--port", &port], "is taken by another program: leave --port out"),
        (&["--no-browser", "--proxy", "umweg://proxy/AA"], "this proxy link is incomplete or damaged: copy it again"),
        (&["proxy", "add", "hello"], "this is not an Umweg link"),
        (&["add", "umweg://service/AA"], "create an account first"),
        (&["link"], "create an account first: umweg create-account"),
        (&["send", "Nobody", "hello"], "there is no such conversation"),
    ];
    for (arguments, words) in cases {
        let output = run(place.path(), arguments);
        assert!(!output.status.success() && said(&output).contains(words), "{arguments:?}: {}", said(&output));
    }
    let without_service = umweg(&place.path().join("new")).arg("link").output().unwrap();
    assert!(said(&without_service).contains("start with --service LINK"), "{}", said(&without_service));
    let other_service = umweg(place.path()).args(["link", "--service", &service(2)]).output().unwrap();
    assert!(said(&other_service).contains("belongs to another service"), "{}", said(&other_service));
}

#[test]
fn a_refusal_has_its_own_exit_code_and_as_json_its_kind() {
    let place = tempfile::tempdir().unwrap();
    assert_eq!(code(&run(place.path(), &["create-account", "Ada"])), Some(0));
    let again = run(place.path(), &["create-account", "Ada", "--json"]);
    assert_eq!(code(&again), Some(3));
    let said: serde_json::Value = serde_json::from_slice(&again.stdout).unwrap();
    assert_eq!(said["refusal"]["kind"], "accountExists");
}

#[test]
fn a_passphrase_opens_its_folder_and_another_does_not() {
    let place = tempfile::tempdir().unwrap();
    let with = |passphrase: &str, arguments: &[&str]| {
        let mut command = umweg(place.path());
        let command = command.env("UMWEG_KEY_FROM", "auto").env("UMWEG_PASSPHRASE", passphrase);
        command.arg("--service").arg(service(1)).args(arguments).output().unwrap()
    };
    assert_eq!(code(&with("right", &["create-account", "Ada"])), Some(0));
    assert_eq!(code(&with("right", &["link"])), Some(0));
    let wrong = with("wrong", &["link"]);
    assert_eq!(said(&wrong), "umweg: failed to open the database: the passphrase is wrong\n");
    assert!(said(&run(place.path(), &["link"])).contains("a passphrase protects this folder, and stays"));
    assert!(said(&run(place.path(), &["--key-from", "auto", "link"])).contains("set UMWEG_PASSPHRASE"));
}

#[test]
fn the_port_of_the_last_time_is_used_again() {
    let place = tempfile::tempdir().unwrap();
    let first = Running::start(place.path());
    let port = first.port().to_owned();
    first.stop();
    assert_eq!(Running::start(place.path()).port(), port);
}
