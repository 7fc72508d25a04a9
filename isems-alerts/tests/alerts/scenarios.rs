//! Scenarios, each with exactly the messages that a person would want.

use std::time::Duration;

use isems_alerts::{Change, ChannelOptions, Fact, MessageKind, Mute, Patterns, Trouble};
use isems_insight::{FindingCode::*, FindingSeverity::*};

use crate::desk::{DAY, Desk, HOUR, LOOK, MINUTE, berlin, node};

fn everything() -> ChannelOptions {
    ChannelOptions { severity: Attention, ..ChannelOptions::default() }
}

/// Returns the number of messages that each channel was told, with the changes in each.
fn changes(desk: &Desk) -> Vec<Vec<Change>> {
    desk.delivered.iter().map(|(_, _, message)| message.items.iter().map(|item| item.change).collect()).collect()
}

#[test]
fn a_problem_is_told_once_and_so_is_its_end() {
    let mut desk = Desk::new("2026-06-01 12:00");
    desk.raise("n1", BatteryOverheating, Urgent);
    desk.pass(10 * MINUTE);
    assert!(desk.delivered.is_empty(), "it is held");
    desk.pass(2 * MINUTE);
    assert_eq!(
        desk.told("phone"),
        ["n1: battery too hot | n1: battery too hot since 12:00. Shade or ventilate the battery."]
    );
    desk.pass(3 * DAY);
    assert!(desk.delivered.is_empty(), "{:?}", changes(&desk));
    desk.clear("n1", BatteryOverheating);
    desk.pass(HOUR);
    assert_eq!(desk.told("phone"), ["Over: n1: battery too hot | n1: over: battery too hot; it lasted 3 d 0 h."]);
    desk.pass(DAY);
    assert!(desk.delivered.is_empty());
}

#[test]
fn a_problem_shorter_than_the_hold_is_not_told() {
    let mut desk = Desk::new("2026-06-01 12:00");
    for _ in 0..10 {
        desk.raise("n1", BatteryOverheating, Urgent);
        desk.pass(9 * MINUTE);
        desk.clear("n1", BatteryOverheating);
        desk.pass(11 * MINUTE);
    }
    assert!(desk.delivered.is_empty(), "{:?}", changes(&desk));
}

#[test]
fn flapping_is_one_problem() {
    let mut desk = Desk::new("2026-06-01 12:00");
    for _ in 0..50 {
        desk.raise("n1", BatteryOverheating, Urgent);
        desk.pass(3 * MINUTE);
        desk.clear("n1", BatteryOverheating);
        desk.pass(3 * MINUTE);
    }
    desk.pass(HOUR);
    assert_eq!(changes(&desk), [[Change::Raised], [Change::Cleared]]);
}

#[test]
fn flapping_of_the_severity_is_one_problem() {
    let mut desk = Desk::new("2026-06-01 12:00");
    desk.options(everything());
    for _ in 0..10 {
        desk.raise("n1", Silent, Attention);
        desk.pass(30 * MINUTE);
        desk.raise("n1", Silent, Urgent);
        desk.pass(30 * MINUTE);
    }
    assert_eq!(changes(&desk), [[Change::Raised], [Change::Worsened]]);
}

#[test]
fn many_nodes_at_once_are_one_message() {
    let mut desk = Desk::new("2026-06-01 12:00");
    // They are noticed over two minutes.
    for number in 0..100 {
        desk.raise(&format!("n{number}"), Silent, Urgent);
        if number % 4 == 0 {
            desk.pass(LOOK);
        }
    }
    desk.pass(HOUR);
    let told = desk.told("phone");
    assert_eq!(told.len(), 2, "they were noticed over two minutes: {told:?}");
    assert!(told[0].starts_with("49 × silent | Silent (49): n0, n1, "), "{}", told[0]);
    for number in 0..100 {
        desk.clear(&format!("n{number}"), Silent);
    }
    desk.pass(HOUR);
    let told = desk.told("phone");
    assert_eq!(told.len(), 1);
    assert!(told[0].starts_with("100 problems are over | Over: silent (100): n0, n1, "), "{}", told[0]);
}

