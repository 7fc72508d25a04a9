use isems_insight::{History, Level};

use crate::series::{MIDNIGHT, assessed, node_id};

#[test]
fn nothing_is_said_of_a_node_that_was_never_heard() {
    let assessment = assessed(&[History::new(node_id("Hut"))], MIDNIGHT);
    assert_eq!((assessment.level, assessment.findings.len()), (Level::Unknown, 0));
    assert!(assessment.silence.is_none() && assessment.energy.load_off.is_none());
}
