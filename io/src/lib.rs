//! umweg-io
