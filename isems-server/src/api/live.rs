//! Live events.

use std::sync::Arc;

use poem::{
    Body, Request, Response,
    http::{StatusCode, header},
};
use poem_openapi::{
    OpenApi,
    param::{Header, Query},
    registry::{MetaMediaType, MetaSchema, MetaSchemaRef, Registry},
};

use super::{
    Tag,
    answer::{Answer, Described, content},
    problem::{FORBIDDEN, INVALID, Problems, Refusal, Refused, UNAUTHORIZED},
    query,
};
use crate::live::{Kind, Live};

/// An example of a stream of events.
const EXAMPLE: &str = r#"retry: 5000
id: 5f1d7a84c0ffee42-16

id: 5f1d7a84c0ffee42-17
event: measurement
data: {"nodeId":"Elektra-Dach","timestamp":"2018-06-30T13:16:15Z","timeSource":"node","receivedAt":"2018-06-30T13:16:20Z","isemsRevision":"1","openMPPTFirmwareVersion":"ATmega8_A_1","timeToShutdown":711.0,"isPowerSaveMode":0,"openCircuitVoltage":18.614,"mppVoltage":18.614,"batteryVoltage":14.073,"batteryChargeEstimate":100.0,"batteryHealthEstimate":100.0,"batteryTemperature":28.0,"lowVoltageDisconnectVoltage":11.67,"temperatureCorrectedVoltage":14.086,"rateBatteryCapacity":7.0,"ratedSolarModuleCapacity":20.0,"latitude":52.507309,"longitude":13.458635,"status":"0x300"}

id: 5f1d7a84c0ffee42-18
event: state
data: {"nodeId":"Elektra-Dach","state":"silent","previous":"active","at":"2018-06-30T14:01:21Z"}

: heartbeat
id: 5f1d7a84c0ffee42-18

"#;

/// The description of the events in the document.
enum Events {}

impl Described for Events {
    const DESCRIPTION: &'static str = "The events as they happen. The answer does not end by itself.";
    const HEADERS: &'static [(&'static str, &'static str)] = &[
        ("Cache-Control", "`no-store`: must not be cached."),
        ("X-Accel-Buffering", "`no`: tells a proxy like nginx to forward each event immediately."),
    ];

    fn content() -> Vec<MetaMediaType> {
        let schema = MetaSchema {
            description: Some("Server-Sent Events. The data of `measurement` is a Measurement."),
            example: Some(EXAMPLE.into()),
            ..MetaSchema::new("string")
        };
        vec![content("text/event-stream", MetaSchemaRef::Inline(Box::new(schema)))]
    }

    fn register(_: &mut Registry) {}
}

/// The problems of following live events.
enum OfListening {}

impl Problems for OfListening {
    const STATUSES: &'static [(u16, &'static str)] = &[INVALID, UNAUTHORIZED, FORBIDDEN, FULL];
}

const FULL: (u16, &str) = (503, "The maximum number of clients is connected; `Retry-After` says when to try again.");

/// The operation that serves live events.
pub(crate) struct LiveApi {
    pub(crate) live: Arc<Live>,
}

#[OpenApi(tag = "Tag::Live")]
impl LiveApi {
    /// Follow live events
    ///
    /// Server-Sent Events that continue until one side ends them. *Try it out* may wait for ever, so use `curl -N
    /// http://HOST/api/v1/live`, or `new EventSource(...)` in a web page. Events are sent in batches, about five times
    /// a second.
    ///
    /// * `measurement`: a new measurement was stored; its data is a Measurement. A polled node delivers many at once,
    ///   and late ones are late here, too.
    /// * `state`: a node became `active`, `silent` or `inactive`; its data has `nodeId`, `state`, `previous` and `at`.
    /// * `finding`: something about a node was `raised`, `changed` its severity, or was `cleared`; its data has
    ///   `nodeId`, `change`, `code`, `severity`, `since`, `at` and `advice`.
    /// * `gap`: events are missing; its data has a `reason` (`otherRun`: the server was restarted, `tooOld`: they are
    ///   no longer kept) and a `detail`. All events that are kept follow, the newest 8192 at most. Fetch the rest from
    ///   `/api/v1/measurements?from=TIME`.
    ///
    /// A comment is sent after 15 seconds without events. With `Last-Event-ID` a client resumes after the last event it
    /// received, as an `EventSource` does automatically. A client that reads too slowly is disconnected.
    ///
    /// Where reading requires a token, send it in the header `Authorization`. An `EventSource` cannot do so; use a
    /// client based on `fetch`.
    #[oai(path = "/api/v1/live", method = "get", operation_id = "live")]
    #[expect(clippy::unused_async, reason = "the framework awaits every operation")]
    async fn live(
        &self,
        request: &Request,
        /// A node whose events are sent; may be repeated, and need not exist yet. All nodes by default.
        #[oai(default)]
        Query(nodes): Query<Vec<String>>,
        /// A kind of event that is sent; may be repeated. All kinds by default. A `gap` is always told.
        #[oai(default)]
        Query(kinds): Query<Vec<Kind>>,
        /// Resumes after the event with this id, for clients that cannot send the header.
        #[oai(name = "lastEventId")]
        Query(last_event_id): Query<Option<String>>,
        /// Resumes after the event with this id. Takes precedence over `lastEventId`.
        #[oai(name = "Last-Event-ID")]
        Header(last_event_id_header): Header<Option<String>>,
    ) -> Result<Answer<Events>, Refused<OfListening>> {
        query::only_or_repeated(request, &["lastEventId"], &["nodes", "kinds"])?;
        let id = last_event_id_header.or(last_event_id).filter(|id| !id.is_empty());
        let events = self.live.subscribe(nodes, kinds, id.as_deref()).ok_or_else(|| {
            let detail = "the maximum number of clients is connected; try again later, or poll /api/v1/measurements";
            Refusal::new(StatusCode::SERVICE_UNAVAILABLE, detail)
        })?;
        let response = Response::builder()
            .content_type("text/event-stream")
            .header(header::CACHE_CONTROL, "no-store")
            .header("X-Accel-Buffering", "no")
            .body(Body::from_bytes_stream(events));
        Ok(Answer::new(response))
    }
}
