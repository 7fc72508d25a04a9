//! Alerts: what people are told, when, and how often.

mod desk;
mod german;
mod killed;
mod properties;
mod scenarios;
mod texts;
