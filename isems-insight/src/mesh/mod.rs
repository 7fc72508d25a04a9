//! The mesh as a whole, for comparing a node with its neighbours.

mod daylight;
mod light;
mod load;
mod presence;
mod sky;

use self::daylight::Daylight;
pub(crate) use self::{
    light::{AZIMUTH_STEP, Light},
    load::TypicalLoad,
    presence::{Hole, Presence},
    sky::Sky,
};
use crate::{
    History, Position, Sun,
    discharge::{DischargeCurve, Shape, falls},
    reserve::cut_off,
    statistics::median,
};

/// The mesh as a whole up to an instant: the background of every [assessment](crate::assess) at that instant.
#[derive(Debug, Clone, PartialEq)]
pub struct Mesh {
    at: i64,
    sun: Option<Sun>,
    discharge: Shape,
    typical_load: Option<TypicalLoad>,
    presences: Vec<Presence>,
    sky: Sky,
    light: Light,
}

impl Mesh {
    /// Takes in the histories of all nodes. They must end before `at`, Unix seconds, UTC.
    pub fn of<'a>(histories: impl IntoIterator<Item = &'a History>, at: i64) -> Self {
        let histories: Vec<&History> = histories.into_iter().collect();
        let sun = Self::middle(histories.iter().copied());
        let curve = |history: &&History| {
            let falls = falls(history, i64::MIN, at);
            DischargeCurve::learn(&falls, cut_off(history)?, at, &Shape::default())
        };
        let curves: Vec<Option<DischargeCurve>> = histories.iter().map(curve).collect();
        let typical_load = TypicalLoad::of(&histories);
        let presences = histories.iter().filter_map(|history| Presence::of(history, at)).collect();
        let daylight = sun.map(|sun| Daylight::between(sun, at - History::DAYS * 86_400, at));
        let light = sun.zip(daylight.as_ref()).map(|(sun, daylight)| Light::of(&histories, sun, daylight, at));
        let sky = Sky::of(histories.iter().copied().zip(curves.iter().map(Option::as_ref)), daylight);
        Self {
            at,
            sun,
            discharge: Shape::of(curves.iter().flatten()),
            typical_load,
            presences,
            sky,
            light: light.unwrap_or_default(),
        }
    }

    /// Returns the sun seen from the median position of some nodes; `None` if none has one.
    pub fn middle<'a>(histories: impl IntoIterator<Item = &'a History>) -> Option<Sun> {
        let positions = histories.into_iter().filter_map(|history| match Position::of(history.latest()?) {
            Position::Set { latitude, longitude } => Some((latitude, longitude)),
            Position::Unset | Position::ShippedDefault => None,
        });
        let (mut latitudes, mut longitudes): (Vec<f64>, Vec<f64>) = positions.unzip();
        Sun::at_place(median(&mut latitudes)?, median(&mut longitudes)?)
    }

    /// Returns the instant, Unix seconds, UTC.
    pub fn at(&self) -> i64 {
        self.at
    }

    /// Returns the sun seen from the middle of the mesh; `None` if no node has a position.
    pub fn sun(&self) -> Option<Sun> {
        self.sun
    }

    /// Returns the typical load of the nodes; `None` if none has measured its battery's health.
    pub(crate) fn typical_load(&self) -> Option<TypicalLoad> {
        self.typical_load
    }

    /// Returns what the panels saw of the sky.
    pub(crate) fn sky(&self) -> &Sky {
        &self.sky
    }

    /// Returns the light of the panels.
    pub(crate) fn light(&self) -> &Light {
        &self.light
    }

    /// Returns when each node was heard and when it was not.
    pub(crate) fn presences(&self) -> &[Presence] {
        &self.presences
    }

    /// Returns the typical form of the discharge curves.
    pub(crate) fn discharge(&self) -> &Shape {
        &self.discharge
    }
}
