//! umweg-proxy
