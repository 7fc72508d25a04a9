//! The rules, each on series made by hand.

mod assessment;
mod history;
mod series;
mod sun;