#[test]
fn a_lost_uplink_is_one_message_and_hides_the_silence_of_nodes() {
    let mut desk = Desk::new("2026-06-01 12:00");
    desk.raise("n7", Silent, Urgent);
    desk.pass(HOUR);
    assert_eq!(desk.told("phone").len(), 1, "this one was silent before");
    desk.trouble(Trouble::SourcesAway);
    desk.pass(2 * MINUTE);
    for number in 10..100 {
        desk.raise(&format!("n{number}"), Silent, Urgent);
    }
    desk.pass(HOUR);
    let told = desk.told("phone");
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].starts_with("Collector (mqtt): nothing can be reached | "), "{told:?}");
    assert!(told[0].contains("(connection refused)"), "{told:?}");
    desk.trouble_over(Trouble::SourcesAway);
    desk.pass(2 * MINUTE);
    for number in 10..99 {
        desk.clear(&format!("n{number}"), Silent);
    }
    desk.pass(HOUR);
    let told = desk.told("phone").join("\n");
    assert!(told.contains("over: nothing can be reached; it lasted 1 h 2 min"), "{told}");
    assert!(told.contains("n99 silent since 13:02"), "{told}");
    assert!(!told.contains("n98") && !told.contains("n7"), "{told}");
}

#[test]
fn a_wrong_clock_hides_the_silence_of_nodes() {
    let mut desk = Desk::new("2026-06-01 12:00");
    for number in 10..20 {
        desk.raise(&format!("n{number}"), Silent, Urgent);
    }
    desk.trouble(Trouble::ClockUnset);
    desk.pass(DAY);
    let told = desk.told("phone");
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("the clock is not set"), "{told:?}");
}

#[test]
fn a_node_that_runs_empty_as_predicted_is_one_message_in_the_evening_and_one_when_it_is_back() {
    let mut desk = Desk::new("2026-12-01 16:00");
    desk.options(everything());
    let off_at = berlin("2026-12-02 03:40");
    let prediction = [("expectedAt", Fact::Time(off_at)), ("probability", Fact::Number(0.9))];
    desk.raise_with("n1", LoadOffPredicted, Urgent, &prediction);
    desk.pass_until("2026-12-01 17:00");
    assert_eq!(desk.told("phone").len(), 1, "the first time it is told at once");
    desk.pass_until("2026-12-02 03:45");
    desk.clear("n1", LoadOffPredicted);
    let back = [("cause", Fact::Text("ranEmpty".into())), ("expectedBackAt", Fact::Time(berlin("2026-12-02 10:30")))];
    desk.raise_with("n1", RanEmpty, Attention, &back);
    desk.pass_until("2026-12-02 10:30");
    assert!(desk.delivered.is_empty(), "it was predicted: {:?}", desk.told("phone"));
    desk.clear("n1", RanEmpty);
    desk.pass_until("2026-12-02 12:00");
    assert_eq!(desk.told("phone"), ["Over: n1: ran empty | n1 is back after 6 h 45 min."]);
}

#[test]
fn nodes_that_run_empty_every_night_are_announced_once_in_the_evening() {
    let mut desk = Desk::new("2026-12-01 12:00");
    desk.options(everything());
    for day in 1..6 {
        for (name, minute) in [("n1", 20), ("n2", 50)] {
            desk.pass_until(&format!("2026-12-{day:02} 15:{minute}"));
            let prediction = [("expectedAt", Fact::Time(desk.now + 12 * HOUR))];
            desk.raise_with(name, LoadOffPredicted, Urgent, &prediction);
        }
        desk.pass_until(&format!("2026-12-{:02} 03:30", day + 1));
        if day > 1 {
            let evening: Vec<i64> = desk.delivered.iter().map(|(_, at, _)| *at).collect();
            let eight = berlin(&format!("2026-12-{day:02} 18:00"));
            assert_eq!(changes(&desk), [[Change::Raised, Change::Raised]], "night {day}");
            assert!((eight..eight + 5 * MINUTE).contains(&evening[0]), "night {day}");
        }
        desk.delivered.clear();
        for name in ["n1", "n2"] {
            desk.clear(name, LoadOffPredicted);
            desk.raise(name, RanEmpty, Attention);
        }
        desk.pass_until(&format!("2026-12-{:02} 09:00", day + 1));
        assert!(desk.delivered.is_empty(), "nobody is woken in night {day}: {:?}", desk.told("phone"));
        for name in ["n1", "n2"] {
            desk.clear(name, RanEmpty);
        }
        desk.pass_until(&format!("2026-12-{:02} 12:00", day + 1));
        assert_eq!(changes(&desk), [[Change::Cleared, Change::Cleared]], "day {day}");
        desk.delivered.clear();
    }
}

