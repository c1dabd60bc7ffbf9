//! What sealing does for people, each test a sentence. Everything goes through the public interface, over real databases.
#![expect(clippy::unwrap_used, reason = "tests")]

mod call;
mod conversation;
mod frozen;
mod hostile;
mod inbox;
mod people;
