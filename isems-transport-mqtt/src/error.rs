//! The errors of a session, in words for the operator of a collector.

use std::io;

use isems_core::RepositoryError;
use rumqttc::{ConnectReturnCode, ConnectionError, StateError, TlsError, mqttbytes};

/// The reason why a session ended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SessionError {
    #[error("{}", explain(.0))]
    Connection(Box<ConnectionError>),
    #[error("the broker closed the connection without an answer: check the port, and whether TLS is needed (mqtts://)")]
    ClosedUnanswered,
    #[error("what answers there is no MQTT broker: check the port, and whether TLS is needed (mqtts://)")]
    NoBroker,
    #[error("the broker refuses the subscription to {filter:?}: check what this user may read")]
    FilterRefused { filter: String },
    #[error("the broker answers a subscription to {filters} topic filters with {answers} return codes")]
    AnswerMismatch { filters: usize, answers: usize },
    #[error("the broker does not answer the subscription")]
    SubscriptionUnanswered,
    #[error(transparent)]
    Repository(#[from] RepositoryError),
}

impl SessionError {
    /// Makes the error of a connection that the broker has not accepted yet.
    pub(crate) fn of_unanswered(error: ConnectionError) -> Self {
        match &error {
            ConnectionError::Io(cause)
            | ConnectionError::MqttState(
                StateError::Io(cause) | StateError::Deserialization(mqttbytes::Error::Io(cause)),
            ) => {
                if is_closed(cause) {
                    Self::ClosedUnanswered
                } else {
                    error.into()
                }
            }
            ConnectionError::MqttState(StateError::ConnectionAborted) => Self::ClosedUnanswered,
            ConnectionError::MqttState(StateError::Deserialization(_)) | ConnectionError::NotConnAck(_) => {
                Self::NoBroker
            }
            _ => error.into(),
        }
    }

    /// Returns whether the broker would send the same again whenever the session is resumed.
    pub(crate) fn is_permanent(&self) -> bool {
        let Self::Connection(error) = self else { return false };
        matches!(
            **error,
            ConnectionError::MqttState(
                StateError::Deserialization(mqttbytes::Error::PayloadSizeLimitExceeded(_)) | StateError::Unsolicited(_)
            )
        )
    }
}

impl From<ConnectionError> for SessionError {
    fn from(error: ConnectionError) -> Self {
        Self::Connection(Box::new(error))
    }
}

fn explain(error: &ConnectionError) -> String {
    match error {
        ConnectionError::ConnectionRefused(code) => explain_refusal(*code).into(),
        ConnectionError::NetworkTimeout => "the broker does not answer in time".into(),
        ConnectionError::FlushTimeout => "the broker does not take what is sent to it in time".into(),
        ConnectionError::Tls(TlsError::Io(error)) if is_closed(error) => {
            "TLS failed: the broker closed the connection".into()
        }
        ConnectionError::Tls(TlsError::Io(error)) if tls_error(error).is_none() => {
            format!("TLS failed: {}", explain_io(error))
        }
        ConnectionError::Io(error) | ConnectionError::Tls(TlsError::Io(error)) => explain_io(error),
        ConnectionError::MqttState(error) => explain_state(error),
        other => other.to_string(),
    }
}

fn explain_refusal(code: ConnectReturnCode) -> &'static str {
    match code {
        ConnectReturnCode::BadUserNamePassword => "the broker refuses the user or password",
        ConnectReturnCode::NotAuthorized => "the broker does not let this client in: check user and password",
        ConnectReturnCode::BadClientId => "the broker refuses the client id: set another client_id",
        ConnectReturnCode::ServiceUnavailable => "the broker is not available at the moment",
        ConnectReturnCode::RefusedProtocolVersion => "the broker does not speak MQTT 3.1.1",
        ConnectReturnCode::Success => "the broker accepts the connection unasked",
    }
}

/// Finds the TLS error in an I/O error. With TLS 1.3 a broker refuses a client's certificate only after the handshake,
/// so that any read can fail with one.
fn tls_error(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref()
}

fn explain_io(error: &io::Error) -> String {
    if let Some(error) = tls_error(error) {
        return explain_tls(error);
    }
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "connection refused: no broker listens there".into(),
        _ if is_closed(error) => closed(),
        // Failed name lookups have no kind of their own.
        _ if error.raw_os_error().is_none() && error.to_string().contains("lookup") => {
            format!("unknown host: {error}")
        }
        _ => error.to_string(),
    }
}

fn explain_tls(error: &rustls::Error) -> String {
    use rustls::{AlertDescription as Alert, Error};
    if let Some(problem) = isems_tls::certificate_problem(error) {
        return format!("the broker's certificate {problem}");
    }
    match error {
        Error::InvalidMessage(_) => "the broker does not speak TLS at this port".into(),
        Error::AlertReceived(Alert::CertificateRequired) => {
            "the broker asks for a certificate: set certificate_file and key_file".into()
        }
        Error::AlertReceived(
            Alert::UnknownCA
            | Alert::BadCertificate
            | Alert::UnsupportedCertificate
            | Alert::CertificateRevoked
            | Alert::CertificateExpired
            | Alert::CertificateUnknown
            | Alert::DecryptError,
        ) => format!("the broker refuses the certificate of certificate_file ({error})"),
        error => format!("TLS failed: {error}"),
    }
}

fn explain_state(error: &StateError) -> String {
    match error {
        StateError::ConnectionAborted => closed(),
        StateError::AwaitPingResp => "the broker does not answer any more".into(),
        StateError::Io(error) | StateError::Deserialization(mqttbytes::Error::Io(error)) => explain_io(error),
        StateError::Deserialization(mqttbytes::Error::PayloadSizeLimitExceeded(bytes)) => {
            format!("the broker sends a message of {bytes} bytes, which is too large to be read")
        }
        StateError::Deserialization(error) => format!("the broker sends what is no MQTT: {error}"),
        other => format!("the broker breaks the rules of MQTT: {other}"),
    }
}

fn is_closed(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionReset, UnexpectedEof};
    matches!(error.kind(), ConnectionReset | BrokenPipe | UnexpectedEof)
}

fn closed() -> String {
    "the broker closed the connection (as it does when another client uses the same client id)".into()
}
