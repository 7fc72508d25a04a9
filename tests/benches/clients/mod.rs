//! Clients of the HTTP service that measure it.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    process::Command,
    time::Instant,
};

use isems_core::BoxError;

/// Bytes of the body, and the median and 99th percentile of some requests over one connection, in ms.
pub(crate) fn latency(address: SocketAddr, path: &str, requests: usize) -> io::Result<(usize, f64, f64)> {
    let mut reader = BufReader::new(TcpStream::connect(address)?);
    reader.get_ref().set_nodelay(true)?;
    let mut body = Vec::new();
    let mut times = Vec::new();
    for _ in 0..requests {
        let start = Instant::now();
        reader.get_mut().write_all(format!("GET {path} HTTP/1.1\r\nHost: bench\r\n\r\n").as_bytes())?;
        read_body(&mut reader, &mut body)?;
        times.push(start.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    Ok((body.len(), times[times.len() / 2], times[times.len() * 99 / 100]))
}

/// The body of the next answer, whether its length is told or it comes in chunks.
fn read_body(reader: &mut BufReader<TcpStream>, body: &mut Vec<u8>) -> io::Result<()> {
    let mut line = String::new();
    let mut next = |reader: &mut BufReader<TcpStream>| -> io::Result<String> {
        line.clear();
        reader.read_line(&mut line)?;
        Ok(line.trim_end().to_ascii_lowercase())
    };
    let status = next(reader)?;
    if !status.starts_with("http/1.1 200") {
        return Err(io::Error::other(format!("the answer is {status:?}")));
    }
    let mut length = None;
    loop {
        let header = next(reader)?;
        if header.is_empty() {
            break;
        }
        if let Some(value) = header.strip_prefix("content-length:") {
            length = value.trim().parse().ok();
        }
    }
    body.clear();
    let mut append = |reader: &mut BufReader<TcpStream>, length: usize| {
        let end = body.len();
        body.resize(end + length, 0);
        reader.read_exact(&mut body[end..])
    };
    if let Some(length) = length {
        return append(reader, length);
    }
    loop {
        let length = usize::from_str_radix(&next(reader)?, 16).map_err(io::Error::other)?;
        append(reader, length)?;
        next(reader)?;
        if length == 0 {
            return Ok(());
        }
    }
}

/// Requests a second of 32 clients for some seconds, and the median and 99th percentile as wrk prints them.
pub(crate) fn wrk(address: SocketAddr, path: &str, seconds: u64) -> Result<(f64, String, String), BoxError> {
    let output = Command::new("wrk")
        .args([
            "-t2",
            "-c32",
            &format!("-d{seconds}s"),
            "--timeout",
            "30s",
            "--latency",
            &format!("http://{address}{path}"),
        ])
        .output()
        .map_err(|error| format!("cannot run wrk: {error}; install the Debian package wrk"))?;
    let text = String::from_utf8(output.stdout)?;
    if text.contains("Non-2xx") || text.contains("Socket errors") {
        return Err(format!("not every answer was a good one: {text}").into());
    }
    let value = |name: &str| {
        let line = text.lines().find(|line| line.trim().starts_with(name));
        line.and_then(|line| line.split_whitespace().last()).ok_or_else(|| format!("no {name} in {text}"))
    };
    Ok((value("Requests/sec:")?.parse()?, value("50%")?.into(), value("99%")?.into()))
}
