//! umweg-bench
