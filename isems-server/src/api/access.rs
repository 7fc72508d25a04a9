//! Who may do what: reading is open unless it is protected, anything else needs a token.

use std::sync::Arc;

use poem::{
    Request, RequestBody, Result,
    http::{StatusCode, header},
};
use poem_openapi::{
    ApiExtractor, ApiExtractorType, ExtractParamOptions,
    registry::{MetaSecurityScheme, Registry},
};
use tracing::{debug, info};

use super::problem::Refusal;
use crate::tokens::Tokens;

/// What is open however reading is protected: whether the server lives, and its documentation, which holds no data and is
/// where a person types the token in.
const OPEN_PATHS: [&str; 5] = ["/", "/docs", "/openapi.json", "/healthz", "/readyz"];

/// Who may do what.
#[derive(Debug, Clone, Default)]
pub struct Access {
    /// The tokens that are known.
    pub tokens: Tokens,
    /// Whether reading needs a token as well. Health and documentation stay open.
    pub protect_reading: bool,
}

impl Access {
    /// The name of the token that a request brings.
    fn authorize(&self, request: &Request) -> Result<Arc<str>, Refusal> {
        if self.tokens.is_empty() {
            let detail = "this needs a token, and this server knows none; its operator can set some with ISEMS_API_TOKENS \
                          (--api-tokens, api_tokens)";
            return Err(Refusal::new(StatusCode::FORBIDDEN, detail));
        }
        let refuse = |detail| Refusal::new(StatusCode::UNAUTHORIZED, detail);
        let header = request.headers().get(header::AUTHORIZATION);
        let header = header.ok_or_else(|| refuse("this needs a token: send the header Authorization: Bearer TOKEN"))?;
        let credentials = header.to_str().ok().and_then(|header| header.split_once(' '));
        let token =
            credentials.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")).map(|(_, token)| token.trim());
        let token = token.ok_or_else(|| refuse("expected the header Authorization: Bearer TOKEN"))?;
        self.tokens.name_of(token).ok_or_else(|| refuse("this token is not known, or not any more"))
    }

    /// Lets a request pass that may read. It is asked about every request, so that no operation can be forgotten.
    pub(super) fn check_reading(&self, request: Request) -> Result<Request> {
        if self.protect_reading && !OPEN_PATHS.contains(&request.original_uri().path()) {
            let name = self.authorize(&request)?;
            debug!(token = %name, path = request.original_uri().path(), "reading");
        }
        Ok(request)
    }
}

/// Proof that a request brings a token that is known. An operation that has it as a parameter needs one, and says so in
/// the document.
#[derive(Debug)]
pub(super) struct Authorized;

impl Authorized {
    const SCHEME: &'static str = "token";
}

impl<'a> ApiExtractor<'a> for Authorized {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        let scheme = MetaSecurityScheme {
            ty: "http",
            description: Some("One of the tokens of ISEMS_API_TOKENS."),
            name: None,
            key_in: None,
            scheme: Some("bearer"),
            bearer_format: None,
            flows: None,
            openid_connect_url: None,
        };
        registry.create_security_scheme(Self::SCHEME, scheme);
    }

    fn security_schemes() -> Vec<&'static str> {
        vec![Self::SCHEME]
    }

    async fn from_request(request: &'a Request, _: &mut RequestBody, _: ExtractParamOptions<()>) -> Result<Self> {
        let access: &Arc<Access> = request.data().expect("the service gives it to every request");
        let name = access.authorize(request)?;
        info!(token = %name, method = %request.method(), path = request.original_uri().path(), "used a token");
        Ok(Self)
    }
}
