//! Measurements that nodes or scripts send to the service.

use isems_core::{Format, NodeId, Receipt};
use poem::{Request, http::StatusCode};
use poem_openapi::{ApiResponse, OpenApi, param::Path};

use super::{
    Tag,
    access::{Access, PushCredentials},
    body::{Body, JsonBody},
    problem::{FAILED, INVALID, Problems, Refusal, Refused, UNAUTHORIZED},
    query,
    receipt::{ALL_REJECTED, REFUSED_FOR_NOW, ReceiptProblem, ReceiptProblemJson, ReceiptSchema},
    rendered::Rendered,
};
use crate::push::{Push, PushError};

/// The time that a client has to wait after it sent too much, in seconds.
const RETRY_AFTER: &str = "60";

/// The result of sending measurements.
#[derive(ApiResponse)]
pub(super) enum PushResponse {
    /// The lines are durable, except for those that the receipt lists as rejected.
    #[oai(status = 200)]
    Taken(Rendered<ReceiptSchema>),
    /// No line can be stored; the receipt says why for each.
    #[oai(status = 422)]
    Rejected(ReceiptProblemJson),
    /// The node has sent more than the limits allow. Nothing was stored; send it again later.
    #[oai(status = 429)]
    Refused(ReceiptProblemJson, #[oai(header = "Retry-After")] String),
}

impl PushResponse {
    fn new(receipt: Receipt) -> Self {
        let is_nothing_taken = receipt.received > 0 && receipt.rejected.total() == receipt.received;
        let is_refused_for_now = receipt.refused_for_now() > 0;
        let receipt = receipt.into();
        if is_nothing_taken && is_refused_for_now {
            let problem = ReceiptProblem::new(StatusCode::TOO_MANY_REQUESTS, REFUSED_FOR_NOW, receipt);
            Self::Refused(ReceiptProblemJson(problem), RETRY_AFTER.into())
        } else if is_nothing_taken {
            let problem = ReceiptProblem::new(StatusCode::UNPROCESSABLE_ENTITY, ALL_REJECTED, receipt);
            Self::Rejected(ReceiptProblemJson(problem))
        } else {
            Self::Taken(Rendered::new(&receipt, 512))
        }
    }
}

/// The problems of pushing.
pub(super) enum OfPushing {}

impl Problems for OfPushing {
    const STATUSES: &'static [(u16, &'static str)] = &[
        INVALID,
        UNAUTHORIZED,
        (403, "The token is not for measurements of this node, or the server has no token configured."),
        (404, "The name in the path is not a valid node name."),
        (411, "The length of the body is missing."),
        (413, "The body is too large: at most 1 MiB as sent, 4 MiB decompressed."),
        (415, "The content type or encoding of the body is unknown."),
        FAILED,
        (503, "The server is stopping."),
    ];
}

/// The operations for sending measurements.
pub(crate) struct PushApi {
    pub(crate) push: Option<Push>,
}

impl PushApi {
    /// Takes measurements from authorized clients.
    async fn take(
        &self,
        credentials: &PushCredentials,
        request: &Request,
        node: &str,
        format: Format,
        bytes: Vec<u8>,
    ) -> Result<PushResponse, Refused<OfPushing>> {
        let node = NodeId::new(node).map_err(|error| Refusal::new(StatusCode::NOT_FOUND, error.to_string()))?;
        let who = Access::of(request).authorize_push(credentials, &node)?;
        let stopped = || Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "this server is not collecting measurements");
        let push = self.push.as_ref().ok_or_else(stopped)?;
        let address = request.remote_addr().as_socket_addr().map(|address| address.ip().to_string());
        let source = format!("{} ({who})", address.unwrap_or_default());
        match push.deliver(node, format, bytes, source).await {
            Ok(receipt) => Ok(PushResponse::new(receipt)),
            Err(PushError::Stopped) => Err(stopped().into()),
            Err(PushError::Repository(error)) => Err(error.into()),
        }
    }
}

#[OpenApi(tag = "Tag::Push")]
impl PushApi {
    /// Send measurements of a node
    ///
    /// Accepts csvlog lines, a node's JSON object, and everything that `GET` returns: CSV, JSON lines, pages. Lines
    /// that are already stored are harmless duplicates; a bad line costs only itself. Readings without a time are dated
    /// by their arrival, one second each, and the same body within a minute counts as a repeat. Requires a token of
    /// `ISEMS_PUSH_TOKENS` or `ISEMS_API_TOKENS`.
    #[oai(path = "/api/v1/nodes/:nodeId/measurements", method = "post", operation_id = "pushMeasurements")]
    async fn measurements(
        &self,
        credentials: PushCredentials,
        request: &Request,
        /// The node's name, percent-encoded. Case matters. Lines that name another node are rejected.
        #[oai(name = "nodeId", example = "query::example_node")]
        Path(node): Path<String>,
        body: Body,
    ) -> Result<PushResponse, Refused<OfPushing>> {
        query::only(request, &[])?;
        let Body { format, bytes } = body;
        self.take(&credentials, request, &node, format, bytes).await
    }

    /// Send measurements as the firmware does
    ///
    /// The path to which the firmware of ESP32 nodes sends its JSON object, so that a node only needs another host
    /// name: `http://NODE:TOKEN@this-server`. Realm, network and gateway are the three parts of its channel, and are
    /// ignored.
    #[oai(path = "/api/:realm/:network/:gateway/:nodeId/data", method = "post", operation_id = "pushFromFirmware")]
    #[expect(clippy::too_many_arguments, reason = "each is a parameter of the operation")]
    async fn firmware(
        &self,
        credentials: PushCredentials,
        request: &Request,
        /// The first part of the node's channel.
        #[oai(example = "example_realm")]
        Path(realm): Path<String>,
        /// The second part of the node's channel.
        #[oai(example = "example_network")]
        Path(network): Path<String>,
        /// The third part of the node's channel.
        #[oai(example = "example_gateway")]
        Path(gateway): Path<String>,
        /// The node's name, percent-encoded.
        #[oai(name = "nodeId", example = "query::example_node")]
        Path(node): Path<String>,
        body: JsonBody,
    ) -> Result<PushResponse, Refused<OfPushing>> {
        let _ = (realm, network, gateway);
        self.take(&credentials, request, &node, Format::Json, body.0).await
    }
}

fn example_realm() -> String {
    "isems".into()
}

fn example_network() -> String {
    "testdrive".into()
}

fn example_gateway() -> String {
    "foobar".into()
}
