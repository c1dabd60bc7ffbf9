//! Other web servers beside a proxy, and what somebody does who wants to know which is which.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::Running;

pub(crate) async fn outer_tls(proxy: &Running) -> TlsStream<TcpStream> {
    tls_to(proxy.tls(), proxy.link.pin.clone()).await
}

pub(crate) async fn tls_to(address: SocketAddr, pin: Vec<u8>) -> TlsStream<TcpStream> {
    tls_for(&["http/1.1"], address, pin).await
}

/// For one of those protocols.
pub(crate) async fn tls_for(protocols: &[&str], address: SocketAddr, pin: Vec<u8>) -> TlsStream<TcpStream> {
    tls_on(TcpStream::connect(address).await.unwrap(), protocols, pin).await
}

/// On a connection that stands.
pub(crate) async fn tls_over(tcp: TcpStream, pin: Vec<u8>) -> TlsStream<TcpStream> {
    tls_on(tcp, &["http/1.1"], pin).await
}

async fn tls_on(tcp: TcpStream, protocols: &[&str], pin: Vec<u8>) -> TlsStream<TcpStream> {
    let mut config = umweg_io::tls::client_config(Some(pin.try_into().unwrap())).unwrap();
    Arc::make_mut(&mut config).alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
    TlsConnector::from(config).connect("road.example".try_into().unwrap(), tcp).await.unwrap()
}

pub(crate) async fn answer_in_tls(proxy: &Running, request: &[u8]) -> String {
    answer(outer_tls(proxy).await, request).await
}

/// The whole answer to those bytes, without its date.
pub(crate) async fn answer(mut stream: impl AsyncReadExt + AsyncWriteExt + Unpin, request: &[u8]) -> String {
    let _ = stream.write_all(request).await;
    let _ = stream.flush().await;
    until_it_ends(stream).await
}

/// The same, when nothing comes after them.
pub(crate) async fn answer_to_all(mut stream: impl AsyncReadExt + AsyncWriteExt + Unpin, request: &[u8]) -> String {
    let _ = stream.write_all(request).await;
    let _ = stream.flush().await;
    let _ = stream.shutdown().await;
    until_it_ends(stream).await
}

async fn until_it_ends(mut stream: impl AsyncReadExt + Unpin) -> String {
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    let text = String::from_utf8_lossy(&answer).into_owned();
    text.split_inclusive('\n').filter(|line| !line.starts_with("Date: ")).collect()
}

/// A program that ends with the test.
pub(crate) struct Front(Child);

impl Drop for Front {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub(crate) fn front(program: &str, arguments: &[&str], folder: &Path, file: &str, config: &str) -> Front {
    let file = folder.join(file);
    std::fs::write(&file, config).unwrap();
    let child = Command::new(program).args(arguments).arg(file).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    Front(child.unwrap_or_else(|error| panic!("{program} is needed ({error}): ./x test installs it")))
}

pub(crate) fn nginx_config(folder: &Path, streams: &str, servers: &str) -> String {
    let folder = folder.display();
    format!(
        "load_module /usr/lib/nginx/modules/ngx_stream_module.so;\ndaemon off;\nmaster_process off;\npid {folder}/nginx.pid;\n\
         error_log /dev/null;\nevents {{ worker_connections 4096; }}\n{streams}\nhttp {{\ninclude /etc/nginx/mime.types;\n\
         default_type application/octet-stream;\nssl_protocols TLSv1 TLSv1.1 TLSv1.2 TLSv1.3;\n\
         ssl_prefer_server_ciphers on;\naccess_log off;\nserver_tokens off;\nclient_body_temp_path {folder}/b;\n\
         proxy_temp_path {folder}/p;\nfastcgi_temp_path {folder}/f;\nuwsgi_temp_path {folder}/u;\nscgi_temp_path {folder}/s;\n{servers}\n}}\n"
    )
}

pub(crate) async fn listening(port: u16) {
    while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
        tokio::task::yield_now().await;
    }
}
