//! What sealing does for people, each test a sentence. Everything goes through the public interface, over real databases.
#![expect(clippy::unwrap_used, reason = "tests")]

mod call;
mod call_hostile;
mod conversation;
mod frozen;
mod hostile;
mod inbox;
mod people;
