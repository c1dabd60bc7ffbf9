//! umweg-delivery
