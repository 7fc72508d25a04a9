//! Text of strangers, as it may be shown.

use std::borrow::Cow;

/// A text of a stranger as it may stand in a log or on a terminal: characters that steer one, or turn the direction of
/// writing, are escaped as in `\u{1b}`.
///
/// ```
/// assert_eq!(isems_core::printable("Hütte 7"), "Hütte 7");
/// assert_eq!(isems_core::printable("Hut\u{1b}[2J\n"), r"Hut\u{1b}[2J\n");
/// ```
pub fn printable(text: &str) -> Cow<'_, str> {
    if !text.contains(is_unsafe) {
        return text.into();
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        if is_unsafe(character) {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    shown.into()
}

/// Control characters, line and paragraph separators, and those that turn the direction of writing.
fn is_unsafe(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}