#[test]
fn a_node_that_does_not_come_back_after_a_usual_night_is_told() {
    let mut desk = Desk::new("2026-12-01 12:00");
    desk.raise("n1", RanEmpty, Attention);
    desk.pass(6 * HOUR);
    desk.clear("n1", RanEmpty);
    desk.pass(6 * HOUR);
    desk.raise("n1", RanEmpty, Attention);
    desk.pass(6 * HOUR);
    assert!(desk.delivered.is_empty());
    desk.raise("n1", RanEmpty, Urgent);
    desk.pass(HOUR);
    assert_eq!(changes(&desk), [[Change::Raised]]);
}

#[test]
fn a_prediction_that_does_not_come_true_is_told_to_be_over() {
    let mut desk = Desk::new("2026-06-01 16:00");
    desk.raise_with("n1", LoadOffPredicted, Urgent, &[("expectedAt", Fact::Time(berlin("2026-06-02 03:40")))]);
    desk.pass(HOUR);
    desk.clear("n1", LoadOffPredicted);
    desk.pass(HOUR);
    assert_eq!(
        desk.told("phone"),
        [
            "n1: will switch off | n1 will switch off about 03:40. Bring a charged battery, or reduce the load, before \
             the expected time.",
            "Over: n1: will switch off | n1 is no longer expected to switch off."
        ]
    );
}

#[test]
fn a_silence_whose_cause_becomes_clear_is_the_same_silence() {
    let mut desk = Desk::new("2026-06-01 12:00");
    desk.raise("n1", Silent, Urgent);
    desk.pass(HOUR);
    desk.clear("n1", Silent);
    desk.raise("n1", RanEmpty, Urgent);
    desk.pass(HOUR);
    assert_eq!(changes(&desk), [[Change::Raised]]);
}

#[test]
fn quiet_hours_over_midnight_delay_what_is_not_urgent() {
    let mut desk = Desk::new("2026-06-01 21:30");
    desk.options(ChannelOptions { quiet: Some("22:00-07:00".parse().unwrap()), ..everything() });
    desk.pass_until("2026-06-01 22:30");
    desk.raise("n1", BatteryCold, Attention);
    desk.raise("n2", BatteryNotFull, Attention);
    desk.raise("n3", ControllerLost, Urgent);
    desk.pass_until("2026-06-02 01:00");
    desk.clear("n2", BatteryNotFull);
    desk.clear("n3", ControllerLost);
    desk.pass_until("2026-06-02 06:59");
    assert_eq!(desk.told("phone").len(), 1, "only what is urgent");
    desk.pass_until("2026-06-02 07:10");
    let told = desk.told("phone");
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("n1: battery very cold since 22:30"), "{told:?}");
    assert!(told[0].contains("n2: battery never full since 22:30, and over after 2 h 30 min"), "{told:?}");
    assert!(told[0].contains("n3: over: solar controller lost"), "{told:?}");
}

#[test]
fn quiet_hours_keep_to_the_clock_on_the_wall_when_summer_time_begins_and_ends() {
    for (evening, morning) in [("2026-03-28", "2026-03-29"), ("2026-10-24", "2026-10-25")] {
        let mut desk = Desk::new(&format!("{evening} 21:00"));
        desk.options(ChannelOptions { quiet: Some("22:00-07:00".parse().unwrap()), ..everything() });
        desk.pass(LOOK);
        desk.pass_until(&format!("{evening} 22:15"));
        desk.raise("n1", BatteryCold, Attention);
        desk.pass_until(&format!("{morning} 06:59"));
        assert!(desk.delivered.is_empty(), "{morning}");
        desk.pass_until(&format!("{morning} 07:05"));
        assert_eq!(changes(&desk), [[Change::Raised]], "{morning}");
    }
}

#[test]
fn a_restart_while_a_problem_is_held_does_not_forget_it() {
    let mut desk = Desk::new("2026-06-01 12:00");
    desk.raise("n1", Silent, Urgent);
    for _ in 0..6 {
        desk.pass(2 * MINUTE);
        desk.restart_after(10);
    }
    desk.pass(MINUTE);
    assert_eq!(changes(&desk), [[Change::Raised]]);
    desk.restart_after(HOUR);
    desk.pass(DAY);
    assert_eq!(changes(&desk), [[Change::Raised]], "and does not repeat it");
}

#[test]
fn restarts_while_a_problem_is_gone_do_not_keep_it_open() {
    let mut desk = Desk::new("2026-06-01 12:00");
    desk.raise("n1", Silent, Urgent);
    desk.pass(HOUR);
    desk.clear("n1", Silent);
    for _ in 0..6 {
        desk.pass(2 * MINUTE);
        desk.restart_after(10);
    }
    desk.pass(3 * MINUTE);
    assert_eq!(changes(&desk), [[Change::Raised], [Change::Cleared]]);
}

