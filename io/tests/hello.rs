//! What a censor can read of our ClientHello: its fingerprint (JA4, as specified by FoxIO under BSD 3-Clause) and the key exchange.
//!
//! The fingerprint is asserted so that nobody changes it unnoticed, by an update of a library for instance: the lists that censors
//! keep are lists of such values.
#![expect(clippy::unwrap_used, reason = "a test ends where something is not as it should be")]

use sha2::{Digest, Sha256};
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use umweg_io::dial::{Form, RoadChoice, dial};
use umweg_io::session::Purpose;
use umweg_io::tls::Certificate;
use umweg_wire::proto::v1::ServiceLink;

/// The named group of X25519MLKEM768.
const HYBRID: u16 = 0x11ec;

#[cfg(not(feature = "boring"))]
#[tokio::test]
async fn with_rustls_the_fingerprint_is_this_one_and_the_hybrid_key_comes_first() {
    for (host, ja4) in
        [("localhost", "t13d1011h1_61a7ad8aa9b6_0d308c48d2a3"), ("127.0.0.1", "t13i1010h1_61a7ad8aa9b6_0d308c48d2a3")]
    {
        let hello = Hello::of_dialing(host).await;
        assert_eq!(hello.ja4(), ja4);
        assert_eq!(hello.groups.first(), Some(&HYBRID), "offered first …");
        assert!(hello.key_shares.contains(&HYBRID), "… and with a key, so that nobody has to ask again");
    }
}

/// As captured from Debian's Chromium 156.0.8078.79 opening `wss://localhost` and `wss://127.0.0.1`.
#[cfg(feature = "boring")]
#[tokio::test]
async fn with_boringssl_the_fingerprint_is_that_of_a_websocket_of_chromium() {
    umweg_io::tls::Stack::Boring.choose().unwrap();
    for (host, ja4) in
        [("localhost", "t13d1516h1_8daaf6152771_5b37b36a67c0"), ("127.0.0.1", "t13i1515h1_8daaf6152771_5b37b36a67c0")]
    {
        let (hello, another) = (Hello::of_dialing(host).await, Hello::of_dialing(host).await);
        assert_eq!(hello.ja4(), ja4);
        assert_eq!(another.ja4(), ja4);
        assert_ne!(hello.extensions, another.extensions, "in another order each time, with other GREASE");
        let without_grease = |list: &[u16]| list.iter().copied().filter(|one| !is_grease(*one)).collect::<Vec<_>>();
        assert_eq!(without_grease(&hello.groups), [HYBRID, 0x1d, 0x17, 0x18]);
        assert_eq!(without_grease(&hello.key_shares), [HYBRID, 0x1d]);
        assert_eq!(hello.alpn.as_deref(), Some(&b"http/1.1"[..]));
    }
}

#[cfg(feature = "boring")]
#[tokio::test]
async fn with_boringssl_the_same_certificates_are_trusted() {
    use umweg_io::dial::{DialError, Who};

    umweg_io::tls::Stack::Boring.choose().unwrap();
    let certificate = Certificate::self_signed("localhost").unwrap();
    let pin = certificate.pin().unwrap();
    for (shown, error) in [
        (pin.to_vec(), None),
        (vec![9; 32], Some(DialError::WrongPin(Who::Service))),
        (vec![], Some(DialError::UnknownAuthority(Who::Service))),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let tls_port = listener.local_addr().unwrap().port().into();
        let (path, static_key) = ("/live".into(), vec![1; 32]);
        let link = ServiceLink { host: "localhost".into(), tls_port, pin: shown, path, static_key, ..Default::default() };
        let acceptor = tokio_rustls::TlsAcceptor::from(certificate.server_config().unwrap());
        let answering = async {
            let Ok(mut stream) = acceptor.accept(listener.accept().await.unwrap().0).await else { return None };
            let mut request = [0; 9];
            stream.read_exact(&mut request).await.ok().map(|_| request)
        };
        let road = RoadChoice::direct(Form::Tls);
        let (request, dialed) = tokio::join!(answering, dial(&road, &link, Purpose::Rpc));
        match error {
            None => assert_eq!(request.as_ref(), Some(b"GET /live")),
            Some(error) => assert_eq!(dialed.err(), Some(error)),
        }
    }
}

#[cfg(not(feature = "boring"))]
#[test]
fn what_was_not_built_in_is_told() {
    assert!(umweg_io::tls::Stack::Boring.choose().unwrap_err().to_string().contains("--features boring"));
}

#[tokio::test]
async fn the_hybrid_key_exchange_is_what_both_sides_agree_on() {
    let certificate = Certificate::self_signed("localhost").unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(certificate.server_config().unwrap());
    let connector = tokio_rustls::TlsConnector::from(umweg_io::tls::client_config(Some(certificate.pin().unwrap())).unwrap());
    let (near, far) = tokio::io::duplex(16 << 10);
    let (client, server) = tokio::join!(connector.connect("localhost".try_into().unwrap(), near), acceptor.accept(far));
    let (client, server) = (client.unwrap(), server.unwrap());
    for agreed in [client.get_ref().1.negotiated_key_exchange_group(), server.get_ref().1.negotiated_key_exchange_group()] {
        assert_eq!(u16::from(agreed.unwrap().name()), HYBRID);
    }
}

