//! One connection to the broker: subscribing, storing what arrives, acknowledging it.

use std::{
    convert::Infallible,
    pin::{Pin, pin},
    time::Duration,
};

use futures_util::{
    FutureExt, StreamExt,
    future::{BoxFuture, Fuse},
    stream::FuturesOrdered,
};
use isems_core::{Format, Inbox, Payload, RejectReason, RepositoryError};
use rumqttc::{
    ConnectionError, Event, EventLoop, MqttOptions, Packet, PubAck, PubRec, Publish, QoS, Request, SubAck, Subscribe,
    SubscribeFilter, SubscribeReasonCode, Unsubscribe,
};
use tokio::{
    select,
    time::{self, Instant, Sleep},
};
use tracing::{info, warn};

use crate::{
    Connector, MqttConfig, Topic,
    connector::CONNECT_SECONDS,
    error::SessionError,
    subscriptions::{Remembering, Subscriptions},
};

/// The time that the broker has to answer the subscription, counted from the last message that was stored: it may send
/// its queue first.
const SUBSCRIBE_TIMEOUT: Duration = Duration::from_mins(1);

/// The number of bytes of messages that are stored at a time. One message alone may be larger.
const IN_FLIGHT_BYTES: usize = 32 << 20;

/// The shortest time between two reports that messages are arriving.
const HEARD_INTERVAL: Duration = Duration::from_secs(1);

/// The time until the first check for a quiet broker. Each check says when the next one is due.
const LOOK_INTERVAL: Duration = Duration::from_mins(1);

/// The number of requests that may wait in the event loop. Only the DISCONNECT of [`discard`] is queued there.
const REQUESTS: usize = 1;

/// The messages that are being stored, in the order in which they are acknowledged.
pub(crate) type Deliveries<'a> = FuturesOrdered<BoxFuture<'a, Result<Publish, RepositoryError>>>;

/// Runs a session until it fails. Dropping the future closes the connection.
///
/// `deliveries` is empty at first; what is still being stored at the end is left in it. The caller must await that: it
/// is stored in any case, but counted and passed to observers only if awaited.
pub(crate) async fn run<'a>(
    options: MqttOptions,
    config: &MqttConfig,
    inbox: &'a Inbox,
    source: &str,
    deliveries: &mut Deliveries<'a>,
) -> Result<Infallible, SessionError> {
    let mut subscriptions = Subscriptions::recall(inbox, source, &options.client_id()).await?;
    let mut remembering = Fuse::<Remembering<'a>>::terminated();
    let (_, mut event_loop) = Connector::connect(options, REQUESTS);
    let mut subscribe_deadline = pin!(time::sleep(SUBSCRIBE_TIMEOUT));
    let mut explain_failure: fn(ConnectionError) -> SessionError = SessionError::of_unanswered;
    let mut is_subscribed = false;
    let keep_alive = Duration::from_secs(config.keep_alive_seconds.into());
    let mut bytes_in_flight = 0;
    let mut heard = None;
    let mut next_look = pin!(time::sleep(LOOK_INTERVAL));
    loop {
        let has_room = deliveries.len() < config.max_in_flight && bytes_in_flight < IN_FLIGHT_BYTES;
        if !has_room {
            // The answer to a ping may be queued behind messages that cannot be read yet, so it is not expected.
            event_loop.state.await_pingresp = false;
        }
        // A poll is cancelled when a delivery is done. That loses nothing: the event loop keeps what it has read. There
        // are no deliveries while it connects.
        select! {
            biased;
            Some(delivered) = deliveries.next() => {
                subscribe_deadline.as_mut().reset(Instant::now() + SUBSCRIBE_TIMEOUT);
                let mut acknowledgements = Vec::new();
                let mut failure = None;
                let mut next: Option<Result<Publish, RepositoryError>> = Some(delivered);
                while let Some(delivered) = next {
                    match delivered {
                        Ok(publish) => {
                            bytes_in_flight -= publish.payload.len();
                            acknowledgements.extend(acknowledgement(&publish));
                        }
                        Err(error) => {
                            failure = Some(error);
                            break;
                        }
                    }
                    next = deliveries.next().now_or_never().flatten();
                }
                write(&mut event_loop, acknowledgements).await?;
                if let Some(error) = failure {
                    return Err(error.into());
                }
            }
            remembered = &mut remembering => remembered?,
            event = event_loop.poll(), if has_room => match event.map_err(explain_failure)? {
                Event::Incoming(Packet::ConnAck(_)) => {
                    explain_failure = SessionError::from;
                    remembering = subscriptions.add(inbox, &config.topics).fuse();
                    let filters = config.topics.iter().map(|topic| SubscribeFilter::new(topic.clone(), QoS::AtLeastOnce));
                    write(&mut event_loop, [Request::Subscribe(Subscribe::new_many(filters))]).await?;
                }
                Event::Incoming(Packet::SubAck(answer)) => {
                    check_answer(&answer, &config.topics, source)?;
                    is_subscribed = true;
                    inbox.source_up(source);
                    look_for_silence(inbox, source, next_look.as_mut());
                    // Only now, so that no message is missed that both an old and a new filter match.
                    let topics = subscriptions.obsolete(&config.topics);
                    if !topics.is_empty() {
                        info!(source, ?topics, "unsubscribing topic filters that are not in the settings any more");
                        write(&mut event_loop, [Request::Unsubscribe(Unsubscribe { pkid: 0, topics })]).await?;
                    }
                }
                Event::Incoming(Packet::UnsubAck(_)) => {
                    remembering = subscriptions.keep_only(inbox, &config.topics).fuse();
                }
                Event::Incoming(Packet::Publish(publish)) => {
                    if heard.is_none_or(|heard: Instant| heard.elapsed() >= HEARD_INTERVAL) {
                        heard = Some(Instant::now());
                        inbox.heard(source);
                    }
                    bytes_in_flight += publish.payload.len();
                    deliveries.push_back(deliver(inbox, publish, config.max_packet_bytes).boxed());
                }
                _ => {}
            },
            // While nothing is read, the event loop sends no pings, and the broker would give us up.
            () = time::sleep(keep_alive), if !has_room => send(&mut event_loop, [Packet::PingReq]).await?,
            () = &mut next_look => look_for_silence(inbox, source, next_look.as_mut()),
            () = &mut subscribe_deadline, if !is_subscribed && has_room => return Err(SessionError::SubscriptionUnanswered),
        }
    }
}

