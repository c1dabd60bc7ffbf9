//! umweg-sfu