/// What JA4 looks at, in a ClientHello.
struct Hello {
    version: u16,
    ciphers: Vec<u16>,
    extensions: Vec<u16>,
    names_a_host: bool,
    alpn: Option<Vec<u8>>,
    signatures: Vec<u16>,
    groups: Vec<u16>,
    key_shares: Vec<u16>,
}

impl Hello {
    /// The first bytes that the app's dialing sends.
    async fn of_dialing(host: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let tls_port = listener.local_addr().unwrap().port().into();
        let (path, static_key) = ("/live".into(), vec![1; 32]);
        let link = ServiceLink { host: host.into(), tls_port, path, static_key, ..Default::default() };
        let road = RoadChoice::direct(Form::Tls);
        let record = async {
            let (mut tcp, _) = listener.accept().await.unwrap();
            let mut head = [0; 5];
            tcp.read_exact(&mut head).await.unwrap();
            assert_eq!(head[0], 22, "a handshake record");
            let mut record = vec![0; usize::from(u16::from_be_bytes([head[3], head[4]]))];
            tcp.read_exact(&mut record).await.unwrap();
            record
        };
        let (record, _) = tokio::join!(record, dial(&road, &link, Purpose::Rpc));
        Self::read(&record)
    }

    fn read(record: &[u8]) -> Self {
        let mut hello = Bytes(record);
        assert_eq!(hello.number(1), 1, "a ClientHello");
        hello.number(3);
        let mut version = hello.number(2) as u16;
        hello.take(32);
        hello.list(1);
        let ciphers = numbers(hello.list(2));
        hello.list(1);
        let mut rest = Bytes(hello.list(2));
        let (mut extensions, mut names_a_host, mut alpn) = (Vec::new(), false, None);
        let (mut signatures, mut groups, mut key_shares) = (Vec::new(), Vec::new(), Vec::new());
        while !rest.0.is_empty() {
            let kind = rest.number(2) as u16;
            let mut body = Bytes(rest.list(2));
            extensions.push(kind);
            match kind {
                0 => names_a_host = true,
                10 => groups = numbers(body.list(2)),
                13 => signatures = numbers(body.list(2)),
                16 => alpn = Some(Bytes(body.list(2)).list(1).to_vec()),
                43 => version = numbers(body.list(1)).into_iter().filter(|version| !is_grease(*version)).max().unwrap(),
                51 => {
                    let mut shares = Bytes(body.list(2));
                    while !shares.0.is_empty() {
                        key_shares.push(shares.number(2) as u16);
                        shares.list(2);
                    }
                }
                _ => {}
            }
        }
        Self { version, ciphers, extensions, names_a_host, alpn, signatures, groups, key_shares }
    }

    fn ja4(&self) -> String {
        let version = match self.version {
            0x0304 => "13",
            0x0303 => "12",
            other => panic!("TLS version {other:04x}"),
        };
        let real = |list: &[u16]| list.iter().copied().filter(|one| !is_grease(*one)).collect::<Vec<_>>();
        let (mut ciphers, mut extensions) = (real(&self.ciphers), real(&self.extensions));
        let counts = format!("{:02}{:02}", ciphers.len().min(99), extensions.len().min(99));
        let alpn = self.alpn.as_ref().map_or("00".to_owned(), |alpn| {
            let text = String::from_utf8_lossy(alpn);
            [text.chars().next().unwrap(), text.chars().last().unwrap()].iter().collect()
        });
        ciphers.sort_unstable();
        extensions.retain(|kind| ![0, 16].contains(kind));
        extensions.sort_unstable();
        let names = if self.names_a_host { 'd' } else { 'i' };
        let extensions_and_signatures = format!("{}_{}", hex(&extensions), hex(&real(&self.signatures)));
        format!("t{version}{names}{counts}{alpn}_{}_{}", short_hash(&hex(&ciphers)), short_hash(&extensions_and_signatures))
    }
}

fn is_grease(number: u16) -> bool {
    number & 0x0f0f == 0x0a0a && number >> 8 == number & 0xff
}

fn hex(numbers: &[u16]) -> String {
    numbers.iter().map(|number| format!("{number:04x}")).collect::<Vec<_>>().join(",")
}

fn short_hash(text: &str) -> String {
    Sha256::digest(text).iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}

fn numbers(bytes: &[u8]) -> Vec<u16> {
    bytes.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect()
}

/// A reader.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(count);
        self.0 = rest;
        taken
    }

    fn number(&mut self, width: usize) -> usize {
        self.take(width).iter().fold(0, |number, byte| number << 8 | usize::from(*byte))
    }

    /// What follows its own length.
    fn list(&mut self, width: usize) -> &'a [u8] {
        let length = self.number(width);
        self.take(length)
    }
}

#[test]
fn the_helper_computes_the_specifications_example() {
    // FoxIO's technical details of JA4: Chrome's ClientHello, in its own words.
    let ciphers =
        [0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc013, 0xc014, 0x009c, 0x009d, 0x002f, 0x0035];
    let extensions = [27, 0, 51, 16, 17_513, 23, 45, 13, 5, 35, 18, 43, 65_281, 11, 10, 21];
    let hello = Hello {
        version: 0x0304,
        ciphers: [&[0x1a1a], &ciphers[..]].concat(),
        extensions: [&[0x2a2a], &extensions[..]].concat(),
        names_a_host: true,
        alpn: Some(b"h2".to_vec()),
        signatures: vec![0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601],
        groups: vec![],
        key_shares: vec![],
    };
    assert_eq!(hello.ja4(), "t13d1516h2_8daaf6152771_e5627efa2ab1");
}
