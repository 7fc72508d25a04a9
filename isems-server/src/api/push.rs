//! Measurements that are sent here, by nodes or by scripts.

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

/// How long a client is to wait that has sent too much, seconds.
const RETRY_AFTER: &str = "60";

/// What becomes of what was sent.
#[derive(ApiResponse)]
pub(super) enum PushResponse {
    /// It is on the disk, as far as the receipt says.
    #[oai(status = 200)]
    Taken(Rendered<ReceiptSchema>),
    /// Nothing of it can be stored; the receipt says of each line why.
    #[oai(status = 422)]
    Rejected(ReceiptProblemJson),
    /// The node has sent more than the limits allow. Nothing of it is stored; it can be sent again later.
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
        (403, "The token may not send measurements of this node, or the server knows no token at all."),
        (404, "The node's name in the path cannot be one."),
        (411, "The length of the body is not said."),
        (413, "The body is too large: 1 MiB as it is sent, 4 MiB unpacked."),
        (415, "The type or the encoding of the body is not known."),
        FAILED,
        (503, "The server is about to stop."),
    ];
}

/// Pushing.
pub(crate) struct PushApi {
    pub(crate) push: Option<Push>,
}

impl PushApi {
    /// Takes what is pushed from those who may.
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
        let stopped = || Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "nothing is collected here, or not any more");
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
    /// Nodes and scripts can send csvlog lines, a node's JSON object, and whatever `GET` answers: CSV, JSON lines, pages.
    /// Lines that are already stored are duplicates and do no harm; a bad line costs only itself. Readings without a time
    /// are dated by their arrival, a second each; the same body again within a minute is taken for a repeat. Needs a
    /// token, of `ISEMS_PUSH_TOKENS` or `ISEMS_API_TOKENS`.
    #[oai(path = "/api/v1/nodes/:nodeId/measurements", method = "post", operation_id = "pushMeasurements")]
    async fn measurements(
        &self,
        credentials: PushCredentials,
        request: &Request,
        /// The node's name, percent-encoded. Case matters. Every line has to name this node.
        #[oai(name = "nodeId", example = "query::example_node")]
        Path(node): Path<String>,
        body: Body,
    ) -> Result<PushResponse, Refused<OfPushing>> {
        query::only(request, &[])?;
        let Body { format, bytes } = body;
        self.take(&credentials, request, &node, format, bytes).await
    }

    /// Send measurements, as the firmware does
    ///
    /// The path under which the firmware of ESP32 nodes sends its JSON object, so that a node needs nothing but another host
    /// name: `http://NODE:TOKEN@this-server`. Realm, network and gateway are the three parts of its channel, and are not looked at.
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
