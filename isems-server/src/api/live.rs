//! Events as they happen.

use std::sync::Arc;

use futures_util::StreamExt;
use isems_core::Measurement;
use poem::{
    Body, Request, Response,
    http::{StatusCode, header},
};
use poem_openapi::{
    OpenApi,
    param::{Header, Query},
    registry::{MetaMediaType, MetaSchema, MetaSchemaRef, Registry},
};
use serde::Serialize;
use serde_json::json;

use super::{
    Tag,
    answer::{Answer, Described, content},
    compression::Streamed,
    measurement::Written,
    nodes::StateName,
    problem::{FORBIDDEN, INVALID, Problems, Refusal, Refused, UNAUTHORIZED},
    query,
    time::UtcTime,
};
use crate::{
    live::{Live, TooManySubscribers},
    states::StateChange,
};

const CONTENT_TYPE: &str = "text/event-stream";

/// A measurement as the data of an event.
pub(crate) fn measurement(measurement: &Measurement) -> Vec<u8> {
    serde_json::to_vec(&Written(measurement)).expect("a measurement can be written")
}

/// A change of state as the data of an event.
pub(crate) fn state_change(change: &StateChange) -> Vec<u8> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Data<'a> {
        node_id: &'a str,
        state: StateName,
        previous: StateName,
        at: UtcTime,
    }
    let StateChange { node, previous, state, at } = change;
    let data = Data { node_id: node.as_str(), state: (*state).into(), previous: (*previous).into(), at: UtcTime(*at) };
    serde_json::to_vec(&data).expect("a change can be written")
}

/// What the document says of the events.
enum Events {}

impl Described for Events {
    const DESCRIPTION: &'static str = "The events, for as long as the client stays.";

    fn content() -> Vec<MetaMediaType> {
        let example = "retry: 3000\n\nid: 5b1d9a02-41\nevent: measurement\ndata: {\"nodeId\":\"Elektra-Dach\",\
                       \"timestamp\":\"2018-06-30T13:16:15Z\",\"batteryVoltage\":14.073}\n\n";
        let schema = MetaSchema { example: Some(json!(example)), ..MetaSchema::new("string") };
        vec![content(CONTENT_TYPE, MetaSchemaRef::Inline(Box::new(schema)))]
    }

    fn register(_: &mut Registry) {}
}

/// The problems of watching.
enum OfWatching {}

impl Problems for OfWatching {
    const STATUSES: &'static [(u16, &'static str)] =
        &[INVALID, UNAUTHORIZED, FORBIDDEN, (503, "There are as many subscribers as there may be; try later.")];
}

/// Events.
pub(crate) struct LiveApi {
    pub(crate) live: Arc<Live>,
}

#[OpenApi(tag = "Tag::Live")]
impl LiveApi {
    /// What happens, as it happens
    ///
    /// Server-Sent Events: `measurement` for each that is stored (its data is a Measurement), and `state` for each node that
    /// changes between active, silent and inactive (`nodeId`, `state`, `previous`, `at`). Where nothing happens a comment comes
    /// every 15 seconds. This page cannot show a stream without an end: use `curl -N`, or `EventSource` in a browser.
    ///
    /// A client that comes back with the id of the last event that it had (browsers do by themselves) gets what it missed, as
    /// far as it is kept: the last 8192 events since the server was started. Where something may be missing, an event
    /// `gap` says so. A client that reads too slowly is disconnected.
    ///
    /// `EventSource` sends no token. Where reading is protected, read the stream with `fetch` and its headers.
    #[oai(path = "/api/v1/live", method = "get", operation_id = "live")]
    #[expect(clippy::unused_async, reason = "the framework awaits every operation")]
    async fn live(
        &self,
        request: &Request,
        /// Only of this node. It can be given several times; all nodes if it is not.
        #[oai(default)]
        Query(nodes): Query<Vec<String>>,
        /// Like the header `Last-Event-ID`, for clients that cannot set it.
        #[oai(name = "lastEventId")]
        Query(last_id): Query<Option<String>>,
        /// The id of the last event that the client had.
        #[oai(name = "Last-Event-ID")]
        Header(last_id_of_header): Header<Option<String>>,
    ) -> Result<Answer<Events>, Refused<OfWatching>> {
        query::only_or_repeated(request, &["lastEventId"], &["nodes"])?;
        let last_id = last_id_of_header.or(last_id);
        let events = self.live.subscribe(nodes, last_id.as_deref()).map_err(|TooManySubscribers(limit)| {
            let detail = format!("there are {limit} subscribers, as many as there may be; try later");
            Refusal::new(StatusCode::SERVICE_UNAVAILABLE, detail)
        })?;
        let body = Body::from_bytes_stream(events.map(Ok::<_, std::io::Error>));
        let response = Response::builder()
            .content_type(CONTENT_TYPE)
            .header(header::CACHE_CONTROL, "no-store")
            // Proxies such as nginx would collect the events otherwise.
            .header("X-Accel-Buffering", "no")
            .extension(Streamed::Events);
        Ok(Answer::new(response.body(body)))
    }
}
