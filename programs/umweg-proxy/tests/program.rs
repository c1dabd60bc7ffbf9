//! The program as a volunteer runs it: what it says, and how it ends.
#![expect(clippy::unwrap_used, reason = "the helpers of tests are tests")]

#[path = "house/nobody.rs"]
mod nobody;
#[expect(dead_code, reason = "these tests use a part of it")]
#[path = "house/program.rs"]
mod program;

use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use nobody::service;
use program::Program;
use umweg_wire::links::Linked;
use umweg_wire::proto::v1::ProxyLink;

#[test]
fn it_says_when_it_is_ready_keeps_its_link_and_ends_when_it_is_told() {
    let mut data = tempfile::tempdir().unwrap();
    let mut links = Vec::new();
    for _ in 0..2 {
        let mut running = running_in(data);
        let link = &running.link;
        assert!(link.tls_port != 0 && link.plain_port == 0 && link.pin.len() == 32);
        links.push((link.path.clone(), link.pin.clone()));
        assert!(running.terminate());
        data = running.stop();
    }
    assert_eq!(links[0], links[1], "the secret and the certificate outlive the program");
}

#[test]
fn while_it_runs_it_has_no_rights_but_those_that_it_needs() {
    let mut running = running_in(tempfile::tempdir().unwrap());
    let threads = std::fs::read_dir(format!("/proc/{}/task", running.id())).unwrap();
    let all: Vec<_> = threads.map(|thread| std::fs::read_to_string(thread.unwrap().path().join("status")).unwrap()).collect();
    let is = |status: &str, name: &str| status.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim().to_owned();
    for status in &all {
        for set in ["CapEff:", "CapPrm:"] {
            assert_eq!(u64::from_str_radix(&is(status, set), 16).unwrap() & !(1 << 10), 0, "more than the low ports: {status}");
        }
        assert_eq!(u64::from_str_radix(&is(status, "CapInh:"), 16).unwrap(), 0);
        assert_eq!(is(status, "NoNewPrivs:"), "1");
    }
    assert!(!all.is_empty());
    assert!(running.terminate());
}

#[test]
fn a_taken_port_is_named_with_what_to_do() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let data = tempfile::tempdir().unwrap();
    let output =
        proxy(data.path(), &["run", &format!("--tls-port={port}"), "--plain-port=off", "--bare-port=off"]).output().unwrap();
    assert_fails(&output, &format!("port {port} is taken by another program: stop that one, or choose another port"));
}

#[test]
fn each_wrong_setting_is_named_before_anything_is_opened() {
    let data = tempfile::tempdir().unwrap();
    let file = data.path().join("not-a-certificate.pem");
    std::fs::write(&file, "nonsense").unwrap();
    let file = file.to_str().unwrap();
    for (settings, words) in [
        (vec!["--service=umweg://service/AAAA"], "this service link is incomplete or damaged"),
        (vec!["--service=https://example.org"], "this is not an Umweg link"),
        (vec!["--cert=/nowhere.pem", "--key=/nowhere.key"], "cannot read /nowhere.pem"),
        (vec!["--cert", file, "--key", file], "holds no certificate in PEM form"),
        (vec!["--cert", file], "--key"),
        (vec!["--site=/nowhere"], "cannot show /nowhere as a web site"),
        (vec!["--host=https://proxy.example/"], "--host must be a domain name or an address"),
        (vec!["--tls-port=off", "--plain-port=off", "--bare-port=off"], "all ports are off"),
        (vec!["--tls-port=99999"], "a port is a number up to 65535, or `off`"),
        (vec!["--data=/proc/nothing"], "cannot make the data folder /proc/nothing"),
        (vec!["--config=/nowhere.toml"], "cannot read /nowhere.toml"),
    ] {
        let output = proxy(data.path(), &[&["check-config"], settings.as_slice()].concat()).output().unwrap();
        assert_fails(&output, words);
    }
}

#[test]
fn the_example_file_can_be_filled_in_and_used() {
    let example = Command::new(PROGRAM).arg("example-config").output().unwrap();
    let example = String::from_utf8(example.stdout).unwrap();
    for setting in ["service", "host", "tls-port", "cert", "site", "data", "metrics", "drain-seconds"] {
        assert!(example.contains(&format!("# {setting} = ")), "{setting}");
    }
    let data = tempfile::tempdir().unwrap();
    let file = data.path().join("umweg-proxy.toml");
    let filled = example
        .replace("# service = \"…\"", &format!("service = {:?}", service()))
        .replace("# host = \"…\"", "host = \"127.0.0.1\"");
    std::fs::write(&file, filled.replace("# tls-port = 443", "tls-port = 8443")).unwrap();
    let run =
        |action: &str| Command::new(PROGRAM).args([action, "--config"]).arg(&file).arg("--data").arg(data.path()).output().unwrap();
    let checked = run("check-config");
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
    let link = String::from_utf8(run("link").stdout).unwrap();
    assert_eq!(ProxyLink::from_link(&link).unwrap().tls_port, 8443);
}

const PROGRAM: &str = env!("CARGO_BIN_EXE_umweg-proxy");

fn running_in(data: tempfile::TempDir) -> Program {
    let service = format!("--service={}", service());
    Program::start_in(data, &[&service, "--host=127.0.0.1", "--tls-port=0", "--plain-port=off", "--bare-port=off"])
}

/// Flags that `arguments` set themselves come last, and win.
fn proxy(data: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(PROGRAM);
    let (action, rest) = arguments.split_first().unwrap();
    command.arg(action);
    let set = |name: &str| rest.iter().any(|argument| argument.starts_with(name));
    let defaults = [
        ("--service", service()),
        ("--host", "127.0.0.1".into()),
        ("--data", data.display().to_string()),
        ("--listen", "127.0.0.1".into()),
    ];
    for (name, value) in defaults {
        if !set(name) {
            command.arg(format!("{name}={value}"));
        }
    }
    command.args(rest).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn assert_fails(output: &Output, words: &str) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains(words), "{words:?} is not in {said:?}");
}
