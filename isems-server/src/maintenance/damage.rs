//! Damage, described for people.

use std::{fmt, io, io::Write};

use isems_core::Damage;
use jiff::tz::TimeZone;

use crate::time::Time;

/// Writes one line per damage.
pub(super) fn list(damages: &[Damage], output: &mut dyn Write) -> io::Result<()> {
    damages.iter().try_for_each(|damage| writeln!(output, "{}", Line(damage)))
}

/// Describes a damage: its place, its time and the problem.
struct Line<'a>(&'a Damage);

impl fmt::Display for Line<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Damage { place, seconds, problem } = self.0;
        let zone = &TimeZone::UTC;
        let time = |second| Time { second, zone };
        match seconds {
            None => write!(formatter, "{place}: {problem}"),
            Some(seconds) if seconds.end - seconds.start == 1 => {
                write!(formatter, "{place} at {}: {problem}", time(seconds.start))
            }
            Some(seconds) => {
                write!(formatter, "{place} from {} to {}: {problem}", time(seconds.start), time(seconds.end))
            }
        }
    }
}
