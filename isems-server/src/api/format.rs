//! The formats of measurements in answers, and their negotiation.
//!
//! `Accept` is read by hand: of the crates at hand, `headers` has no type for it.

use poem::http::{HeaderMap, StatusCode, header};

use super::{named::Names, problem::Refusal};

/// The format of measurements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FormatName {
    /// Pages of JSON.
    Json,
    /// Everything at once, as CSV (RFC 4180) with a header.
    Csv,
    /// Everything at once, as one JSON object per line.
    Ndjson,
    /// Everything at once, as the lines that nodes write. They always have all their fields, and Unix seconds.
    Csvlog,
}

impl Names for FormatName {
    const SCHEMA: &'static str = "Format";
    const DESCRIPTION: &'static str = "The format of measurements: pages of `json`; or everything at once as `csv` (RFC 4180, \
                                       with a header), as `ndjson`, one JSON object per line, or as `csvlog`, the lines that nodes \
                                       write, always with all their fields and Unix seconds.";
    /// The preferred one first where a client has no preference.
    const ALL: &'static [Self] = &[Self::Json, Self::Csv, Self::Ndjson, Self::Csvlog];

    fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Csv => "csv",
            Self::Ndjson => "ndjson",
            Self::Csvlog => "csvlog",
        }
    }
}

impl FormatName {
    pub(super) const NDJSON: &'static str = "application/x-ndjson";
    pub(super) const CSVLOG: &'static str = "text/plain";

    /// Returns its content type, followed by its other names.
    fn content_types(self) -> &'static [&'static str] {
        match self {
            Self::Json => &["application/json"],
            Self::Csv => &["text/csv"],
            Self::Ndjson => &[Self::NDJSON, "application/ndjson", "application/jsonl"],
            Self::Csvlog => &[Self::CSVLOG],
        }
    }

    /// Returns how precisely a range of `Accept` matches; `None` if it does not.
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

    /// Returns the format that a client prefers, and of equals the one it names first (RFC 9110, section 12.5.1). JSON
    /// where it names none.
    pub(super) fn accepted(headers: &HeaderMap) -> Result<Self, Refusal> {
        let values = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
        let ranges = values.flat_map(|value| value.split(',')).filter(|range| !range.trim().is_empty());
        let ranges: Vec<(String, f32)> = ranges.map(range_and_weight).collect();
        if ranges.is_empty() {
            return Ok(Self::Json);
        }
        // The most precise range that matches a format gives its weight.
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
        let best = Self::ALL.iter().copied().filter_map(liking).reduce(better);
        best.map(|(format, ..)| format).ok_or_else(|| {
            Refusal::new(
                StatusCode::NOT_ACCEPTABLE,
                "this can be application/json, text/csv, application/x-ndjson or text/plain (csvlog): name one in Accept, or \
                 add format=csv",
            )
        })
    }
}

/// Splits a range of `Accept` into its lower-case name and its weight.
fn range_and_weight(range: &str) -> (String, f32) {
    let mut parameters = range.split(';').map(|part| part.trim().to_ascii_lowercase());
    let range = parameters.next().unwrap_or_default();
    let weight =
        parameters.find_map(|parameter| parameter.strip_prefix("q=").map(|weight| weight.parse().unwrap_or(0.0)));
    (range, weight.unwrap_or(1.0))
}
