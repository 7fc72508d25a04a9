//! The recent past of a node, reduced to what judging it needs.

use std::collections::VecDeque;

use isems_core::{Field, FieldSet, Measurement, NodeId, NumberField, TimeSource};

use crate::{Setup, Slot, slot::is_controller_lost, statistics::median};

/// The most changes that are kept of setups, health estimates and reboots.
const KEPT_CHANGES: usize = 128;

/// The number of arrivals that are kept.
const KEPT_ARRIVALS: usize = 16;

/// The recent past of a node: the last [`History::DAYS`] days as [slots](Slot), and what changes rarely as a list of
/// changes. It takes 100 kB.
///
/// Measurements are [added](Self::extend) in any order, each once; what belongs to the past of the newest one enters
/// the slots and days only.
#[derive(Debug, Clone, PartialEq)]
pub struct History {
    node: NodeId,
    /// The number of the first slot: its beginning divided by [`Slot::SECONDS`].
    first: i64,
    slots: VecDeque<Slot>,
    latest: Option<Measurement>,
    setups: Changes<Setup>,
    health: Changes<f64>,
    reboots: VecDeque<Reboot>,
    /// The newest times of arrival that differ, of measurements in the order of their measured time.
    arrivals: VecDeque<i64>,
    days: VecDeque<Day>,
}

/// A restart of a node's countdown.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reboot {
    /// The measured time of the last measurement before it, Unix seconds, UTC.
    pub before: i64,
    /// The measured time of the first measurement after it, Unix seconds, UTC.
    pub after: i64,
    /// The countdown in the last measurement before it, in the node's own units.
    pub countdown_before: f64,
    /// The countdown in the first measurement after it, in the node's own units.
    pub countdown_after: f64,
}

/// A summary of a node's data for a day (UTC).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Day {
    /// The number of the day since 1970.
    pub day: i64,
    /// The number of measurements.
    pub readings: u32,
    /// The number of measurements that were dated by their arrival, as the node's clock was not set or it sent no time.
    pub dated_by_arrival: u32,
    /// The number of measurements without an answering controller.
    pub controller_lost: u32,
    /// The least time from a measurement to its arrival by the node's clock, seconds: negative if that clock is
    /// ahead. `None` if all were dated by their arrival.
    pub least_delay: Option<i64>,
}

/// The values that something had, each from a time on, oldest first.
#[derive(Debug, Clone, PartialEq)]
pub struct Changes<T>(VecDeque<(i64, T)>);

impl<T> Changes<T> {
    /// Returns the changes, oldest first: the measured time of the first measurement with a value, in Unix seconds,
    /// UTC, and the value.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (i64, &T)> + ExactSizeIterator {
        self.0.iter().map(|(since, value)| (*since, value))
    }

    /// Returns the newest value.
    pub fn newest(&self) -> Option<&T> {
        self.0.back().map(|(_, value)| value)
    }

    fn push(&mut self, since: i64, value: T) {
        push(&mut self.0, (since, value));
    }
}

fn push<T>(list: &mut VecDeque<T>, item: T) {
    if list.len() == KEPT_CHANGES {
        list.pop_front();
    }
    list.push_back(item);
}

impl History {
    /// The number of days that are kept before the newest measurement.
    pub const DAYS: i64 = 32;

    const SLOTS: usize = (Self::DAYS * 86_400 / Slot::SECONDS) as usize;

    /// The number of slots for which room is made first: a day.
    const LEAST_ROOM: usize = 144;

    /// Creates the history of a node without measurements.
    pub fn new(node: NodeId) -> Self {
        Self {
            node,
            first: 0,
            slots: VecDeque::new(),
            latest: None,
            setups: Changes(VecDeque::new()),
            health: Changes(VecDeque::new()),
            reboots: VecDeque::new(),
            arrivals: VecDeque::new(),
            days: VecDeque::new(),
        }
    }

