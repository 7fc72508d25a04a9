//! The way to the server that has the database open.

use std::{
    fs,
    io::{Read, Write},
    os::unix::{
        fs::{FileTypeExt, PermissionsExt},
        net::{UnixListener, UnixStream},
    },
    path::PathBuf,
    thread,
    time::{Duration, Instant},
};

use isems_core::RedbRepository;

use crate::{
    common::{DEADLINE, Running, text},
    place::{Place, hours, two_nodes},
};

#[test]
fn a_file_that_something_else_has_open_is_said_to_be() {
    let place = Place::new(&hours("Hut", 2));
    let _repository = RedbRepository::open(place.path("isems.redb")).unwrap();
    for stale in [false, true] {
        if stale {
            drop(UnixListener::bind(place.path("isems.redb.control")).unwrap());
        }
        for command in [&["export"][..], &["stats"], &["check"], &["backup", "b"], &["delete", "Hut", "--yes"]] {
            let error = place.error(command);
            assert!(error.contains("another process has it open"), "{error}");
        }
    }
}

#[test]
fn a_path_that_is_too_long_for_a_socket_does_not_stop_a_server() {
    let mut place = Place { folder: tempfile::tempdir().unwrap(), server: None };
    let deep = format!("{}/isems.redb", "long".repeat(30));
    fs::create_dir(place.path(&deep).parent().unwrap()).unwrap();
    place.server = Some(Running::start(place.folder.path(), &["serve", "--database-url", &deep], &[]));
    let error = place.error(&["stats", "--database-url", &deep]);
    assert!(error.contains("another process has it open"), "{error}");
    let (log, ended_well) = place.server.as_mut().unwrap().terminate();
    assert!(ended_well && log.contains("no control socket"), "{log}");
}

#[test]
fn the_socket_is_the_servers_users_and_goes_with_it() {
    let mut place = Place::new(&hours("Hut", 2));
    let socket = place.path("isems.redb.control");
    let mode = |socket: &PathBuf| {
        let metadata = fs::symlink_metadata(socket).unwrap();
        (metadata.file_type().is_socket(), metadata.permissions().mode() & 0o777)
    };
    let server = place.serve();
    assert_eq!(mode(&socket), (true, 0o600));
    server.child.kill().unwrap();
    server.child.wait().unwrap();
    assert!(socket.exists(), "a killed server leaves it behind");
    place.output(&["check"]);
    place.serve();
    assert_eq!(mode(&socket), (true, 0o600));
    place.output(&["check"]);
    let (log, ended_well) = place.server.as_mut().unwrap().terminate();
    assert!(ended_well, "{log}");
    assert!(log.contains("Check"), "what was done is logged: {log}");
    assert!(!socket.exists());
    fs::write(&socket, "something of somebody").unwrap();
    let (log, ended_well) = place.serve().terminate();
    assert!(ended_well && log.contains("no control socket"), "{log}");
    assert_eq!(fs::read_to_string(&socket).unwrap(), "something of somebody");
}

#[test]
fn a_link_to_the_database_leads_to_its_server() {
    let mut place = Place::new(&hours("Hut", 2));
    place.serve();
    let link = place.path("link.redb");
    std::os::unix::fs::symlink(place.path("isems.redb"), &link).unwrap();
    assert!(place.output(&["stats", "--database-url", "link.redb"]).contains("Hut"));
}

#[test]
fn requests_that_no_command_sends_are_answered_with_an_error() {
    let mut place = Place::new(&hours("Hut", 2));
    place.serve();
    let ask = |request: &[u8]| {
        let mut stream = UnixStream::connect(place.path("isems.redb.control")).unwrap();
        // The server may have answered before it has read everything.
        let _ = stream.write_all(request);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        text(&answer)
    };
    assert!(ask(b"{\"compact\":1}\n").contains("does not know this command"));
    assert!(ask(b"GET / HTTP/1.1\r\n\r\n").contains("does not know this command"));
    assert!(ask(&vec![b'x'; 70_000]).contains("65536 bytes"));
    assert!(place.output(&["stats"]).contains("Hut"));
}

#[test]
fn idle_clients_neither_pile_up_nor_hold_the_server() {
    let mut place = Place::new(&two_nodes());
    place.serve();
    let connect = || UnixStream::connect(place.path("isems.redb.control")).unwrap();
    let idle: Vec<UnixStream> = (0..4).map(|_| connect()).collect();
    let error = place.error(&["stats"]);
    assert!(error.contains("4 commands already"), "{error}");
    drop(idle);
    let start = Instant::now();
    while !place.run(&["stats"]).status.success() {
        assert!(start.elapsed() < DEADLINE, "clients that have gone keep their places");
        thread::sleep(Duration::from_millis(20));
    }
    let mut stopped_reading = connect();
    let all = r#"{"export":{"nodes":[],"seconds":{"start":0,"end":4294967296},"format":"Csvlog","time_zone":"UTC","fields":[],"dialect":{"separator":"Comma","decimal":"Point"}}}"#;
    writeln!(stopped_reading, "{all}").unwrap();
    let mut kind = [9];
    stopped_reading.read_exact(&mut kind).unwrap();
    assert_eq!(kind, [0], "output comes");
    let says_nothing = connect();
    let (log, ended_well) = place.server.as_mut().unwrap().terminate();
    assert!(ended_well && log.contains("stopped"), "{log}");
    drop((stopped_reading, says_nothing));
    assert!(place.output(&["check"]).contains("2880 measurements"));
}
