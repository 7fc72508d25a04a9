//! One connection to the broker: subscribe, store what comes, acknowledge it.

use std::{
    convert::Infallible,
    pin::{Pin, pin},
    time::Duration,
};

use futures_util::{FutureExt, StreamExt, future::BoxFuture, stream::FuturesOrdered};
use isems_core::{Format, Inbox, Payload, RejectReason, RepositoryError};
use rumqttc::{
    AsyncClient, ConnectionError, Event, EventLoop, MqttOptions, Packet, PubAck, PubRec, Publish, QoS, Request, SubAck,
    Subscribe, SubscribeFilter, SubscribeReasonCode,
};
use tokio::{
    select,
    time::{self, Instant, Sleep},
};
use tracing::warn;

use crate::{MqttConfig, Topic, error::SessionError};

/// How many seconds the broker has to accept a connection, and to take what is written to it.
const CONNECT_SECONDS: u64 = 10;

/// How long the broker has to answer the subscription, from the last message on that was stored: it may send what it has
/// queued before.
const SUBSCRIBE_TIMEOUT: Duration = Duration::from_mins(1);

/// How many bytes of messages are stored at a time. One message alone may be larger.
const IN_FLIGHT_BYTES: usize = 32 << 20;

/// It is enough to say this often that messages come.
const HEARD_INTERVAL: Duration = Duration::from_secs(1);

/// How often it is looked whether the broker is quiet, until the first look says when the next one is due.
const LOOK_INTERVAL: Duration = Duration::from_mins(1);

/// How many requests may wait in the event loop: none but the farewell of [`discard`] takes that way.
const REQUESTS: usize = 1;

/// The messages that are being stored, in the order in which they are acknowledged.
pub(crate) type Deliveries<'a> = FuturesOrdered<BoxFuture<'a, Result<Publish, RepositoryError>>>;

/// Runs a session until it fails. Dropping it closes the connection.
///
/// What is still being stored then is left in `deliveries`, of which there are none before. It is for the caller to wait for:
/// it will be stored anyway, but is counted and told to observers only by who waits.
pub(crate) async fn run<'a>(
    options: MqttOptions,
    config: &MqttConfig,
    inbox: &'a Inbox,
    source: &str,
    deliveries: &mut Deliveries<'a>,
) -> Result<Infallible, SessionError> {
    let (_, mut event_loop) = connect(options);
    let mut subscribe_deadline = pin!(time::sleep(SUBSCRIBE_TIMEOUT));
    let mut is_subscribed = false;
    let keep_alive = Duration::from_secs(config.keep_alive_seconds.into());
    let mut bytes_in_flight = 0;
    let mut heard = None;
    let mut next_look = pin!(time::sleep(LOOK_INTERVAL));
    loop {
        let has_room = deliveries.len() < config.max_in_flight && bytes_in_flight < IN_FLIGHT_BYTES;
        if !has_room {
            // The answer to a ping may stand behind messages that cannot be read yet, so it is not missed.
            event_loop.state.await_pingresp = false;
        }
        // A poll is given up when a delivery is done. That loses nothing: what it has read is kept in the event loop. While
        // it connects there are no deliveries.
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
            event = event_loop.poll(), if has_room => match event? {
                Event::Incoming(Packet::ConnAck(_)) => {
                    let filters = config.topics.iter().map(|topic| SubscribeFilter::new(topic.clone(), QoS::AtLeastOnce));
                    write(&mut event_loop, [Request::Subscribe(Subscribe::new_many(filters))]).await?;
                }
                Event::Incoming(Packet::SubAck(answer)) => {
                    check_answer(&answer, &config.topics, source)?;
                    is_subscribed = true;
                    inbox.source_up(source);
                    look_for_silence(inbox, source, next_look.as_mut());
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
            // While nothing is read, the event loop sends no pings either, and the broker would take us for dead.
            () = time::sleep(keep_alive), if !has_room => send(&mut event_loop, [Packet::PingReq]).await?,
            () = &mut next_look => look_for_silence(inbox, source, next_look.as_mut()),
            () = &mut subscribe_deadline, if !is_subscribed && has_room => return Err(SessionError::SubscriptionUnanswered),
        }
    }
}

/// Looks whether the broker is quiet, and sets when to look again.
fn look_for_silence(inbox: &Inbox, source: &str, next_look: Pin<&mut Sleep>) {
    let next = inbox.look_for_silence(source).unwrap_or_else(|| Instant::now() + LOOK_INTERVAL);
    next_look.reset(next);
}

/// What tells the broker that a message is stored; of QoS 2 the event loop does the rest of the handshake.
fn acknowledgement(publish: &Publish) -> Option<Request> {
    match publish.qos {
        QoS::AtMostOnce => None,
        QoS::AtLeastOnce => Some(Request::PubAck(PubAck::new(publish.pkid))),
        QoS::ExactlyOnce => Some(Request::PubRec(PubRec::new(publish.pkid))),
    }
}

/// Writes requests to the broker at once, past the event loop's queue: the event loop takes one request from there for every
/// ten messages that it reads, so that under load acknowledgements would fall behind without end.
async fn write(event_loop: &mut EventLoop, requests: impl IntoIterator<Item = Request>) -> Result<(), SessionError> {
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

/// Makes the broker forget the session and all that it has queued for it.
pub(crate) async fn discard(mut options: MqttOptions) -> Result<(), SessionError> {
    options.set_clean_session(true);
    let (client, mut event_loop) = connect(options);
    event_loop.poll().await?;
    // The queue is empty, so the request is taken.
    let _ = client.try_disconnect();
    event_loop.poll().await?;
    Ok(())
}

fn connect(options: MqttOptions) -> (AsyncClient, EventLoop) {
    let (client, mut event_loop) = AsyncClient::new(options, REQUESTS);
    event_loop.network_options.set_connection_timeout(CONNECT_SECONDS).set_tcp_nodelay(true);
    (client, event_loop)
}

fn check_answer(answer: &SubAck, topics: &[String], source: &str) -> Result<(), SessionError> {
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

/// Stores a message or rejects it, and gives it back to be acknowledged.
async fn deliver(inbox: &Inbox, publish: Publish, max_bytes: usize) -> Result<Publish, RepositoryError> {
    // The empty message that clears a retained one says nothing.
    if publish.payload.is_empty() {
        return Ok(publish);
    }
    let mut payload = Payload::csvlog(&publish.payload, &publish.topic);
    let fault = match Topic::parse(&publish.topic) {
        Err(reason) => Some(reason),
        Ok(topic) => {
            payload.node = Some(topic.node);
            payload.format = topic.format;
            // The time of a JSON object is its arrival, and a retained one arrived who knows when.
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