/// Checks whether the broker is quiet, and schedules the next check.
fn look_for_silence(inbox: &Inbox, source: &str, next_look: Pin<&mut Sleep>) {
    let next = inbox.look_for_silence(source).unwrap_or_else(|| Instant::now() + LOOK_INTERVAL);
    next_look.reset(next);
}

/// Returns the request that tells the broker that a message is stored. For QoS 2, the event loop does the rest of the
/// handshake.
fn acknowledgement(publish: &Publish) -> Option<Request> {
    match publish.qos {
        QoS::AtMostOnce => None,
        QoS::AtLeastOnce => Some(Request::PubAck(PubAck::new(publish.pkid))),
        QoS::ExactlyOnce => Some(Request::PubRec(PubRec::new(publish.pkid))),
    }
}

/// Writes requests to the broker at once, past the event loop's queue: the event loop takes one request from there for
/// every ten messages that it reads, so that under load acknowledgements would fall further and further behind.
pub(crate) async fn write(
    event_loop: &mut EventLoop,
    requests: impl IntoIterator<Item = Request>,
) -> Result<(), SessionError> {
    let mut packets = Vec::new();
    for request in requests {
        packets.extend(event_loop.state.handle_outgoing_packet(request).map_err(ConnectionError::MqttState)?);
    }
    send(event_loop, packets).await
}

async fn send(event_loop: &mut EventLoop, packets: impl IntoIterator<Item = Packet>) -> Result<(), SessionError> {
    let Some(network) = &mut event_loop.network else { return Ok(()) };
    let sent = async {
        for packet in packets {
            network.write(packet).await?;
        }
        network.flush().await
    };
    match time::timeout(Duration::from_secs(CONNECT_SECONDS), sent).await {
        Ok(result) => result.map_err(|error| ConnectionError::MqttState(error).into()),
        Err(_) => Err(ConnectionError::FlushTimeout.into()),
    }
}

/// Makes the broker forget the session and everything queued for it.
pub(crate) async fn discard(mut options: MqttOptions) -> Result<(), SessionError> {
    options.set_clean_session(true);
    let (client, mut event_loop) = Connector::connect(options, REQUESTS);
    event_loop.poll().await?;
    // The queue is empty, so there is room for the request.
    let _ = client.try_disconnect();
    event_loop.poll().await?;
    Ok(())
}

pub(crate) fn check_answer(answer: &SubAck, topics: &[String], source: &str) -> Result<(), SessionError> {
    if answer.return_codes.len() != topics.len() {
        return Err(SessionError::AnswerMismatch { filters: topics.len(), answers: answer.return_codes.len() });
    }
    for (filter, code) in topics.iter().zip(&answer.return_codes) {
        match code {
            SubscribeReasonCode::Failure => return Err(SessionError::FilterRefused { filter: filter.clone() }),
            SubscribeReasonCode::Success(QoS::AtMostOnce) => {
                warn!(source, filter, "the broker grants QoS 0 only: messages can be lost");
            }
            SubscribeReasonCode::Success(_) => {}
        }
    }
    Ok(())
}

/// Stores or rejects a message, and returns it to be acknowledged.
async fn deliver(inbox: &Inbox, publish: Publish, max_bytes: usize) -> Result<Publish, RepositoryError> {
    // An empty message clears a retained one and carries no measurement.
    if publish.payload.is_empty() {
        return Ok(publish);
    }
    let mut payload = Payload::csvlog(&publish.payload, &publish.topic);
    let fault = match Topic::parse(&publish.topic) {
        Err(reason) => Some(reason),
        Ok(topic) => {
            payload.node = Some(topic.node);
            payload.format = topic.format;
            // A JSON object is dated by its arrival, and nobody knows when a retained one arrived.
            let has_no_time = publish.retain && topic.format == Format::Json;
            has_no_time.then_some(RejectReason::TimestampInvalid)
        }
    };
    let fault = if payload.bytes.len() > max_bytes { Some(RejectReason::TooLarge) } else { fault };
    match fault {
        Some(reason) => inbox.reject(&payload, reason).await?,
        None => inbox.deliver(payload).await?,
    };
    Ok(publish)
}
