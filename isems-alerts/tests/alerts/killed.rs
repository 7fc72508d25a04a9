//! The runner, killed at random under a stream of findings: nothing is forgotten, and nothing is told twice.
//!
//! The test starts itself anew as the process that is killed. Both know by one function what is the matter with each
//! node at any time. The other side of the channel is a socket of the test, which answers most messages. Time is three
//! thousand times as fast as usual.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    env, fs,
    hash::{DefaultHasher, Hash, Hasher},
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use isems_alerts::{
    Alerts, AlertsOptions, Change, Channel, ChannelOptions, Code, Lookout, Message, Notifier, NotifyError, Policy,
    Problem, Subject, View,
};
use isems_core::{RedbRepository, async_trait};
use isems_insight::{FindingCode, FindingSeverity};
use jiff::tz::TimeZone;

use crate::desk::{MINUTE, node};

const NODES: usize = 20;

/// The number of seconds that pass in one.
const PACE: i64 = 3000;

/// The time for which the state of a node stays as it is, seconds.
const SLOT: i64 = 40 * MINUTE;

/// The beginning of the time of the test, Unix seconds, UTC.
const BEGINNING: i64 = 1_780_000_000;

/// The environment of the process that is killed.
const FOLDER: &str = "KILLED_FOLDER";
const PORT: &str = "KILLED_PORT";
const STARTED: &str = "KILLED_STARTED";

/// The line with which the process says that it has begun.
const READY: &str = "ready";

/// Returns whether a node is in trouble in a slot.
fn is_in_trouble(number: usize, slot: i64) -> bool {
    let mut hasher = DefaultHasher::new();
    (number, slot).hash(&mut hasher);
    hasher.finish() % 5 < 2
}

/// The turning points of the test, which it writes into a file for the process to read.
#[derive(Debug, Clone, Copy)]
struct Turns {
    /// The slot after which the state of the nodes no longer changes.
    last_slot: i64,
    /// The time at which all is well, Unix seconds, UTC.
    end: i64,
}

impl Turns {
    const NONE: Self = Self { last_slot: i64::MAX, end: i64::MAX };

    fn write(self, folder: &Path) {
        // In one step, so that nobody reads a half.
        fs::write(folder.join("new"), format!("{} {}", self.last_slot, self.end)).unwrap();
        fs::rename(folder.join("new"), folder.join("turns")).unwrap();
    }

    fn read(folder: &Path) -> Self {
        let text = fs::read_to_string(folder.join("turns")).unwrap();
        let (last_slot, end) = text.split_once(' ').unwrap();
        Self { last_slot: last_slot.parse().unwrap(), end: end.parse().unwrap() }
    }

    /// Returns since when a node has been in trouble at a time, if it is.
    fn trouble(self, number: usize, at: i64) -> Option<i64> {
        let mut slot = ((at - BEGINNING) / SLOT).min(self.last_slot);
        if at >= self.end || !is_in_trouble(number, slot) {
            return None;
        }
        while slot > 0 && is_in_trouble(number, slot - 1) {
            slot -= 1;
        }
        Some(BEGINNING + slot * SLOT)
    }
}

fn millis() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64
}

/// Returns the time of the test that began at a real time, milliseconds.
fn now(started: i64) -> i64 {
    BEGINNING + (millis() - started) * PACE / 1000
}

/// Sees the troubles of the nodes.
struct Slots {
    started: i64,
    folder: PathBuf,
}

#[async_trait]
impl Lookout for Slots {
    async fn view(&self) -> View {
        let (at, turns) = (now(self.started), Turns::read(&self.folder));
        let nodes: HashSet<_> = (0..NODES).map(|number| node(&format!("n{number}"))).collect();
        let problems = (0..NODES).filter_map(|number| {
            Some(Problem {
                subject: Subject::Node(node(&format!("n{number}"))),
                code: Code::Finding(FindingCode::BatteryOverheating),
                severity: FindingSeverity::Urgent,
                since: turns.trouble(number, at)?,
                facts: BTreeMap::new(),
            })
        });
        View { at, problems: problems.collect(), judged: nodes.clone(), nodes: Some(nodes) }
    }
}

