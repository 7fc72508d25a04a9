//! Mean solar time: noon is when the mean sun stands highest, a quarter of an hour from the true one at most.

use crate::Sun;

const DAY: i64 = 86_400;

/// Returns the number of the night in which a time lies, in Unix seconds, UTC. Nights last from solar noon to solar
/// noon; consecutive ones have consecutive numbers. Without a place, noon is that of Greenwich.
pub(crate) fn night(time: i64, sun: Option<Sun>) -> i64 {
    let ahead_of_utc = sun.map_or(0, |sun| sun.ahead_of_utc());
    (time + ahead_of_utc - DAY / 2).div_euclid(DAY)
}
