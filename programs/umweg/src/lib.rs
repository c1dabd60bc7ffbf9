//! umweg
