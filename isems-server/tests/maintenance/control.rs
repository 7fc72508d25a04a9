//! Reaching the server that has the database open.

use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    os::unix::{
        fs::{FileTypeExt, PermissionsExt},
        net::{UnixListener, UnixStream},
    },
    path::PathBuf,
    thread,
};

use isems_core::RedbRepository;

use crate::{
    common::{Running, text},
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
    assert!(log.contains("/api/v1/check"), "what was done is logged: {log}");
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
fn the_socket_serves_everything_to_those_who_reach_it() {
    let mut place = Place::new(&hours("Hut", 2));
    place.serve();
    let ask = |request: &str| {
        let mut stream = UnixStream::connect(place.path("isems.redb.control")).unwrap();
        // The server may have answered before it has read everything.
        let _ = stream.write_all(request.as_bytes());
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        text(&answer)
    };
    let request = |line: &str| ask(&format!("{line} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"));
    let rejects = request("GET /api/v1/rejects");
    assert!(rejects.starts_with("HTTP/1.1 200 ") && rejects.ends_with(r#"{"rejects":[],"next":null}"#), "{rejects}");
    assert!(request("GET /api/v1/nodes/Hut").starts_with("HTTP/1.1 200 "));
    assert!(request("DELETE /api/v1/nodes/Nobody").starts_with("HTTP/1.1 404 "));
    assert!(ask("{\"compact\":1}\n\r\n").starts_with("HTTP/1.1 400 "));
    assert!(place.output(&["stats"]).contains("Hut"));
}

#[test]
fn what_is_no_server_is_said_to_be_none() {
    let place = Place::new(&hours("Hut", 2));
    let _repository = RedbRepository::open(place.path("isems.redb")).unwrap();
    let listener = UnixListener::bind(place.path("isems.redb.control")).unwrap();
    let stranger = thread::spawn(move || {
        // The first connection asks nothing.
        drop(listener.accept().unwrap());
        let (mut stream, _) = listener.accept().unwrap();
        assert!(stream.read(&mut [0; 512]).unwrap() > 0);
        stream.write_all(b"what do you want?\r\n\r\n").unwrap();
    });
    let error = place.error(&["stats"]);
    assert!(error.contains("isems.redb.control is not a server"), "{error}");
    stranger.join().unwrap();
}

#[test]
fn idle_clients_do_not_hold_the_server() {
    let mut place = Place::new(&two_nodes());
    place.serve();
    let connect = || UnixStream::connect(place.path("isems.redb.control")).unwrap();
    let mut stopped_reading = connect();
    write!(stopped_reading, "GET /api/v1/measurements?format=csvlog HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let mut start = [0; 12];
    stopped_reading.read_exact(&mut start).unwrap();
    assert_eq!(start, *b"HTTP/1.1 200");
    let idle: Vec<UnixStream> = (0..20).map(|_| connect()).collect();
    assert!(place.output(&["check"]).contains("2880 measurements"));
    let (log, ended_well) = place.server.as_mut().unwrap().terminate();
    assert!(ended_well && log.contains("stopped"), "{log}");
    drop((stopped_reading, idle));
    assert!(place.output(&["check"]).contains("2880 measurements"));
}

#[test]
fn the_port_being_full_does_not_lock_the_operator_out() {
    let mut place = Place::new(&two_nodes());
    let server = Running::start(place.folder.path(), &["serve", "--max-connections", "1"], &[]);
    let port = server.address.port();
    place.server = Some(server);
    let _taken: Vec<TcpStream> = (0..3).map(|_| TcpStream::connect(("127.0.0.1", port)).unwrap()).collect();
    assert!(place.output(&["stats"]).contains("2880"));
}
