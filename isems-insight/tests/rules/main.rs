//! The rules, each on series made by hand.

mod assessment;
mod data;
mod history;
mod position_jump;
mod ratings;
mod series;
mod shared_id;
mod shipped_defaults;
mod sun;
mod temperature;
mod upgrade;
