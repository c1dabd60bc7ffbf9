//! The load generator, and the sink behind the proxies.
//!
//! A client says (after the upgrade's head, if it is ours on TLS) a zero byte, which no proxy takes for the beginning of anything,
//! then what the sink is to do ([`Wish`]) and how many bytes it is about.

/// Only work is measured here.
#[path = "../../../programs/umweg-proxy/tests/house/anyone.rs"]
mod anyone;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use rustls::ClientConfig;
use rustls::crypto::{CryptoProvider, SupportedKxGroup, aws_lc_rs};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;

use super::peers::Peer;
use anyone::Anyone;

/// New connections at the same time.
const AT_ONCE: usize = 16;
/// Streams of bulk, and people in the call.
const STREAMS: usize = 8;
/// Small messages: how large, and how long after the last answer.
const MESSAGE_BYTES: usize = 200;
const BETWEEN_MESSAGES: Duration = Duration::from_millis(2);
/// Media: how large, how often (1.9 Mbit/s for each person), and how much more comes than goes.
const DATAGRAM_BYTES: usize = 1_200;
const BETWEEN_DATAGRAMS: Duration = Duration::from_millis(5);
const OTHERS: usize = 3;
/// Read at once while a connection says what it wants.
const HEAD_BYTES: usize = 1 << 10;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Tls,
    Plain,
}

/// What the sink does for a connection.
#[derive(Clone, Copy)]
#[repr(u8)]
enum Wish {
    Echo = b'e',
    /// Takes that many bytes, then says so with one.
    Take = b't',
    /// Gives that many.
    Give = b'g',
    /// Gives back several times what comes, as a call's router does.
    Multiply = b'm',
}

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}
type Connection = Box<dyn Stream>;

/// Connections that stay open until this is dropped.
pub(super) struct Held(#[expect(dead_code, reason = "they are held")] Vec<Connection>);

pub(super) struct Load {
    sink: SocketAddr,
    tls: TlsConnector,
    post_quantum: TlsConnector,
}

impl Load {
    pub(super) async fn start() -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let sink = listener.local_addr()?;
        tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                tokio::spawn(serve(connection));
            }
        });
        // What all of them can; ours prefers X25519MLKEM768, which Debian's OpenSSL does not know.
        let tls = connector(aws_lc_rs::kx_group::X25519)?;
        Ok(Self { sink, tls, post_quantum: connector(aws_lc_rs::kx_group::X25519MLKEM768)? })
    }

    pub(super) fn sink(&self) -> SocketAddr {
        self.sink
    }

    /// Opens that many connections, on each of which a byte has gone there and back.
    pub(super) async fn hold(&self, peer: &Peer, form: Form, count: usize) -> anyhow::Result<Held> {
        let mut held = Vec::with_capacity(count);
        while held.len() < count {
            let opening = (0..AT_ONCE.min(count - held.len())).map(|_| self.greeted(peer, form));
            held.extend(futures_util::future::try_join_all(opening).await?);
        }
        Ok(Held(held))
    }

    /// Opens and closes that many.
    pub(super) async fn set_up(&self, peer: &Peer, form: Form, count: usize) -> anyhow::Result<()> {
        let each = async || {
            for _ in 0..count / AT_ONCE {
                self.greeted(peer, form).await?;
            }
            anyhow::Ok(())
        };
        futures_util::future::try_join_all((0..AT_ONCE).map(|_| each())).await?;
        Ok(())
    }

    /// The same with X25519MLKEM768, to a proxy that knows it.
    pub(super) async fn set_up_post_quantum(&self, peer: &Peer, count: usize) -> anyhow::Result<()> {
        let load = Self { sink: self.sink, tls: self.post_quantum.clone(), post_quantum: self.post_quantum.clone() };
        load.set_up(peer, Form::Tls, count).await
    }

    /// Half of the bytes up, half down.
    pub(super) async fn bulk(&self, peer: &Peer, form: Form, bytes: u64) -> anyhow::Result<()> {
        let share = bytes / STREAMS as u64;
        let mut streams = JoinSet::new();
        for stream in 0..STREAMS {
            let wish = if stream % 2 == 0 { Wish::Take } else { Wish::Give };
            let mut connection = self.open(peer, form, wish, share).await?;
            streams.spawn(async move {
                match wish {
                    Wish::Take => {
                        give(&mut connection, share).await?;
                        connection.read_u8().await.map(drop)
                    }
                    _ => take(&mut connection, share).await,
                }
            });
        }
        while let Some(stream) = streams.join_next().await {
            stream??;
        }
        Ok(())
    }

    /// Small messages there and back on many connections: the median, and what one in a hundred exceeds.
    pub(super) async fn ping(&self, peer: &Peer, time: Duration) -> anyhow::Result<(Duration, Duration)> {
        let mut pinging = JoinSet::new();
        for _ in 0..AT_ONCE {
            let mut connection = self.open(peer, Form::Tls, Wish::Echo, 0).await?;
            pinging.spawn(async move {
                let (begun, mut took, mut message) = (Instant::now(), Vec::new(), [7; MESSAGE_BYTES]);
                while begun.elapsed() < time {
                    let sent = Instant::now();
                    connection.write_all(&message).await?;
                    connection.flush().await?;
                    connection.read_exact(&mut message).await?;
                    took.push(sent.elapsed());
                    tokio::time::sleep(BETWEEN_MESSAGES).await;
                }
                anyhow::Ok(took)
            });
        }
        let mut took = Vec::new();
        while let Some(pings) = pinging.join_next().await {
            took.extend(pings??);
        }
        took.sort();
        let at = |share: usize| took.get(took.len() * share / 100).copied().context("no message came back");
        Ok((at(50)?, at(99)?))
    }

    /// The media of a call's people: how many bytes moved.
    pub(super) async fn calls(&self, peer: &Peer, time: Duration) -> anyhow::Result<u64> {
        let mut people = JoinSet::new();
        for _ in 0..STREAMS {
            let connection = self.open(peer, Form::Tls, Wish::Multiply, 0).await?;
            people.spawn(async move {
                let (mut from, mut to) = tokio::io::split(connection);
                let speaking = async {
                    let (begun, mut ticks, mut sent) = (Instant::now(), tokio::time::interval(BETWEEN_DATAGRAMS), 0);
                    while begun.elapsed() < time {
                        ticks.tick().await;
                        to.write_all(&[9; DATAGRAM_BYTES]).await?;
                        to.flush().await?;
                        sent += DATAGRAM_BYTES as u64;
                    }
                    to.shutdown().await?;
                    anyhow::Ok(sent)
                };
                let hearing = async {
                    let (mut heard, mut buffer) = (0, vec![0; 16 << 10]);
                    // Not every proxy passes on how a TLS connection ends.
                    while let Ok(count @ 1..) = from.read(&mut buffer).await {
                        heard += count as u64;
                    }
                    anyhow::Ok(heard)
                };
                let (sent, heard) = tokio::try_join!(speaking, hearing)?;
                anyhow::Ok(sent + heard)
            });
        }
        let mut moved = 0;
        while let Some(person) = people.join_next().await {
            moved += person??;
        }
        Ok(moved)
    }

    async fn greeted(&self, peer: &Peer, form: Form) -> anyhow::Result<Connection> {
        let mut connection = self.open(peer, form, Wish::Echo, 0).await?;
        connection.write_all(b"!").await?;
        connection.flush().await?;
        connection.read_u8().await.context("nothing comes back through the proxy")?;
        Ok(connection)
    }

    async fn open(&self, peer: &Peer, form: Form, wish: Wish, bytes: u64) -> anyhow::Result<Connection> {
        let address = peer.address(form).context("not a form of this peer")?;
        let tcp = TcpStream::connect(address).await?;
        tcp.set_nodelay(true)?;
        let mut connection: Connection = match form {
            Form::Plain => Box::new(tcp),
            Form::Tls => Box::new(self.tls.connect(ServerName::try_from("localhost")?, tcp).await?),
        };
        connection.write_all(&[peer.head(form), &[0, wish as u8], &bytes.to_be_bytes()].concat()).await?;
        connection.flush().await?;
        Ok(connection)
    }
}

