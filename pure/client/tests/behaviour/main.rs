//! What devices do together, in sentences. The service's own rules run beneath; see `house`.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod calls;
mod contacts;
mod crashes;
mod crowds;
mod endings;
mod groups;
mod house;
mod messages;
mod offers;
mod renewals;
mod screens;
mod trust;
