//! The clock of this machine, and those of the nodes.

use std::path::Path;

use isems_core::{ClockState, unix_now};

use super::{sources::NodeClocks, verdict::Report};

/// The file that systemd-timesyncd makes when it has set the clock, and the folder that it makes in any case.
const TIMESYNC: (&str, &str) = ("/run/systemd/timesync/synchronized", "/run/systemd/timesync");

/// Looks at the clock, and holds it against those of the nodes that were just polled.
pub(super) fn look(nodes: &NodeClocks, report: &mut Report) {
    if unix_now() < ClockState::UNSET_BEFORE {
        let advice = "connect it to the network and wait for the time, or set it with `date`; until then, lines without a \
                      time of their own are not stored";
        report.problem("clock", "the clock of this machine is not set".into(), advice);
        return;
    }
    let NodeClocks { answered, ahead } = nodes;
    // If most nodes are ahead, it is this clock that is behind.
    if !ahead.is_empty() && 2 * ahead.len() > *answered {
        let text = format!("the clock of this machine is behind those of {} of {answered} nodes", ahead.len());
        report.problem("clock", text, "set it: have it synchronized by systemd-timesyncd or chrony");
        return;
    }
    for node in ahead {
        let text = format!("lines of {node} are ahead of the clock of this machine");
        report.warning(
            "clock",
            text,
            "they are rejected until the clock of that node is right; see to its time server",
        );
    }
    let (is_synchronized, is_kept) = (Path::new(TIMESYNC.0).exists(), Path::new(TIMESYNC.1).exists());
    if is_kept && !is_synchronized {
        let text = "systemd-timesyncd has not synchronized the clock of this machine since it was started".into();
        report.warning("clock", text, "`timedatectl timesync-status` tells why; a mesh needs a time server of its own");
    } else if is_synchronized {
        report.ok("clock", "the clock of this machine is synchronized".into());
    } else {
        report.ok("clock", "nothing contradicts the clock of this machine".into());
    }
}
