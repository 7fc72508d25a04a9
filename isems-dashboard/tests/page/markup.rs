//! Reading markup.

/// Returns the values of an attribute, in order, of elements whose tag begins in a way.
pub(crate) fn attributes<'a>(markup: &'a str, tag: &str, name: &str) -> Vec<&'a str> {
    let (begin, name) = (format!("<{tag}"), format!(" {name}=\""));
    let tags = markup.split(&begin).skip(1).filter_map(|rest| rest.split_once('>')).map(|(attributes, _)| attributes);
    tags.filter_map(|attributes| attributes.split_once(&name)?.1.split_once('"')).map(|(value, _)| value).collect()
}

/// Returns the part of the markup between the first tag that begins in a way and an end.
pub(crate) fn within<'a>(markup: &'a str, begin: &str, end: &str) -> &'a str {
    markup.split_once(begin).and_then(|(_, rest)| rest.split_once(end)).map_or("", |(part, _)| part)
}

/// Returns a number of percent.
pub(crate) fn percent(text: &str) -> f64 {
    text.strip_suffix('%').and_then(|number| number.parse().ok()).unwrap_or_else(|| panic!("{text:?} is no share"))
}
