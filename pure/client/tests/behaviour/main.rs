//! What devices do together, in sentences. The service's own rules run beneath; see `house`.

mod calls;
mod contacts;
mod crashes;
mod groups;
mod house;
mod messages;
mod trust;
