//! The rules, each on series made by hand.

mod assessment;
mod capacity;
mod capacity_too_small;
mod charge;
mod clock;
mod data;
mod deep_nights;
mod full_charge;
mod history;
mod panel;
mod position_jump;
mod properties;
mod ratings;
mod series;
mod shared_id;
mod shipped_defaults;
mod silence;
mod sun;
mod temperature;
mod upgrade;
