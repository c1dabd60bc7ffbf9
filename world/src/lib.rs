//! umweg-world
