//! Query strings.

use std::sync::Arc;

use isems_core::{Node, NodeId, Repository};
use isems_insight::{WatchedNode, Watcher};
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use poem::{Request, http::StatusCode};

use super::problem::Refusal;
use crate::BasePath;

/// Refuses unknown and repeated parameters, which must not be mistaken for filters.
pub(super) fn only(request: &Request, known: &[&str]) -> Result<(), Refusal> {
    only_or_repeated(request, known, &[])
}

/// Like [`only`], for operations some of whose parameters may be repeated.
pub(super) fn only_or_repeated(request: &Request, once: &[&str], repeated: &[&str]) -> Result<(), Refusal> {
    let given: Vec<(String, String)> = request.params().map_err(|error| invalid(error.to_string()))?;
    for (index, (name, _)) in given.iter().enumerate() {
        if repeated.contains(&&**name) {
            continue;
        }
        if !once.contains(&&**name) {
            let known = [once, repeated].concat();
            let known = if known.is_empty() {
                "this operation has none".into()
            } else {
                format!("expected one of {}", known.join(", "))
            };
            return Err(invalid(format!("unknown query parameter {name:?}; {known}")));
        }
        if given[..index].iter().any(|(other, _)| other == name) {
            return Err(invalid(format!("the query parameter {name} is given twice")));
        }
    }
    Ok(())
}

/// Returns the refusal of an invalid request.
pub(super) fn invalid(detail: String) -> Refusal {
    Refusal::new(StatusCode::BAD_REQUEST, detail)
}

/// Returns path and query of the page that follows the answer to a request.
pub(super) fn next_page(request: &Request, cursor: &str) -> String {
    let uri = request.original_uri();
    let query = uri.query().unwrap_or_default().split('&');
    let is_cursor = |parameter: &str| {
        let name = parameter.split_once('=').map_or(parameter, |(name, _)| name);
        percent_decode_str(name).eq("cursor".bytes())
    };
    let kept = query.filter(|parameter| !parameter.is_empty() && !is_cursor(parameter));
    let cursor = format!("cursor={}", utf8_percent_encode(cursor, NON_ALPHANUMERIC));
    let query: Vec<&str> = kept.chain([&*cursor]).collect();
    format!("{}{}?{}", BasePath::of(request), uri.path(), query.join("&"))
}

/// Returns the value of a `Link` header for the next page.
pub(super) fn link_to(next: &str) -> String {
    format!("<{next}>; rel=\"next\"")
}

/// Returns the node that a path names.
pub(super) async fn node(repository: &dyn Repository, name: &str) -> Result<Arc<Node>, Refusal> {
    let known = match NodeId::new(name) {
        Ok(id) => repository.node(&id).await?,
        Err(_) => None,
    };
    known.ok_or_else(|| unknown_node(name))
}

/// Returns the node that a path names, with its current state.
pub(super) async fn watched_node(watcher: &Watcher, name: &str) -> Result<WatchedNode, Refusal> {
    let known = match NodeId::new(name) {
        Ok(id) => watcher.node(&id).await?,
        Err(_) => None,
    };
    known.ok_or_else(|| unknown_node(name))
}

fn unknown_node(name: &str) -> Refusal {
    let detail = format!("there is no node {name:?}; /api/v1/nodes lists the existing ones, and case matters");
    Refusal::new(StatusCode::NOT_FOUND, detail)
}

/// Returns the nodes that a query names in order of their ids, each once; all nodes if it names none.
pub(super) async fn nodes(repository: &dyn Repository, names: &[String]) -> Result<Vec<Arc<Node>>, Refusal> {
    if names.is_empty() {
        return Ok(repository.nodes().await?);
    }
    let mut nodes = Vec::with_capacity(names.len());
    for name in names {
        nodes.push(node(repository, name).await?);
    }
    nodes.sort_by(|a, b| a.id.cmp(&b.id));
    nodes.dedup_by(|a, b| a.id == b.id);
    Ok(nodes)
}

pub(super) fn example_node() -> String {
    "Elektra-Dach".into()
}