/// Tells the test.
struct Socket(u16);

#[async_trait]
impl Notifier for Socket {
    async fn notify(&self, message: &Message) -> Result<String, NotifyError> {
        let (port, line) = (self.0, serde_json::to_string(message).unwrap());
        let told = tokio::task::spawn_blocking(move || {
            let mut stream = TcpStream::connect(("127.0.0.1", port))?;
            writeln!(stream, "{line}")?;
            let mut answer = String::new();
            BufReader::new(stream).read_line(&mut answer)?;
            Ok::<_, std::io::Error>(answer)
        });
        match told.await.unwrap() {
            Ok(answer) if answer == "thank you\n" => Ok(answer),
            _ => Err(NotifyError::new("no answer")),
        }
    }
}

#[tokio::test]
#[ignore = "it is the process that is killed"]
async fn process_that_is_killed() {
    let number = |name| env::var(name).unwrap().parse::<i64>().unwrap();
    let (started, folder) = (number(STARTED), PathBuf::from(env::var(FOLDER).unwrap()));
    let repository = Arc::new(RedbRepository::open(folder.join("alerts.redb")).unwrap());
    let notifier = Arc::new(Socket(u16::try_from(number(PORT)).unwrap()));
    let channel = Channel { name: "socket".into(), notifier, options: ChannelOptions::default() };
    let policy = Policy { hold: 10 * MINUTE, time_zone: TimeZone::UTC, public_url: None };
    let options = AlertsOptions { interval: Duration::from_millis(20), clock: Arc::new(move || now(started)) };
    let lookout = Slots { started, folder: folder.clone() };
    let alerts = Alerts::with_options(lookout, repository, vec![channel], policy, options).await.unwrap();
    println!("{READY}");
    alerts.run(std::future::pending()).await;
}

/// Starts the process, and returns it once it has begun.
fn start(folder: &Path, port: u16, started: i64) -> Child {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--ignored", "--exact", "--nocapture", "killed::process_that_is_killed"]);
    command.env(FOLDER, folder).env(PORT, port.to_string()).env(STARTED, started.to_string());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.by_ref().map_while(Result::ok).any(|line| line.ends_with(READY)), "it begins");
    // Whatever else it says is taken, so that it can say it.
    thread::spawn(|| lines.map_while(Result::ok).for_each(drop));
    child
}

/// The messages in the order of their arrival, each with whether it was answered.
type Arrived = Arc<Mutex<Vec<(Message, bool)>>>;

/// Takes messages, and answers nine of ten.
fn record(listener: TcpListener, arrived: Arrived) {
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { continue };
            let mut line = String::new();
            let Ok(_) = BufReader::new(stream.try_clone().unwrap()).read_line(&mut line) else { continue };
            // A process that is killed may leave half a line.
            let Ok(message) = serde_json::from_str(&line) else { continue };
            let is_answered = fastrand::u8(..10) > 0 && writeln!(stream, "thank you").is_ok();
            arrived.lock().unwrap().push((message, is_answered));
        }
    });
}

/// Returns whether people believe each node to be in trouble, after the messages that arrived. Each beginning must be
/// followed by its end before the next beginning.
fn open(arrived: &[(Message, bool)]) -> HashMap<String, bool> {
    let (mut open, mut known) = (HashMap::new(), HashSet::new());
    for (message, _) in arrived.iter().filter(|(message, _)| known.insert(&message.id)) {
        let mut items = message.items.clone();
        // What is over comes last in a message, though it was first.
        items.sort_by_key(|item| item.change.is_open());
        for item in items {
            let is_open: &mut bool = open.entry(item.subject.to_string()).or_default();
            match item.change {
                Change::Cleared => assert!(std::mem::take(is_open), "ended without a beginning: {item:?}"),
                Change::Raised => assert!(!std::mem::replace(is_open, true), "told twice: {item:?}"),
                _ => assert!(!*is_open, "told twice: {item:?}"),
            }
        }
    }
    open
}