    /// Returns the fields of measurements that a history is made of.
    pub fn fields() -> FieldSet {
        let numbers = NumberField::ALL.into_iter().filter(|field| *field != NumberField::TemperatureCorrectedVoltage);
        let others = [Field::ReceivedAt, Field::TimeSource, Field::FirmwareVersion, Field::Status];
        numbers.map(Field::Number).chain(others).collect()
    }

    /// Adds measurements of the node. Those that are older than what is kept are left out.
    pub fn extend(&mut self, measurements: &[Measurement]) {
        let mut latest = self.latest.take();
        let mut newest = latest.as_ref();
        for measurement in measurements {
            let Some(slot) = self.slot_of(measurement.timestamp) else { continue };
            slot.add(measurement);
            self.add_to_day(measurement);
            if newest.is_none_or(|newest| newest.timestamp < measurement.timestamp) {
                self.note_changes(newest, measurement);
                newest = Some(measurement);
            }
        }
        if newest.map(|newest| newest.timestamp) != latest.as_ref().map(|latest| latest.timestamp) {
            latest = newest.cloned();
        }
        self.latest = latest;
    }

    /// Takes note of what changed from the newest measurement to one that is newer.
    fn note_changes(&mut self, newest: Option<&Measurement>, measurement: &Measurement) {
        if self.arrivals.back() != Some(&measurement.received_at) {
            if self.arrivals.len() == KEPT_ARRIVALS {
                self.arrivals.pop_front();
            }
            self.arrivals.push_back(measurement.received_at);
        }
        if !self.setups.newest().is_some_and(|setup| setup.is_of(measurement)) {
            self.setups.push(measurement.timestamp, Setup::of(measurement));
        }
        if let Some(health) = measurement.battery_health_estimate
            && !is_controller_lost(measurement)
            && self.health.newest() != Some(&health)
        {
            self.health.push(measurement.timestamp, health);
        }
        if let Some(newest) = newest
            && let (Some(before), Some(after)) = (newest.time_to_shutdown, measurement.time_to_shutdown)
            && after > before
        {
            let (at, until) = (newest.timestamp, measurement.timestamp);
            push(
                &mut self.reboots,
                Reboot { before: at, after: until, countdown_before: before, countdown_after: after },
            );
        }
    }

    /// Returns the slot of a time, after making room for it.
    fn slot_of(&mut self, timestamp: i64) -> Option<&mut Slot> {
        let number = timestamp.div_euclid(Slot::SECONDS);
        if self.slots.is_empty() {
            self.first = number;
        }
        let newest = self.first + self.slots.len() as i64 - 1;
        if number > newest + Self::SLOTS as i64 {
            self.slots.clear();
            self.first = number;
        }
        if number < self.first {
            let missing = self.first - number;
            if missing as usize + self.slots.len() > Self::SLOTS {
                return None;
            }
            (0..missing).for_each(|_| self.slots.push_front(Slot::EMPTY));
            self.first = number;
        }
        while self.first + self.slots.len() as i64 <= number {
            if self.slots.len() == Self::SLOTS {
                self.slots.pop_front();
                self.first += 1;
            }
            if self.slots.len() == self.slots.capacity() {
                // Doubling as usual would end with room for nearly twice the slots that are kept.
                let length = self.slots.len();
                self.slots.reserve_exact(length.max(Self::LEAST_ROOM).min(Self::SLOTS - length));
            }
            self.slots.push_back(Slot::EMPTY);
        }
        self.slots.get_mut((number - self.first) as usize)
    }

    fn add_to_day(&mut self, measurement: &Measurement) {
        let number = measurement.timestamp.div_euclid(86_400);
        let place = self.days.partition_point(|day| day.day < number);
        if self.days.get(place).is_none_or(|day| day.day != number) {
            let day = Day { day: number, readings: 0, dated_by_arrival: 0, controller_lost: 0, least_delay: None };
            self.days.insert(place, day);
        }
        let day = &mut self.days[place];
        day.readings += 1;
        day.controller_lost += u32::from(is_controller_lost(measurement));
        if measurement.time_source == TimeSource::Arrival {
            day.dated_by_arrival += 1;
        } else {
            let delay = measurement.received_at.saturating_sub(measurement.timestamp);
            day.least_delay = Some(day.least_delay.map_or(delay, |least| least.min(delay)));
        }
        let oldest = self.first.div_euclid(86_400 / Slot::SECONDS);
        while self.days.front().is_some_and(|day| day.day < oldest) {
            self.days.pop_front();
        }
    }

