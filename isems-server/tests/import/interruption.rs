//! Ctrl-C.

use std::{
    fs::File,
    io::{BufRead, BufReader, Write},
    process::{Command, Stdio},
};

use super::{MONDAY, Place, minutes, text};

fn interrupt(process: u32) {
    let kill = Command::new("sh").args(["-c", &format!("kill -INT {process}")]).status().unwrap();
    assert!(kill.success());
}

#[tokio::test]
async fn an_import_that_is_interrupted_goes_on_the_next_time() {
    let place = Place::new();
    // More than is stored at a time.
    let count = 110_000;
    place.write("long.log", minutes("Hut", MONDAY - 60 * count, count).collect::<String>());
    // A file that does not end.
    assert!(Command::new("mkfifo").arg(place.path("endless.log")).status().unwrap().success());
    let mut command = place.command(&["long.log", "endless.log", "--log", "debug"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut endless = File::options().write(true).open(place.path("endless.log")).unwrap();
    endless.write_all(minutes("Dach", MONDAY, 5).collect::<String>().as_bytes()).unwrap();
    let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
    assert!(log.any(|line| line.unwrap().contains("a batch is stored")));
    interrupt(child.id());
    let output = child.wait_with_output().unwrap();
    let report = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{report}");
    assert!(report.contains("interrupted: the same command continues"), "{report}");
    let stored = place.times("Hut").await.len() as i64;
    assert!(0 < stored && stored < count, "{stored}");
    assert!(report.contains(&format!("{stored} stored, 0 duplicates")), "{report}");
    drop(endless);
    std::fs::remove_file(place.path("endless.log")).unwrap();
    place.write("endless.log", minutes("Dach", MONDAY, 5).collect::<String>());
    let report = place.import(&["long.log", "endless.log"]);
    assert!(report.contains(&format!("{} stored, {stored} duplicates", count - stored + 5)), "{report}");
}