#[test]
fn a_restart_while_a_message_is_sent_sends_the_same_message_again() {
    let mut desk = Desk::new("2026-06-01 12:00");
    desk.down.insert("phone".into());
    desk.raise("n1", Silent, Urgent);
    desk.pass(20 * MINUTE);
    let id = desk.ledger.letters()[0].message.id.clone();
    desk.restart_after(MINUTE);
    desk.down.clear();
    desk.pass(HOUR);
    assert_eq!(desk.delivered.len(), 1);
    assert_eq!(desk.delivered[0].2.id, id);
}

#[test]
fn a_restart_does_not_end_problems_of_nodes_that_are_not_judged_yet() {
    let mut desk = Desk::new("2026-06-01 12:00");
    desk.raise("n1", Silent, Urgent);
    desk.pass(HOUR);
    desk.restart_after(MINUTE);
    let judged = std::mem::take(&mut desk.nodes);
    let view = isems_alerts::View { at: desk.now, nodes: Some(judged.clone()), ..isems_alerts::View::default() };
    for look in 0..1000 {
        let view = isems_alerts::View { at: desk.now + look * LOOK, ..view.clone() };
        desk.ledger.look(&view, &desk.channels, &desk.policy);
    }
    desk.nodes = judged;
    desk.now += 1000 * LOOK;
    desk.pass(HOUR);
    assert_eq!(changes(&desk), [[Change::Raised]]);
}

#[test]
fn a_deleted_node_is_over() {
    let mut desk = Desk::new("2026-06-01 12:00");
    desk.raise("n1", Silent, Urgent);
    desk.pass(HOUR);
    desk.clear("n1", Silent);
    desk.nodes.remove(&node("n1"));
    desk.pass(HOUR);
    assert_eq!(changes(&desk), [[Change::Raised], [Change::Cleared]]);
}

#[test]
fn a_channel_that_is_down_for_a_day_gets_what_it_missed_in_one_message() {
    let mut desk = Desk::new("2026-06-01 12:00");
    desk.channel("mail", ChannelOptions::default());
    desk.down.insert("phone".into());
    desk.raise("n1", Silent, Urgent);
    desk.pass(HOUR);
    for number in 2..12 {
        desk.raise(&format!("n{number}"), ControllerLost, Urgent);
        desk.pass(HOUR);
    }
    for number in 2..6 {
        desk.clear(&format!("n{number}"), ControllerLost);
    }
    desk.pass(12 * HOUR);
    assert_eq!(desk.told("phone").len(), 0);
    assert_eq!(desk.told("mail").len(), 12, "the other channel does not notice");
    desk.down.clear();
    desk.pass(2 * HOUR);
    let told = desk.told("phone");
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].starts_with("n1: silent | "), "{told:?}");
    assert!(told[1].starts_with("6 × solar controller lost; 4 problems are over | "), "{told:?}");
}

#[test]
fn what_does_not_arrive_for_a_day_is_given_up() {
    let mut desk = Desk::new("2026-06-01 12:00");
    desk.down.insert("phone".into());
    desk.raise("n1", Silent, Urgent);
    desk.pass(DAY + 3 * HOUR);
    assert!(desk.ledger.letters().is_empty());
    let past = desk.ledger.history().back().unwrap();
    assert_eq!((past.title.as_str(), &past.answer), ("n1: silent", &Err("no answer".to_owned())));
}

#[test]
fn a_clock_that_jumps_tells_nothing_early_and_nothing_twice() {
    let mut desk = Desk::new("2026-06-01 12:00");
    desk.raise("n1", Silent, Urgent);
    desk.pass(MINUTE);
    desk.now += 3 * DAY;
    desk.pass(MINUTE);
    assert!(desk.delivered.is_empty(), "it has been seen for two minutes");
    desk.pass(HOUR);
    assert_eq!(changes(&desk), [[Change::Raised]]);
    desk.now -= 2 * DAY;
    desk.pass(HOUR);
    desk.raise("n2", Silent, Urgent);
    desk.pass(20 * MINUTE);
    assert_eq!(changes(&desk), [[Change::Raised], [Change::Raised]]);
}

