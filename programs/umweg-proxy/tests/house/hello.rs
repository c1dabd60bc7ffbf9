//! How TLS begins.

use std::sync::Arc;

/// The first message to a server of that name.
pub(crate) fn client_hello(name: &str) -> Vec<u8> {
    let config = umweg_io::tls::client_config(None).unwrap();
    let mut client = rustls::ClientConnection::new(Arc::clone(&config), name.to_owned().try_into().unwrap()).unwrap();
    let mut bytes = Vec::new();
    while client.wants_write() {
        client.write_tls(&mut bytes).unwrap();
    }
    bytes
}
