//! The program as an operator meets it: what it says, and what it does when it is killed.

#[expect(dead_code, reason = "these tests use a part of it")]
mod house;

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use house::{Group, House, Person, message};
use umweg_io::shutdown::Shutdown;
use umweg_wire::links::Linked;
use umweg_wire::proto::v1::{self, watch_event::Event};

/// How often it is killed; `UMWEG_ROUNDS` asks for more.
const ROUNDS: usize = 20;

fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_umweg-server"));
    command.args(arguments).env_remove("UMWEG_CONFIG").stdin(Stdio::null());
    command
}

fn output(arguments: &[&str]) -> Output {
    program(arguments).output().expect("the program starts")
}

fn complaint(arguments: &[&str]) -> String {
    let output = output(arguments);
    assert!(!output.status.success(), "it should not work");
    String::from_utf8(output.stderr).expect("it complains in words")
}

/// A running program, killed with the test.
struct Running {
    child: Child,
    link: String,
}

impl Running {
    fn start(arguments: &[&str]) -> Self {
        let mut child = program(arguments).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("the program starts");
        let mut lines = BufReader::new(child.stdout.take().expect("it has an output")).lines();
        let ready = lines.next().expect("it says something").expect("it says it in words");
        let link = ready.strip_prefix("ready link=").expect("it says that it is ready").to_owned();
        Self { child, link }
    }

