//! The ways to reach people, one file each.

mod address;
mod secret;

pub use self::{
    address::{ChannelAddress, InvalidAddress},
    secret::Secret,
};