#[test]
fn a_mute_keeps_quiet_until_it_ends() {
    let mut desk = Desk::new("2026-06-01 12:00");
    desk.ledger.mute(Mute {
        id: 0,
        node: "n1*".into(),
        finding: None,
        since: desk.now,
        until: desk.now + DAY,
        reason: Some("new battery on Saturday".into()),
    });
    for name in ["n1", "n11", "n2"] {
        desk.raise(name, Silent, Urgent);
    }
    desk.pass(12 * HOUR);
    let told = desk.told("phone");
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].starts_with("n2: silent"), "{told:?}");
    desk.clear("n11", Silent);
    desk.pass(13 * HOUR);
    let told = desk.told("phone");
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].starts_with("n1: silent"), "the other one is over, and was never told: {told:?}");
}

#[test]
fn a_mute_can_be_ended() {
    let mut desk = Desk::new("2026-06-01 12:00");
    let mute =
        Mute { id: 0, node: "*".into(), finding: Some("silent".into()), since: 0, until: i64::MAX, reason: None };
    let id = desk.ledger.mute(mute).id;
    desk.raise("n1", Silent, Urgent);
    desk.pass(HOUR);
    assert!(desk.delivered.is_empty());
    assert!(desk.ledger.unmute(id).is_some());
    assert!(desk.ledger.unmute(id).is_none());
    desk.pass(HOUR);
    assert_eq!(changes(&desk), [[Change::Raised]]);
}

#[test]
fn a_problem_is_repeated_if_that_is_wished() {
    let mut desk = Desk::new("2026-06-01 12:00");
    desk.options(ChannelOptions { repeat: Some(Duration::from_hours(24)), ..ChannelOptions::default() });
    desk.raise("n1", Silent, Urgent);
    desk.pass(2 * DAY + HOUR);
    assert_eq!(changes(&desk), [[Change::Raised], [Change::Repeated], [Change::Repeated]]);
    assert!(desk.delivered[1].2.text.starts_with("Still: n1 silent since"), "{}", desk.delivered[1].2.text);
}

#[test]
fn channels_are_told_what_they_want() {
    let mut desk = Desk::new("2026-06-01 12:00");
    desk.channel("harbour", ChannelOptions { nodes: Patterns::new(["n1?"]), ..everything() });
    desk.channel("batteries", ChannelOptions { findings: Patterns::new(["battery*"]), ..everything() });
    desk.raise("n11", Silent, Urgent);
    desk.raise("n2", BatteryDue, Attention);
    desk.pass(HOUR);
    let titles = |desk: &mut Desk, channel| -> Vec<String> {
        desk.told(channel).iter().map(|told| told.split(" | ").next().unwrap().to_owned()).collect()
    };
    assert_eq!(titles(&mut desk, "phone"), ["n11: silent"]);
    assert_eq!(titles(&mut desk, "harbour"), ["n11: silent"]);
    assert_eq!(titles(&mut desk, "batteries"), ["n2: battery due for replacement"]);
}

#[test]
fn a_digest_comes_once_a_day_even_if_all_is_well() {
    let mut desk = Desk::new("2026-03-27 12:00");
    desk.options(ChannelOptions { digest: Some("18:00".parse().unwrap()), ..ChannelOptions::default() });
    desk.pass(2 * DAY);
    desk.raise("n1", BatteryDue, Attention);
    desk.pass(DAY);
    desk.restart_after(HOUR);
    desk.pass(DAY);
    assert!(desk.delivered.iter().all(|(_, _, message)| message.kind == MessageKind::Digest));
    let titles: Vec<&str> = desk.delivered.iter().map(|(_, _, message)| message.title.as_str()).collect();
    assert_eq!(
        titles,
        ["All 100 nodes are well", "All 100 nodes are well", "1 problem, 100 nodes", "1 problem, 100 nodes"],
        "summer time began in between"
    );
    let expected = ["2026-03-27 18:00", "2026-03-28 18:00", "2026-03-29 18:00", "2026-03-30 18:00"].map(berlin);
    for ((_, at, _), expected) in desk.delivered.iter().zip(expected) {
        assert!((expected..expected + MINUTE).contains(at));
    }
}

#[test]
fn a_weekly_digest_comes_on_its_day() {
    let mut desk = Desk::new("2026-06-01 12:00");
    desk.options(ChannelOptions { digest: Some("sat 08:00".parse().unwrap()), ..ChannelOptions::default() });
    desk.pass(14 * DAY);
    let at: Vec<i64> = desk.delivered.iter().map(|(_, at, _)| *at).collect();
    let expected = ["2026-06-06 08:00", "2026-06-13 08:00"].map(berlin);
    assert_eq!(at.len(), 2);
    assert!(at.iter().zip(expected).all(|(at, expected)| (expected..expected + MINUTE).contains(at)));
}
