//! Properties that hold for any series of problems and faults.

use std::collections::HashMap;

use isems_alerts::Change;
use isems_insight::{FindingCode, FindingSeverity};
use proptest::prelude::*;

use crate::desk::{Desk, MINUTE};

/// The problems among which a series chooses. None of them continues another.
const CODES: [FindingCode; 3] = [FindingCode::BatteryOverheating, FindingCode::ControllerLost, FindingCode::BatteryDue];

#[derive(Debug, Clone)]
enum Step {
    Raise(usize, usize),
    Clear(usize, usize),
    Pass(i64),
    Restart(i64),
    Down(bool),
    Jump(i64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0..3usize, 0..CODES.len()).prop_map(|(node, code)| Step::Raise(node, code)),
        3 => (0..3usize, 0..CODES.len()).prop_map(|(node, code)| Step::Clear(node, code)),
        6 => (1..40i64).prop_map(|minutes| Step::Pass(minutes * MINUTE)),
        1 => (0..30i64).prop_map(|minutes| Step::Restart(minutes * MINUTE)),
        1 => any::<bool>().prop_map(Step::Down),
        1 => (-3 * 86_400..3 * 86_400i64).prop_map(Step::Jump),
    ]
}

/// Returns the number of a message in the order in which they were written.
fn number(id: &str) -> u64 {
    id.rsplit('-').next().unwrap().parse().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn what_outlives_the_hold_is_told_once_in_each_episode(steps in prop::collection::vec(step(), 1..60)) {
        let mut desk = Desk::new("2026-06-01 12:00");
        let mut is_there = [[false; CODES.len()]; 3];
        // The longest time for which each problem was there without a restart, and without a jump of the clock.
        let mut seen = [[0i64; CODES.len()]; 3];
        let mut outlived: HashMap<(usize, usize), bool> = HashMap::new();
        desk.pass(MINUTE);
        for step in steps {
            match step {
                Step::Raise(node, code) => {
                    is_there[node][code] = true;
                    desk.raise(&format!("n{node}"), CODES[code], FindingSeverity::Urgent);
                }
                Step::Clear(node, code) => {
                    is_there[node][code] = false;
                    desk.clear(&format!("n{node}"), CODES[code]);
                }
                Step::Pass(seconds) => {
                    desk.pass(seconds);
                    for (node, codes) in is_there.iter().enumerate() {
                        for (code, is_there) in codes.iter().enumerate() {
                            seen[node][code] = if *is_there { seen[node][code] + seconds } else { 0 };
                            if seen[node][code] > desk.policy.hold + MINUTE {
                                outlived.insert((node, code), true);
                            }
                        }
                    }
                }
                Step::Restart(seconds) => {
                    desk.restart_after(seconds);
                    seen = Default::default();
                }
                Step::Down(true) => drop(desk.down.insert("phone".into())),
                Step::Down(false) => desk.down.clear(),
                Step::Jump(seconds) => {
                    desk.now += seconds;
                    seen = Default::default();
                }
            }
        }
        desk.down.clear();
        desk.pass(4 * 3600);
        // In the order of a problem's messages, each beginning is followed by its end before the next beginning.
        let mut open: HashMap<(String, &str), bool> = HashMap::new();
        let mut messages: Vec<_> = desk.delivered.iter().map(|(_, _, message)| message).chain(&desk.given_up).collect();
        messages.sort_by_key(|message| number(&message.id));
        for message in &messages {
            // What is over comes last in a message, though it was first.
            let mut items = message.items.clone();
            items.sort_by_key(|item| item.change.is_open());
            for item in &items {
                let key = (item.subject.to_string(), item.code.name());
                let was_open = open.get(&key).copied().unwrap_or_default();
                match item.change {
                    Change::Raised => {
                        prop_assert!(!was_open, "told twice: {:?}", item);
                        open.insert(key, true);
                    }
                    Change::Cleared => {
                        prop_assert!(was_open, "ended without a beginning: {:?}", item);
                        open.insert(key, false);
                    }
                    Change::Passed => prop_assert!(!was_open, "told twice: {:?}", item),
                    Change::Worsened | Change::Repeated => prop_assert!(false, "not wished: {:?}", item),
                }
            }
        }
        for ((node, code), _) in outlived {
            let key = (format!("n{node}"), CODES[code].name());
            let is_told = messages.iter().flat_map(|message| &message.items).any(|item| {
                (item.subject.to_string(), item.code.name()) == key && item.change != Change::Cleared
            });
            prop_assert!(is_told, "never told: {:?}", key);
        }
        // At the end people know what is there.
        for (node, codes) in is_there.iter().enumerate() {
            for (code, is_there) in codes.iter().enumerate() {
                let key = (format!("n{node}"), CODES[code].name());
                prop_assert_eq!(open.get(&key).copied().unwrap_or_default(), *is_there, "{:?}", key);
            }
        }
        let mut ids: Vec<&str> = messages.iter().map(|message| message.id.as_str()).collect();
        let all = ids.len();
        ids.sort_unstable();
        ids.dedup();
        prop_assert_eq!(ids.len(), all, "two messages have the same id");
    }
}
