//! The parts of the page, as they are sent.

mod chart;
mod language;
mod map;
mod markup;
mod nights;
mod properties;
mod sparkline;
mod strip;
mod time_axis;
