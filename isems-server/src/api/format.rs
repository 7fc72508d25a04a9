//! The forms of measurements in answers, and which of them a client likes best.
//!
//! `Accept` is read by hand: of the crates at hand, `headers` has no type for it.

use poem::http::{HeaderMap, StatusCode, header};
use poem_openapi::Enum;

use super::problem::Refusal;

/// How measurements are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "lowercase", rename = "Format")]
pub(super) enum FormatName {
    /// Pages of JSON.
    Json,
    /// All that is asked for, as CSV (RFC 4180) with a header.
    Csv,
    /// All that is asked for, a JSON object a line.
    Ndjson,
}

impl FormatName {
    pub(super) const NDJSON: &'static str = "application/x-ndjson";

    /// In the order in which they are preferred where a client has no preference.
    const ALL: [Self; 3] = [Self::Json, Self::Csv, Self::Ndjson];

    /// Its type of content, and others by which clients know it.
    fn content_types(self) -> &'static [&'static str] {
        match self {
            Self::Json => &["application/json"],
            Self::Csv => &["text/csv"],
            Self::Ndjson => &[Self::NDJSON, "application/ndjson", "application/jsonl"],
        }
    }

    /// How exactly a range of `Accept` names this; `None` if it does not.
    fn precision(self, range: &str) -> Option<u8> {
        let is_type = |content_type: &str| {
            range.split_once("/*").is_some_and(|(kind, rest)| rest.is_empty() && content_type.starts_with(kind))
        };
        let names = self.content_types();
        match range {
            "*/*" => Some(0),
            _ if is_type(names[0]) => Some(1),
            _ => names.contains(&range).then_some(2),
        }
    }

    /// What a client likes best, and names first (RFC 9110, section 12.5.1). JSON where it does not say.
    pub(super) fn accepted(headers: &HeaderMap) -> Result<Self, Refusal> {
        let values = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
        let ranges = values.flat_map(|value| value.split(',')).filter(|range| !range.trim().is_empty());
        let ranges: Vec<(String, f32)> = ranges.map(range_and_weight).collect();
        if ranges.is_empty() {
            return Ok(Self::Json);
        }
        // The most precise range that names a format says how much it is liked.
        let liking = |format: Self| {
            let naming = ranges.iter().enumerate().rev();
            let naming = naming.filter_map(|(place, (range, weight))| Some((format.precision(range)?, place, *weight)));
            let (_, place, weight) = naming.max_by_key(|(precision, ..)| *precision)?;
            (weight > 0.0).then_some((format, place, weight))
        };
        let better = |best: (Self, usize, f32), other: (Self, usize, f32)| {
            let is_better = other.2 > best.2 || (other.2 >= best.2 && other.1 < best.1);
            if is_better { other } else { best }
        };
        let best = Self::ALL.into_iter().filter_map(liking).reduce(better);
        best.map(|(format, ..)| format).ok_or_else(|| {
            Refusal::new(
                StatusCode::NOT_ACCEPTABLE,
                "this can be application/json, text/csv or application/x-ndjson: name one in Accept, or add format=csv",
            )
        })
    }
}

/// A range of `Accept` in lower case, and its weight.
fn range_and_weight(range: &str) -> (String, f32) {
    let mut parameters = range.split(';').map(|part| part.trim().to_ascii_lowercase());
    let range = parameters.next().unwrap_or_default();
    let weight =
        parameters.find_map(|parameter| parameter.strip_prefix("q=").map(|weight| weight.parse().unwrap_or(0.0)));
    (range, weight.unwrap_or(1.0))
}
