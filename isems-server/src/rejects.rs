//! `isems-server rejects`: what arrived and was not stored, and why.

use std::{
    fmt::Write as _,
    io::{self, Write},
};

use isems_core::{BoxError, RedbOptions, Reject, RejectQuery, Repository, printable};
use jiff::Timestamp;

use crate::settings::RejectsArguments;

/// How many rejects are read at a time.
const PAGE: usize = 1000;

/// Writes the rejects of the database that the arguments name.
pub async fn rejects_of_file(arguments: &RejectsArguments, output: &mut (dyn Write + Send)) -> Result<(), BoxError> {
    let path = arguments.database.path();
    if !path.exists() {
        let path = path.display();
        return Err(format!("there is no database {path}; name another one with --database-url or DATABASE_URL").into());
    }
    let repository = RedbOptions::default().open(path)?;
    rejects(&repository, arguments.query(), arguments.json, output).await
}

/// Writes the rejects that a query asks for, newest first: a line for people, or a JSON object, for each. What a stranger
/// wrote is escaped where it could steer a terminal.
pub async fn rejects(
    repository: &dyn Repository,
    query: RejectQuery,
    json: bool,
    output: &mut (dyn Write + Send),
) -> Result<(), BoxError> {
    let mut left = query.limit;
    let mut next = Some(query);
    while let Some(query) = next.filter(|_| left > 0) {
        let query = RejectQuery { limit: left.min(PAGE), ..query };
        let page = repository.rejects(&query).await?;
        left -= page.rejects.len();
        for reject in &page.rejects {
            let line = if json { json_line(reject)? } else { line(reject) };
            writeln!(output, "{line}")?;
        }
        next = page.next.map(|before| RejectQuery { before: Some(before), ..query });
    }
    output.flush().map_err(|error: io::Error| error.into())
}

fn line(reject: &Reject) -> String {
    let Reject { received_at, transport, source, node, reason, field, line, text } = reject;
    let time = Timestamp::from_second(*received_at).map_or_else(|_| received_at.to_string(), |time| time.to_string());
    let field = field.as_ref().map_or_else(String::new, |field| format!(" in {field}"));
    let node = node.as_ref().map_or_else(String::new, |node| format!(" of {node}"));
    let line = if *line > 0 { format!(" line {line}") } else { String::new() };
    printable(&format!("{time} {reason}{field}{node} from {transport} {source}{line}: {text}")).into_owned()
}

fn json_line(reject: &Reject) -> serde_json::Result<String> {
    let object = serde_json::to_string(reject)?;
    // Outside of texts there is nothing but ASCII that can be printed.
    let mut line = String::with_capacity(object.len());
    for character in object.chars() {
        if printable(character.encode_utf8(&mut [0; 4])).len() == character.len_utf8() {
            line.push(character);
        } else {
            // Writing to a text does not fail.
            let _ = write!(line, "\\u{:04x}", u32::from(character));
        }
    }
    Ok(line)
}
