//! What the doctor says, under conditions that are real: ports that are taken, certificates that are over, clocks that differ.
#![expect(clippy::unwrap_used, reason = "the helpers of tests are tests")]

#[expect(dead_code, reason = "these tests use a part of it")]
mod house;

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime};

use house::ports::free_port;
use house::{Running, Service};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd};
use serde_json::Value;
use umweg_wire::links::Linked;
use umweg_wire::proto::v1::{ProxyLink, ServiceLink};

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_that_runs_is_found_well_and_its_ports_its_own() {
    let service = Service::start().await;
    let running = Running::start(&service.link, &[]).await;
    let ProxyLink { tls_port, plain_port, bare_port, .. } = &running.link;
    let ports = [format!("--tls-port={tls_port}"), format!("--plain-port={plain_port}"), format!("--bare-port={bare_port}")];
    let ports: Vec<&str> = ports.iter().map(String::as_str).collect();
    let report = examine(&service.link, running.data.path(), &ports).await;
    assert!(report.succeeded, "{}", report.json);
    assert_eq!(report.of("port"), ["ok"; 3], "{}", report.json);
    assert!(report.words("port").contains("is this proxy's, and a road through it leads to the service"));
    assert!(report.words("road").contains("a road by the proxy's public name leads to the service"));
    assert_eq!((report.of("service"), report.of("clock")), (vec!["ok"], vec!["ok"]));
    assert!(report.json["unseen"].as_str().unwrap().contains("cannot be seen from this machine"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_that_another_program_has_is_told_from_the_proxys() {
    let service = Service::start().await;
    let data = tempfile::tempdir().unwrap();
    // It answers, and as a web server.
    let other = answering_with_the_date(SystemTime::now());
    let port = format!("--plain-port={other}");
    // A first start, for an invite to try it with.
    let known = Running::start(&service.link, &[]).await;
    let report = examine(&service.link, known.data.path(), &["--tls-port=off", &port]).await;
    assert!(!report.succeeded && report.of("port") == ["problem"], "{}", report.json);
    assert!(report.words("port").contains("is taken, and not by this proxy"), "{}", report.json);
    assert!(report.advice("port").contains("--site-upstream"));
    // Before the first start there is no invite, and nothing to try it with.
    let report = examine(&service.link, data.path(), &["--tls-port=off", &port]).await;
    assert_eq!(report.of("port"), ["warning"], "{}", report.json);
}

#[tokio::test(flavor = "multi_thread")]
async fn before_the_first_start_ports_are_free_and_nothing_is_made() {
    let service = Service::start().await;
    let tls = free_port();
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("not-yet");
    let report = examine(&service.link, &data, &[&format!("--tls-port={tls}"), "--plain-port=off"]).await;
    assert!(report.succeeded, "{}", report.json);
    assert!(report.words("port").contains("is free for the proxy") && report.of("road") == ["warning"]);
    assert!(!data.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_is_down_and_one_whose_clock_differs_are_told() {
    let data = tempfile::tempdir().unwrap();
    let report = examine(&service_at(free_port()), data.path(), &["--tls-port=off", "--plain-port=off", "--bare-port=0"]).await;
    assert!(!report.succeeded && report.of("service") == ["problem"], "{}", report.json);
    assert!(report.words("service").contains("is closed"));
    let hours = Duration::from_secs(3 * 60 * 60);
    for (theirs, words) in [(SystemTime::now() + hours, "minutes behind"), (SystemTime::now() - hours, "minutes ahead of")] {
        let service = service_at(answering_with_the_date(theirs));
        let report = examine(&service, data.path(), &["--tls-port=off", "--plain-port=off", "--bare-port=0"]).await;
        assert!(report.of("clock") == ["problem"] && report.words("clock").contains(words), "{}", report.json);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_messengers_server_that_is_down_is_told() {
    let service = Service::start().await;
    let data = tempfile::tempdir().unwrap();
    let up = TcpListener::bind("127.0.0.1:0").unwrap();
    let (up, down) = (up.local_addr().unwrap().port(), free_port());
    let places = format!(
        "--connect-to=chat.signal.org:443:127.0.0.1:{up},grpc.chat.signal.org:443:127.0.0.1:{up},g.whatsapp.net:5222:127.0.0.1:{up},\
         whatsapp.net:443:127.0.0.1:{down}"
    );
    let arguments = ["--tls-port=0", "--plain-port=off", "--signal", "--whatsapp", "--whatsapp-media-ports=off", &places];
    let report = examine(&service.link, data.path(), &arguments).await;
    // The proxy's own certificate is none that Signal's apps believe.
    assert!(report.of("certificate") == ["problem"] && report.words("certificate").contains("Signal's apps"), "{}", report.json);
    assert_eq!((report.of("signal"), report.of("whatsapp")), (vec!["ok", "ok"], vec!["ok", "problem"]), "{}", report.json);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_is_held_against_name_dates_and_authorities() {
    let service = Service::start().await;
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new(folder.path(), "one");
    let elsewhere = tempfile::tempdir().unwrap();
    let another = Authority::new(elsewhere.path(), "another");
    let year = 1970 + i32::try_from(SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs() / 31_556_952).unwrap();
    for (name, from, to, trusted, state, words) in [
        ("localhost", year - 1, year + 2, true, "ok", "an authority that this system knows vouches for it"),
        ("localhost", year - 5, year - 3, true, "problem", "it expired on"),
        ("localhost", year + 2, year + 3, true, "problem", "and this machine's clock is before that"),
        ("elsewhere.example", year - 1, year + 2, true, "problem", "it is not for localhost"),
        ("localhost", year - 1, year + 2, false, "problem", "no authority that this system knows vouches for it"),
    ] {
        let [cert, key] = authority.certify(name, from, to);
        let arguments = ["--host=localhost", "--tls-port=0", "--plain-port=off", &cert, &key];
        let known = if trusted { &authority.file } else { &another.file };
        let report =
            examine_with(&service.link, folder.path(), &arguments, &[("SSL_CERT_FILE", known), ("SSL_CERT_DIR", "/nowhere")]).await;
        let found = report.of("certificate");
        assert!(found.contains(&state) && (state != "ok" || found == ["ok"; 3]), "{words}: {}", report.json);
        assert!(report.words("certificate").contains(words), "{words}: {}", report.json);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_without_an_address_is_a_problem_and_the_words_are_for_people() {
    let service = Service::start().await;
    let data = tempfile::tempdir().unwrap();
    let mut command =
        doctor(&service.link, data.path(), &["--host=road.invalid", "--tls-port=0", "--plain-port=off", "--acme-directory=off"]);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(!output.status.success());
    assert!(
        said.contains("PROBLEM  name         road.invalid has no address\n                      → is it spelled right"),
        "{said}"
    );
    assert!(String::from_utf8(output.stderr).unwrap().contains("1 thing will not work"));
}

struct Report {
    succeeded: bool,
    json: Value,
}

impl Report {
    fn each(&self, about: &str, what: &str) -> Vec<&str> {
        let findings = self.json["findings"].as_array().unwrap().iter().filter(|finding| finding["about"] == about);
        findings.filter_map(|finding| finding[what].as_str()).collect()
    }

    fn of(&self, about: &str) -> Vec<&str> {
        self.each(about, "state")
    }

    fn words(&self, about: &str) -> String {
        self.each(about, "found").join("\n")
    }

    fn advice(&self, about: &str) -> String {
        self.each(about, "advice").join("\n")
    }
}

async fn examine(service: &ServiceLink, data: &Path, arguments: &[&str]) -> Report {
    examine_with(service, data, arguments, &[]).await
}

async fn examine_with(service: &ServiceLink, data: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Report {
    let mut command = doctor(service, data, arguments);
    command.arg("--json").envs(environment.iter().copied());
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let json = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    Report { succeeded: output.status.success(), json }
}

fn doctor(service: &ServiceLink, data: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_umweg-proxy"));
    command.args(["doctor", "--listen=127.0.0.1", "--connections-max=50", "--service"]).arg(service.to_link());
    command.arg("--data").arg(data).args(arguments);
    if !arguments.iter().any(|argument| argument.starts_with("--host")) {
        command.arg("--host=127.0.0.1");
    }
    command
}

fn service_at(port: u16) -> ServiceLink {
    ServiceLink {
        host: "127.0.0.1".into(),
        static_key: vec![1; 32],
        tls_port: 9,
        path: "/live".into(),
        relay_port: port.into(),
        ..Default::default()
    }
}

/// A web server whose clock shows that. Its threads end with the test's process.
fn answering_with_the_date(time: SystemTime) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let answer = format!("HTTP/1.1 404 Not Found\r\nDate: {}\r\nContent-Length: 0\r\n\r\n", httpdate::fmt_http_date(time));
    std::thread::spawn(move || {
        for tcp in listener.incoming() {
            let mut tcp = tcp.unwrap();
            let _ = tcp.read(&mut [0; 1_024]);
            let _ = tcp.write_all(answer.as_bytes());
        }
    });
    port
}

/// Nobody has it at the moment.
/// A certificate authority, and what it certified, as files.
struct Authority<'f> {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: &'f Path,
    file: String,
}

impl<'f> Authority<'f> {
    fn new(folder: &'f Path, name: &str) -> Self {
        let mut parameters = CertificateParams::new(Vec::new()).unwrap();
        parameters.distinguished_name.push(DnType::CommonName, name);
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(parameters, KeyPair::generate().unwrap()).unwrap();
        let file = folder.join("authority.pem");
        std::fs::write(&file, issuer.pem()).unwrap();
        Self { issuer, folder, file: file.display().to_string() }
    }

    /// For that name, from the first of January of one year to that of another: as flags.
    fn certify(&self, name: &str, from: i32, to: i32) -> [String; 2] {
        let mut parameters = CertificateParams::new([name.to_owned()]).unwrap();
        parameters.not_before = date_time_ymd(from, 1, 1);
        parameters.not_after = date_time_ymd(to, 1, 1);
        let key = KeyPair::generate().unwrap();
        let certificate = parameters.signed_by(&key, &self.issuer).unwrap();
        let [cert_file, key_file] = ["cert.pem", "key.pem"].map(|file| self.folder.join(file));
        std::fs::write(&cert_file, certificate.pem()).unwrap();
        std::fs::write(&key_file, key.serialize_pem()).unwrap();
        [format!("--cert={}", cert_file.display()), format!("--key={}", key_file.display())]
    }
}
