//! The program gets its certificate from an authority: Debian's `pebble`, which asks like Let's Encrypt does, on loopback.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "the helpers of tests are tests")]

#[path = "house/anyone.rs"]
mod anyone;
#[path = "house/nobody.rs"]
mod nobody;
#[path = "house/ports.rs"]
mod ports;
#[expect(dead_code, reason = "these tests use a part of it")]
#[path = "house/program.rs"]
mod program;

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, mpsc};

use anyone::Anyone;
use nobody::service;
use ports::free_port;
use program::{Program, hear, lines_of};
use rustls::ClientConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use x509_parser::prelude::{FromDer, X509Certificate};

const DOMAIN: &str = "road.example.org";
const CERTIFIED: &str = "the certificate authority has certified this proxy's name";

#[tokio::test]
async fn a_proxy_with_a_domain_name_gets_its_certificate_keeps_it_and_renews_it() {
    let pebble = Pebble::start("127.0.0.1", Some(12));
    let proxy = asking(&pebble);
    assert!(proxy.link.pin.is_empty() && proxy.link.host == DOMAIN, "the web's authorities vouch for it");
    proxy.hear(CERTIFIED);
    let first = shown(proxy.port(), "http/1.1").await.unwrap();
    assert!(first.issuer.contains("Pebble") && first.is_p256 && first.names == [DOMAIN]);
    assert!(shown(proxy.port(), "acme-tls/1").await.is_err(), "nobody is asking now: an ordinary web server");

    proxy.hear(CERTIFIED);
    let second = shown(proxy.port(), "http/1.1").await.unwrap();
    assert_ne!(first.serial, second.serial, "it was renewed before its end");
    for file in ["acme-account.json", "acme-certificate.pem"] {
        let mode = std::fs::metadata(proxy.data.path().join(file)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
}

#[tokio::test]
async fn a_certificate_outlives_the_program() {
    let pebble = Pebble::start("127.0.0.1", None);
    let proxy = asking(&pebble);
    proxy.hear(CERTIFIED);
    let first = shown(proxy.port(), "http/1.1").await.unwrap();
    let data = proxy.stop();
    drop(pebble);
    let without_authority = Pebble::nowhere();
    let again = asking_in(data, &without_authority);
    assert_eq!(shown(again.port(), "http/1.1").await.unwrap().serial, first.serial);
}

#[tokio::test]
async fn while_the_authority_does_not_find_it_the_proxy_serves_and_says_what_to_do() {
    // An address of loopback on which nobody listens: the name leads elsewhere.
    let pebble = Pebble::start("127.0.0.9", None);
    let proxy = asking(&pebble);
    let said = proxy.hear("did not find this proxy under its name");
    assert!(said.contains("is port 443 open from outside?") && said.contains("Trying again in"), "{said}");
    let own = shown(proxy.port(), "http/1.1").await.unwrap();
    assert!(!own.issuer.contains("Pebble"), "it serves with its own");
    assert!(shown(proxy.port(), "acme-tls/1").await.is_err(), "the question is over");
}

#[tokio::test]
async fn an_authority_that_is_not_there_is_named() {
    let nowhere = Pebble::nowhere();
    let proxy = asking(&nowhere);
    proxy.hear("the certificate authority cannot be reached");
    assert!(shown(proxy.port(), "http/1.1").await.is_ok());
}

/// The authority, its name server, and the port on which it looks for the proxy.
struct Pebble {
    processes: Vec<Child>,
    folder: tempfile::TempDir,
    directory: String,
    asks_port: u16,
    /// Read to the end: a program whose output is closed is ended by its next line.
    _says: Option<mpsc::Receiver<String>>,
}

impl Pebble {
    /// Names lead to that address; certificates are valid so many seconds.
    fn start(names_lead_to: &str, valid_seconds: Option<u32>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let [listen, management, asks_port, names, names_management] = std::array::from_fn(|_| free_port());
        write_certificates(folder.path());
        let validity = valid_seconds.map(|seconds| format!(", \"certificateValidityPeriod\": {seconds}")).unwrap_or_default();
        let config = format!(
            "{{\"pebble\": {{\"listenAddress\": \"127.0.0.1:{listen}\", \"managementListenAddress\": \"127.0.0.1:{management}\", \
             \"certificate\": \"own.pem\", \"privateKey\": \"key.pem\", \"httpPort\": 1, \"tlsPort\": {asks_port}, \
             \"ocspResponderURL\": \"\", \"externalAccountBindingRequired\": false{validity}}}}}"
        );
        std::fs::write(folder.path().join("config.json"), config).unwrap();
        let name_server = Command::new("pebble-challtestsrv")
            .args(["-defaultIPv4", names_lead_to, "-defaultIPv6", "", "-http01", "", "-https01", "", "-tlsalpn01", ""])
            .args(["-dns01", &format!("127.0.0.1:{names}"), "-management", &format!("127.0.0.1:{names_management}")])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("Debian's package `pebble` is installed");
        let mut authority = Command::new("pebble")
            .args(["-config", "config.json", "-dnsserver", &format!("127.0.0.1:{names}")])
            .env("PEBBLE_VA_NOSLEEP", "1")
            .current_dir(folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = lines_of(authority.stdout.take().unwrap());
        hear(&lines, "ACME directory available at");
        let processes = vec![name_server, authority];
        Self { processes, folder, directory: format!("https://localhost:{listen}/dir"), asks_port, _says: Some(lines) }
    }

    /// The address of an authority that does not run.
    fn nowhere() -> Self {
        let [listen, asks_port] = std::array::from_fn(|_| free_port());
        let folder = tempfile::tempdir().unwrap();
        write_certificates(folder.path());
        Self { processes: Vec::new(), folder, directory: format!("https://localhost:{listen}/dir"), asks_port, _says: None }
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }
}

impl Drop for Pebble {
    fn drop(&mut self) {
        for process in &mut self.processes {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

/// A proxy that asks there for its certificate.
fn asking(pebble: &Pebble) -> Program {
    asking_in(tempfile::tempdir().unwrap(), pebble)
}

fn asking_in(data: tempfile::TempDir, pebble: &Pebble) -> Program {
    let (service, domain) = (format!("--service={}", service()), format!("--domain={DOMAIN}"));
    let (port, root) = (format!("--tls-port={}", pebble.asks_port), format!("--acme-ca={}", pebble.root().display()));
    let directory = format!("--acme-directory={}", pebble.directory);
    Program::start_in(data, &["--plain-port=off", "--bare-port=off", &service, &domain, &port, &directory, &root])
}

/// The authority's own certificate, and the one that vouches for it.
fn write_certificates(folder: &Path) {
    std::fs::write(folder.join("extensions"), "subjectAltName=DNS:localhost").unwrap();
    for line in [
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.pem -subj /CN=root -days 2",
        "req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -out own.csr -subj /CN=own",
        "x509 -req -in own.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile extensions -out own.pem",
    ] {
        let output = Command::new("openssl").args(line.split(' ')).current_dir(folder).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

struct Seen {
    issuer: String,
    serial: Vec<u8>,
    names: Vec<String>,
    is_p256: bool,
}

/// The certificate that a visitor is shown who speaks that protocol.
async fn shown(port: u16, protocol: &str) -> std::io::Result<Seen> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let mut config = builder.dangerous().with_custom_certificate_verifier(Arc::new(Anyone)).with_no_client_auth();
    config.alpn_protocols = vec![protocol.into()];
    let tcp = TcpStream::connect(("127.0.0.1", port)).await?;
    let tls = TlsConnector::from(Arc::new(config)).connect(ServerName::try_from(DOMAIN).unwrap(), tcp).await?;
    let certificate = &tls.get_ref().1.peer_certificates().unwrap()[0];
    let (_, parsed) = X509Certificate::from_der(certificate).unwrap();
    let names = parsed.subject_alternative_name().unwrap().unwrap();
    Ok(Seen {
        issuer: parsed.issuer().to_string(),
        serial: parsed.raw_serial().to_vec(),
        names: names
            .value
            .general_names
            .iter()
            .map(|name| name.to_string().trim_start_matches("DNSName(").trim_end_matches(')').to_owned())
            .collect(),
        is_p256: parsed
            .public_key()
            .algorithm
            .parameters
            .as_ref()
            .and_then(|curve| curve.as_oid().ok())
            .map(|oid| oid.to_id_string())
            == Some("1.2.840.10045.3.1.7".to_owned()),
    })
}
