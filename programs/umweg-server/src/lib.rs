//! umweg-server