#[test]
fn nothing_is_forgotten_or_told_twice_by_a_process_that_is_killed() {
    let kills: u32 = env::var("KILLS").map_or(12, |kills| kills.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let arrived = Arrived::default();
    record(listener, arrived.clone());
    let started = millis();
    Turns::NONE.write(folder.path());
    for _ in 0..kills {
        let mut child = start(folder.path(), port, started);
        thread::sleep(Duration::from_millis(fastrand::u64(..700)));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    // From now on nothing changes, and the process is left alone, until all that lasts was told.
    let last_slot = (now(started) - BEGINNING) / SLOT + 1;
    let turns = Turns { last_slot, end: i64::MAX };
    turns.write(folder.path());
    let mut child = start(folder.path(), port, started);
    let lasting = |turns: Turns| -> Vec<(String, i64)> {
        let at = BEGINNING + (last_slot + 1) * SLOT;
        (0..NODES).filter_map(|number| Some((format!("n{number}"), turns.trouble(number, at)?))).collect()
    };
    let lasting = lasting(turns);
    assert!(!lasting.is_empty());
    let is_told = |(name, since): &(String, i64)| {
        let arrived = arrived.lock().unwrap();
        let mut items = arrived.iter().flat_map(|(message, _)| &message.items);
        items.any(|item| item.change == Change::Raised && item.subject.to_string() == *name && item.since == *since)
    };
    let deadline = Instant::now() + Duration::from_mins(2);
    while !lasting.iter().all(is_told) {
        let missing: Vec<_> = lasting.iter().filter(|lasting| !is_told(lasting)).collect();
        assert!(Instant::now() < deadline, "never told: {missing:?}");
        thread::sleep(Duration::from_millis(50));
    }
    Turns { last_slot, end: now(started) }.write(folder.path());
    let deadline = Instant::now() + Duration::from_mins(2);
    while open(&arrived.lock().unwrap()).values().any(|is_open| *is_open) {
        assert!(Instant::now() < deadline, "never told to be over: {:?}", open(&arrived.lock().unwrap()));
        thread::sleep(Duration::from_millis(50));
    }
    child.kill().unwrap();
    child.wait().unwrap();

    let arrived = arrived.lock().unwrap();
    let mut told: Vec<&Message> = Vec::new();
    let mut known: HashMap<&str, &Message> = HashMap::new();
    for (message, _) in arrived.iter() {
        match known.insert(&message.id, message) {
            Some(before) => assert_eq!(before, message, "the same id stands for the same message"),
            None => told.push(message),
        }
    }
    // It may come again if the process was killed, or nothing was answered, before that was stored.
    let repeats = arrived.len() - told.len();
    let unanswered = arrived.iter().filter(|(_, is_answered)| !is_answered).count();
    assert!(repeats <= unanswered + kills as usize, "{repeats} repeats, {unanswered} without an answer");

    let mut beginnings: HashMap<(String, i64), u32> = HashMap::new();
    let items = told.iter().flat_map(|message| &message.items).filter(|item| item.change != Change::Cleared);
    for item in items {
        *beginnings.entry((item.subject.to_string(), item.since)).or_default() += 1;
    }
    assert!(beginnings.values().all(|count| *count == 1), "{beginnings:?}");
    assert!(open(&arrived).values().all(|is_open| !is_open));
    // Every message that was ever decided on has arrived.
    let numbers: BTreeSet<u64> =
        told.iter().map(|message| message.id.rsplit('-').next().unwrap().parse().unwrap()).collect();
    assert_eq!(numbers.into_iter().collect::<Vec<_>>(), (1..=told.len() as u64).collect::<Vec<_>>());
    println!("{kills} kills, {} messages, {repeats} came twice, {unanswered} were not answered", told.len());
}
