//! A real nginx with the same site as a proxy's, and the same certificate.

use std::net::SocketAddr;
use std::path::Path;

use super::neighbours::{Front, front, listening, nginx_config};
use super::ports::free_port;
use super::{Running, Service};

/// The real nginx with the same site.
pub(crate) struct Bare {
    pub(crate) plain: SocketAddr,
    pub(crate) tls: SocketAddr,
    _nginx: Front,
    _folder: tempfile::TempDir,
}

impl Bare {
    pub(crate) async fn start(root: &Path, more: &str, proxy: &Running, plain: u16) -> Self {
        let (folder, tls, data) = (tempfile::tempdir().unwrap(), free_port(), proxy.data.path().display());
        let servers = format!(
            "root {};\n{more}\nserver {{ listen 127.0.0.1:{plain}; }}\n\
             server {{ listen 127.0.0.1:{tls} ssl http2; ssl_certificate {data}/certificate.pem; ssl_certificate_key {data}/certificate-key.pem; }}",
            root.display()
        );
        let nginx = front("/usr/sbin/nginx", &["-c"], folder.path(), "nginx.conf", &nginx_config(folder.path(), "", &servers));
        listening(tls).await;
        let [plain, tls] = [plain, tls].map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
        Self { plain, tls, _nginx: nginx, _folder: folder }
    }
}

pub(crate) fn site() -> tempfile::TempDir {
    let site = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| std::fs::write(site.path().join(name), bytes).unwrap();
    for folder in ["with", "without"] {
        std::fs::create_dir(site.path().join(folder)).unwrap();
    }
    write("index.html", b"<h1>Bicycles</h1>");
    write("with/index.html", b"<h1>Tandems</h1>");
    write("style.css", b"h1 { color: teal }");
    write("two words.txt", b"two words");
    write("unknown.kind", b"?");
    write("empty.txt", b"");
    write("large.bin", &(0..100_000_u32).flat_map(u32::to_le_bytes).collect::<Vec<_>>());
    // Others may have to read it.
    std::fs::set_permissions(site.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    site
}

/// The proxy and the web server, both with that folder as their site.
pub(crate) async fn both_show(site: &Path) -> (Running, Bare) {
    both(site, &["--site", site.to_str().unwrap()]).await
}

/// The same, both just set up.
pub(crate) async fn both_just_set_up() -> (Running, Bare) {
    both(Path::new("/usr/share/nginx/html"), &[]).await
}

async fn both(site: &Path, arguments: &[&str]) -> (Running, Bare) {
    let proxy = Running::start(&Service::start().await.link, arguments).await;
    let bare = Bare::start(site, "", &proxy, free_port()).await;
    (proxy, bare)
}