fn connector(key_exchange: &'static dyn SupportedKxGroup) -> anyhow::Result<TlsConnector> {
    let provider = CryptoProvider { kx_groups: vec![key_exchange], ..aws_lc_rs::default_provider() };
    let builder = ClientConfig::builder_with_provider(Arc::new(provider)).with_protocol_versions(&[&rustls::version::TLS13])?;
    let mut config = builder.dangerous().with_custom_certificate_verifier(Arc::new(Anyone)).with_no_client_auth();
    config.resumption = rustls::client::Resumption::disabled();
    Ok(TlsConnector::from(Arc::new(config)))
}

async fn serve(connection: TcpStream) -> std::io::Result<()> {
    connection.set_nodelay(true)?;
    let mut connection = BufReader::with_capacity(HEAD_BYTES, connection);
    if connection.read_u8().await? != 0 {
        // The upgrade's head, which ends with an empty line.
        let mut last = [0; 4];
        while last != *b"\r\n\r\n" {
            last.rotate_left(1);
            last[3] = connection.read_u8().await?;
        }
        connection.read_u8().await?;
    }
    let wish = connection.read_u8().await?;
    let bytes = connection.read_u64().await?;
    let mut buffer = vec![0; 16 << 10];
    match wish {
        b't' => {
            take(&mut connection, bytes).await?;
            connection.write_u8(1).await
        }
        b'g' => {
            give(&mut connection, bytes).await?;
            connection.read_u8().await.map(drop)
        }
        _ => loop {
            let count = connection.read(&mut buffer).await?;
            if count == 0 {
                return Ok(());
            }
            for _ in 0..if wish == b'm' { OTHERS } else { 1 } {
                connection.write_all(&buffer[..count]).await?;
            }
        },
    }
}

async fn give(to: &mut (impl AsyncWrite + Unpin), mut bytes: u64) -> std::io::Result<()> {
    let block = vec![5; 64 << 10];
    while bytes > 0 {
        let count = block.len().min(usize::try_from(bytes).unwrap_or(usize::MAX));
        to.write_all(&block[..count]).await?;
        bytes -= count as u64;
    }
    to.flush().await
}

async fn take(from: &mut (impl AsyncRead + Unpin), mut bytes: u64) -> std::io::Result<()> {
    let mut buffer = vec![0; 64 << 10];
    while bytes > 0 {
        match from.read(&mut buffer).await? {
            0 => return Err(std::io::ErrorKind::UnexpectedEof.into()),
            count => bytes = bytes.saturating_sub(count as u64),
        }
    }
    Ok(())
}
