//! The proxy's program, as a volunteer runs it.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use umweg_wire::links::Linked;
use umweg_wire::proto::v1::ProxyLink;

/// One that runs, and ends with the test.
pub(crate) struct Program {
    process: Child,
    pub(crate) link: ProxyLink,
    /// Both outputs are read to their end: a program whose output is closed is ended by its next line.
    says: mpsc::Receiver<String>,
    shows: mpsc::Receiver<String>,
    pub(crate) data: tempfile::TempDir,
}

impl Program {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), arguments)
    }

    /// With what it kept before.
    pub(crate) fn start_in(data: tempfile::TempDir, arguments: &[&str]) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_umweg-proxy"))
            .args(["run", "--listen=127.0.0.1", "--data"])
            .arg(data.path())
            .args(arguments)
            .env("UMWEG_LOG", "trace")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let says = lines_of(process.stderr.take().unwrap());
        let shows = lines_of(process.stdout.take().unwrap());
        let ready = shows.recv().unwrap_or_default();
        let link = ready.strip_prefix("ready link=").map(|link| ProxyLink::from_link(link).unwrap());
        let link = link.unwrap_or_else(|| panic!("not ready: {ready} {:?}", says.iter().collect::<Vec<_>>()));
        Self { process, link, says, shows, data }
    }

    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    pub(crate) fn port(&self) -> u16 {
        self.link.tls_port.try_into().unwrap()
    }

    pub(crate) fn hear(&self, words: &str) -> String {
        hear(&self.says, words)
    }

    /// Asks it to end, as a service manager does. Whether it ended well.
    pub(crate) fn terminate(&mut self) -> bool {
        let asked = Command::new("kill").arg("-TERM").arg(self.id().to_string()).status().unwrap();
        asked.success() && self.process.wait().unwrap().success()
    }

    /// Ends it: what it said and showed meanwhile, and what it kept.
    pub(crate) fn end(mut self) -> (String, tempfile::TempDir) {
        assert!(self.terminate());
        let lines: Vec<_> = self.says.iter().chain(self.shows.iter()).collect();
        (lines.join("\n"), self.stop())
    }

    /// Cuts it off. What it kept stays.
    pub(crate) fn stop(mut self) -> tempfile::TempDir {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        std::mem::replace(&mut self.data, tempfile::tempdir().unwrap())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

pub(crate) fn lines_of(output: impl Read + Send + 'static) -> mpsc::Receiver<String> {
    let (send, lines) = mpsc::channel();
    std::thread::spawn(move || BufReader::new(output).lines().map_while(Result::ok).try_for_each(|line| send.send(line)));
    lines
}

pub(crate) fn hear(lines: &mpsc::Receiver<String>, words: &str) -> String {
    let mut heard = Vec::new();
    loop {
        match lines.recv_timeout(Duration::from_secs(30)) {
            Ok(line) if line.contains(words) => return line,
            Ok(line) => heard.push(line),
            Err(_) => panic!("{words:?} was not said, but {heard:#?}"),
        }
    }
}
