//! A guess, for people, at the nature of a file that cannot be imported.

use isems_core::printable;

/// The maximum number of characters shown of a file's first words.
const SHOWN: usize = 60;

/// Describes the bytes at the start of a file, with their first words.
pub(super) fn like(start: &[u8]) -> String {
    let text = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start).trim_ascii_start();
    let is_cut_letter = |error: std::str::Utf8Error| error.error_len().is_none();
    let is_text = !text.contains(&0) && str::from_utf8(text).map_or_else(is_cut_letter, |_| true);
    let kind = match text {
        _ if text.starts_with(b"PK\x03\x04") => "a ZIP archive",
        _ if text.starts_with(b"%PDF") => "a PDF document",
        _ if !is_text => "binary data",
        _ if text.starts_with(b"<") => "a web page or other XML",
        _ if text.starts_with(b"{") || text.starts_with(b"[") => "some other JSON",
        _ => "some other text",
    };
    if !is_text {
        return kind.into();
    }
    let text = String::from_utf8_lossy(text);
    let line = text.lines().next().unwrap_or_default();
    let words: String = line.chars().take(SHOWN).collect();
    let more = if line.chars().nth(SHOWN).is_some() { "…" } else { "" };
    format!("{kind} ({}{more})", printable(&words))
}