    /// Returns the node.
    pub fn node(&self) -> &NodeId {
        &self.node
    }

    /// Returns the newest measurement by measured time, with the [fields](Self::fields) that a history is made of.
    pub fn latest(&self) -> Option<&Measurement> {
        self.latest.as_ref()
    }

    /// Returns the slots, oldest first and without gaps, each with the time at which it begins, in Unix seconds, UTC.
    pub fn slots(&self) -> impl DoubleEndedIterator<Item = (i64, &Slot)> + ExactSizeIterator {
        let first = self.first;
        self.slots.iter().enumerate().map(move |(index, slot)| ((first + index as i64) * Slot::SECONDS, slot))
    }

    /// Returns the slots that begin at or after one time and before another, oldest first and without gaps, each with
    /// the time at which it begins. Times in Unix seconds, UTC.
    pub fn slots_between(
        &self,
        from: i64,
        to: i64,
    ) -> impl DoubleEndedIterator<Item = (i64, &Slot)> + ExactSizeIterator {
        let index = |time: i64| {
            let number = time.saturating_add(Slot::SECONDS - 1).div_euclid(Slot::SECONDS);
            number.saturating_sub(self.first).clamp(0, self.slots.len() as i64) as usize
        };
        let (from, to) = (index(from), index(to));
        let first = self.first + from as i64;
        let slots = self.slots.range(from..to.max(from)).enumerate();
        slots.map(move |(index, slot)| ((first + index as i64) * Slot::SECONDS, slot))
    }

    /// Returns the slot in which a time lies; an empty one outside of what is kept.
    pub fn slot_at(&self, time: i64) -> &Slot {
        let index = time.div_euclid(Slot::SECONDS) - self.first;
        usize::try_from(index).ok().and_then(|index| self.slots.get(index)).unwrap_or(&Slot::EMPTY)
    }

    /// Returns the setups that the node had, oldest first.
    pub fn setups(&self) -> &Changes<Setup> {
        &self.setups
    }

    /// Returns the health estimates that the node reported, percent, oldest first. 100 can mean that none was made
    /// since the last reboot.
    pub fn health(&self) -> &Changes<f64> {
        &self.health
    }

    /// Returns the reboots: whenever the countdown rose, oldest first.
    pub fn reboots(&self) -> impl DoubleEndedIterator<Item = &Reboot> + ExactSizeIterator {
        self.reboots.iter()
    }

    /// Returns the newest times of arrival, Unix seconds, UTC. What was measured together and arrived together counts
    /// once.
    pub fn arrivals(&self) -> impl Iterator<Item = i64> {
        self.arrivals.iter().copied()
    }

    /// Returns the days (UTC) with measurements, oldest first.
    pub fn days(&self) -> impl DoubleEndedIterator<Item = &Day> + ExactSizeIterator {
        self.days.iter()
    }

    /// Returns the usual interval between measurements, in seconds: the median over the slots with measurements of
    /// the time from the first one in the slot to the first one in the next such slot, divided by the number in the
    /// slot. At least three such slots are needed.
    pub fn measuring_interval(&self) -> Option<f64> {
        let with_any = self.slots().filter_map(|(start, slot)| Some((start + slot.offsets()?.0, slot.readings())));
        let mut before = None;
        let intervals = with_any.filter_map(|(first, readings)| {
            let (first_before, readings_before) = before.replace((first, readings))?;
            Some((first - first_before) as f64 / f64::from(readings_before))
        });
        let mut intervals: Vec<f64> = intervals.collect();
        (intervals.len() >= 2).then(|| median(&mut intervals)).flatten()
    }
}
