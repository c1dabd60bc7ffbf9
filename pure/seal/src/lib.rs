//! umweg-seal
