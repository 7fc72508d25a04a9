//! Query strings.

use poem::{Request, Result, http::StatusCode};

use super::problem::Refusal;

/// Refuses parameters that an operation does not know, and those that are given twice: neither must pass for a filter.
pub(super) fn only(request: &Request, known: &[&str]) -> Result<()> {
    let given: Vec<(String, String)> = request.params()?;
    for (index, (name, _)) in given.iter().enumerate() {
        let problem = if !known.contains(&&**name) {
            format!("unknown query parameter {name:?}; known are {}", known.join(", "))
        } else if given[..index].iter().any(|(other, _)| other == name) {
            format!("the query parameter {name} is given twice")
        } else {
            continue;
        };
        return Err(Refusal::new(StatusCode::BAD_REQUEST, problem).into());
    }
    Ok(())
}
