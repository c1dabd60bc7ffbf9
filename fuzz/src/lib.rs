//! umweg-fuzz
