//! The words in which the makers of tiles want to be named.

/// The characters that files write as entities, because their attribution is meant as HTML.
const ENTITIES: [(&str, &str); 6] =
    [("&copy;", "©"), ("&#169;", "©"), ("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&amp;", "&")];

/// Returns the words of an attribution, which is often a link; `None` if there are none.
pub(super) fn words(markup: &str) -> Option<String> {
    let mut parts = markup.split('<');
    let mut words = parts.next().unwrap_or_default().to_owned();
    parts.filter_map(|tag| tag.split_once('>')).for_each(|(_, after)| words.push_str(after));
    let words = ENTITIES.into_iter().fold(words, |words, (entity, character)| words.replace(entity, character));
    let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
    Some(words).filter(|words| !words.is_empty())
}
