//! Escaping text from strangers before it is shown.

use std::borrow::Cow;

/// Escapes a stranger's text for a log or a terminal: characters that control the terminal or change the direction of
/// writing become `\u{1b}` and the like.
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

/// Returns whether it is a control character, a line or paragraph separator, or one that changes the direction of
/// writing.
fn is_unsafe(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}