    async fn person(&self) -> Person {
        let link = v1::ServiceLink::from_link(&self.link).expect("its link is a link");
        // Only the link matters to who connects.
        House { link, shutdown: Shutdown::new(), serving: tokio::spawn(async { Ok(()) }) }.person().await
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn mistakes_are_named_with_what_to_do() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().to_str().unwrap();
    std::fs::write(place.path().join("bad.toml"), "hots = \"umweg.example\"\n").unwrap();
    std::fs::write(place.path().join("file"), "").unwrap();
    let cases = [
        ("run --config FOLDER/bad.toml", "`hots`, which is no setting"),
        ("check-config --config FOLDER/bad.toml", "`hots`, which is no setting"),
        ("run --config FOLDER/missing.toml", "missing.toml"),
        ("run --data FOLDER/data", "set --host"),
        ("run --dev --data FOLDER/file/folder", "choose another with --data"),
        ("run --dev --cert FOLDER/no.pem --key FOLDER/no.pem", "no.pem"),
        ("run --dev --cert FOLDER/file --key FOLDER/file", "PEM"),
        ("run --dev --path live", "--path must begin with a slash"),
        ("run --dev --site FOLDER/nowhere", "nowhere"),
        ("run --dev --metrics 192.0.2.1:9464", "loopback"),
        ("run --dev --tls-port 70000", "a port is a number up to 65535"),
        ("link --dev", "what `run` prints"),
    ];
    for (line, expected) in cases {
        let arguments = line.replace("FOLDER", folder);
        let complaint = complaint(&arguments.split(' ').collect::<Vec<_>>());
        assert!(complaint.contains(expected), "{line} says: {complaint}");
    }
}

#[test]
fn a_taken_port_or_folder_is_named() {
    let place = tempfile::tempdir().unwrap();
    let data = place.path().to_str().unwrap();
    let running = Running::start(&["run", "--dev", "--data", data]);
    assert!(complaint(&["run", "--dev", "--data", data]).contains("in use by another umweg-server"));
    let link = v1::ServiceLink::from_link(&running.link).unwrap();
    let port = link.bare_port.to_string();
    let complaint = complaint(&["run", "--dev", "--bare-port", &port]);
    assert!(complaint.contains(&format!("port {port} is taken by another program")), "{complaint}");
}

#[test]
fn the_link_is_the_same_before_and_after() {
    let place = tempfile::tempdir().unwrap();
    let data = place.path().to_str().unwrap();
    let settings = ["--host", "umweg.example", "--data", data, "--listen", "127.0.0.1", "--path", "/live"];
    let with = |command: &'static str| [&[command][..], &settings].concat();
    let first = output(&with("link"));
    assert!(first.status.success(), "{}", String::from_utf8_lossy(&first.stderr));
    let link = v1::ServiceLink::from_link(&String::from_utf8(first.stdout.clone()).unwrap()).unwrap();
    assert!((link.host.as_str(), link.tls_port, link.relay_port) == ("umweg.example", 443, 4433) && link.pin.len() == 32);
    assert!(output(&with("check-config")).status.success());
    assert_eq!(output(&with("link")).stdout, first.stdout);
}

#[test]
fn the_example_can_be_used() {
    let place = tempfile::tempdir().unwrap();
    let example = String::from_utf8(output(&["example-config"]).stdout).unwrap();
    let used = example.replace("# host = \"…\"", "host = \"umweg.example\"").replace("# tls-port = 443", "tls-port = 8443");
    assert!(used != example, "{example}");
    let (file, data) = (place.path().join("server.toml"), place.path().join("data"));
    std::fs::write(&file, used).unwrap();
    let output = output(&["link", "--config", file.to_str().unwrap(), "--data", data.to_str().unwrap()]);
    let link = v1::ServiceLink::from_link(&String::from_utf8(output.stdout).unwrap()).unwrap();
    assert_eq!((link.host.as_str(), link.tls_port), ("umweg.example", 8443));
}

#[test]
fn it_ends_well_when_asked() {
    let mut running = Running::start(&["run", "--dev"]);
    let pid = rustix::process::Pid::from_child(&running.child);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert!(running.child.wait().unwrap().success());
}

/// Killed at any moment: every acknowledged append is there, once, and numbers have no gaps.
#[tokio::test(flavor = "multi_thread")]
async fn whatever_was_acknowledged_survives_kill_9() {
    let place = tempfile::tempdir().unwrap();
    let data = place.path().to_str().unwrap().to_owned();
    let arguments = ["run", "--dev", "--data", &data];
    let rounds = std::env::var("UMWEG_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(ROUNDS);
    let group = Running::start(&arguments).person().await.group().await;
    let mut acknowledged = BTreeSet::new();
    for round in 0..rounds {
        let mut running = Running::start(&arguments);
        let stored = stored(&mut running.person().await, &group).await;
        assert!(acknowledged.is_subset(&stored), "round {round}: an acknowledged entry is gone");
        // Enough of them are acknowledged that the kill falls amid the rest.
        let (answers, killed_after) = (append_for_ever(&running, &group).await, 1 + round * 7 % 40);
        acknowledged.extend(kill_amid(&mut running.child, answers, killed_after).await);
    }
    assert!(acknowledged.len() >= rounds);
}

async fn append_for_ever(running: &Running, group: &Group) -> tokio::sync::mpsc::Receiver<Vec<u8>> {
    let (acknowledge, answers) = tokio::sync::mpsc::channel(1_000);
    for _ in 0..4 {
        let (mut person, group, acknowledge) = (running.person().await, group.clone(), acknowledge.clone());
        tokio::spawn(async move {
            loop {
                let append = message(&group, b"a secret text");
                let client_id = append.client_id.clone();
                if person.logs.append(append).await.is_err() || acknowledge.send(client_id).await.is_err() {
                    return;
                }
            }
        });
    }
    answers
}

async fn kill_amid(child: &mut Child, mut answers: tokio::sync::mpsc::Receiver<Vec<u8>>, after: usize) -> Vec<Vec<u8>> {
    let mut acknowledged = Vec::new();
    while let Some(client_id) = answers.recv().await {
        acknowledged.push(client_id);
        if acknowledged.len() == after {
            child.kill().expect("it is running");
        }
    }
    acknowledged
}

async fn stored(person: &mut Person, group: &Group) -> BTreeSet<Vec<u8>> {
    let mut watching = person.watch().await;
    watching.subscribe(group, 0).await;
    let (mut stored, mut last) = (BTreeSet::new(), 0);
    loop {
        match watching.next().await {
            Event::Entries(entries) => {
                for entry in entries.entries {
                    last += 1;
                    assert_eq!(entry.seq, last, "numbers have no gaps");
                    assert!(stored.insert(entry.client_id), "nothing is there twice");
                }
            }
            Event::CaughtUp(_) => return stored,
            _ => panic!("the log is well"),
        }
    }
}

/// The database of a service in use holds sealed bytes and hashes, and no capability.
#[tokio::test(flavor = "multi_thread")]
async fn no_capability_lies_on_the_disk() {
    let place = tempfile::tempdir().unwrap();
    let running = Running::start(&["run", "--dev", "--data", place.path().to_str().unwrap()]);
    let mut person = running.person().await;
    let group = person.group().await;
    person.say(&group, b"sealed bytes that can be found").await;
    let mut watching = person.watch().await;
    watching.subscribe(&group, 0).await;
    watching.numbers_up_to(1).await;
    let mut found = false;
    for bytes in files(place.path()) {
        let holds = |text: &[u8]| bytes.windows(text.len()).any(|window| window == text);
        assert!(!holds(&group.capability), "a capability lies on the disk");
        found |= holds(b"sealed bytes that can be found");
    }
    assert!(found, "the search finds what is there");
}

fn files(folder: &Path) -> Vec<Vec<u8>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).expect("the folder is there") {
        let path = entry.expect("its entries can be read").path();
        if path.is_file() {
            files.push(std::fs::read(path).expect("its files can be read"));
        }
    }
    files
}
