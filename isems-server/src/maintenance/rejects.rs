//! `isems-server rejects`: lists lines that arrived and were not stored, and values dropped from lines that were.

use std::{fmt::Write as _, io::Write};

use isems_core::{BoxError, Reject, RejectKind, RejectQuery, printable};
use jiff::Timestamp;

use super::database::Database;

/// The number of rejects read at a time.
const PAGE: usize = 1000;

/// A list of rejects.
#[derive(Debug, Clone)]
pub(super) struct Rejects {
    pub(super) query: RejectQuery,
    pub(super) json: bool,
}

impl Rejects {
    /// Writes them, newest first, as one line for people or one JSON object each. Text from strangers is escaped if it
    /// could control a terminal.
    pub(super) async fn run(&self, database: &Database, output: &mut dyn Write) -> Result<(), BoxError> {
        let mut left = self.query.limit;
        let mut next = Some(self.query.clone());
        while let Some(query) = next.filter(|_| left > 0) {
            let query = RejectQuery { limit: left.min(PAGE), ..query };
            let page = database.rejects(&query).await?;
            left -= page.rejects.len();
            for reject in &page.rejects {
                let line = if self.json { json_line(reject)? } else { line(reject) };
                writeln!(output, "{line}")?;
            }
            next = page.next.map(|before| RejectQuery { before: Some(before), ..query });
        }
        Ok(())
    }
}

fn line(reject: &Reject) -> String {
    let Reject { kind, received_at, transport, source, node, reason, field, line, text } = reject;
    let time = Timestamp::from_second(*received_at).map_or_else(|_| received_at.to_string(), |time| time.to_string());
    let field = field.as_ref().map_or_else(String::new, |field| format!(" in {field}"));
    let node = node.as_ref().map_or_else(String::new, |node| format!(" of {node}"));
    let line = if *line > 0 { format!(" line {line}") } else { String::new() };
    let kind = match kind {
        RejectKind::Line => "",
        RejectKind::Value => "dropped value, ",
    };
    printable(&format!("{time} {kind}{reason}{field}{node} from {transport} {source}{line}: {text}")).into_owned()
}

fn json_line(reject: &Reject) -> serde_json::Result<String> {
    let object = serde_json::to_string(reject)?;
    // Outside of strings there is only printable ASCII.
    let mut line = String::with_capacity(object.len());
    for character in object.chars() {
        if printable(character.encode_utf8(&mut [0; 4])).len() == character.len_utf8() {
            line.push(character);
        } else {
            // Writing to a string cannot fail.
            let _ = write!(line, "\\u{:04x}", u32::from(character));
        }
    }
    Ok(line)
}
