//! A broker that does what the test says, packet by packet.

use std::{
    net::SocketAddr,
    sync::atomic::{AtomicUsize, Ordering},
};

use bytes::BytesMut;
use isems_transport_mqtt::MqttConfig;
use rumqttc::{
    ConnAck, Connect, ConnectReturnCode, Packet, PubAck, Publish, QoS, SubAck, Subscribe, SubscribeReasonCode,
    mqttbytes::Error,
};
use tokio::{
    io::{self, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpListener,
    time,
};

use super::{DEADLINE, SILENCE};

/// Waits for connections at a port of its own.
pub(crate) struct Broker {
    listener: TcpListener,
}

impl Broker {
    pub(crate) async fn start() -> Self {
        Self::at("127.0.0.1:0".parse().expect("an address")).await
    }

    pub(crate) async fn at(address: SocketAddr) -> Self {
        Self { listener: TcpListener::bind(address).await.expect("the port is free") }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.listener.local_addr().expect("it listens")
    }

    /// Returns a configuration that connects to it.
    pub(crate) fn config(&self) -> MqttConfig {
        let broker = format!("mqtt://{}", self.address()).parse().expect("a broker");
        MqttConfig { broker, ..MqttConfig::default() }
    }

    /// Accepts the next connection, as a stream of bytes.
    pub(crate) async fn accept_tcp(&self) -> tokio::net::TcpStream {
        time::timeout(DEADLINE, self.listener.accept()).await.expect("a connection in time").expect("a connection").0
    }

    /// Asserts that nobody connects for a while.
    pub(crate) async fn expect_silence(&self) {
        let connection = time::timeout(SILENCE, self.listener.accept()).await;
        assert!(connection.is_err(), "expected no connection");
    }

    /// Accepts the next connection and reads its CONNECT without answering it.
    pub(crate) async fn accept(&self) -> Peer {
        Peer::greet(self.accept_tcp().await).await
    }

    /// The same, however long it takes.
    pub(crate) async fn accept_whenever(&self) -> Peer {
        Peer::greet(self.listener.accept().await.expect("a connection").0).await
    }

    /// Accepts the next connection and its subscription.
    pub(crate) async fn accept_session(&self) -> Peer {
        let mut peer = self.accept().await;
        peer.let_in().await;
        peer
    }
}

pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// The broker's end of a connection.
pub(crate) struct Peer {
    stream: Box<dyn Stream>,
    received: BytesMut,
    pub(crate) connect: Connect,
}

impl Peer {
    pub(crate) async fn greet(stream: impl Stream + 'static) -> Self {
        let mut peer = Self { stream: Box::new(stream), received: BytesMut::new(), connect: Connect::new("") };
        match peer.read().await {
            Packet::Connect(connect) => peer.connect = connect,
            other => panic!("expected CONNECT, got {other:?}"),
        }
        peer
    }

    /// Accepts the connection and the subscription, and returns the latter.
    pub(crate) async fn let_in(&mut self) -> Subscribe {
        self.answer_connect(ConnectReturnCode::Success).await;
        let subscribe = self.read_subscribe().await;
        self.grant(&subscribe).await;
        subscribe
    }

    pub(crate) async fn grant(&mut self, subscribe: &Subscribe) {
        let granted = vec![SubscribeReasonCode::Success(QoS::AtLeastOnce); subscribe.filters.len()];
        self.send(Packet::SubAck(SubAck::new(subscribe.pkid, granted))).await;
    }

    pub(crate) async fn answer_connect(&mut self, code: ConnectReturnCode) {
        self.send(Packet::ConnAck(ConnAck::new(code, false))).await;
    }

    pub(crate) async fn read_subscribe(&mut self) -> Subscribe {
        match self.read().await {
            Packet::Subscribe(subscribe) => subscribe,
            other => panic!("expected SUBSCRIBE, got {other:?}"),
        }
    }

    pub(crate) async fn send(&mut self, packet: Packet) {
        let mut bytes = BytesMut::new();
        packet.write(&mut bytes, usize::MAX).expect("the packet can be written");
        self.stream.write_all(&bytes).await.expect("the client takes it");
    }

    /// Sends bytes that need not arrive: the client may have closed the connection.
    pub(crate) async fn send_in_vain(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes).await;
    }

    /// Publishes at QoS 1.
    pub(crate) async fn publish(&mut self, id: u16, topic: &str, payload: impl Into<Vec<u8>>) {
        let mut publish = Publish::new(topic, QoS::AtLeastOnce, payload);
        publish.pkid = id;
        self.send(Packet::Publish(publish)).await;
    }

    /// Publishes a message many times without waiting for acknowledgements, and meanwhile reads these in order. Counts
    /// the messages that the client or the connection has taken.
    pub(crate) async fn flood(&mut self, topic: &str, payload: &str, messages: usize, written: &AtomicUsize) {
        let (mut reader, mut writer) = io::split(&mut self.stream);
        let id = |message: usize| (message % usize::from(u16::MAX)) as u16 + 1;
        let write = async {
            let mut bytes = BytesMut::new();
            for message in 0..messages {
                let mut publish = Publish::new(topic, QoS::AtLeastOnce, payload);
                publish.pkid = id(message);
                publish.write(&mut bytes).expect("the packet can be written");
                if bytes.len() > 60_000 || message + 1 == messages {
                    writer.write_all_buf(&mut bytes).await.expect("the client takes it");
                    written.store(message + 1, Ordering::Relaxed);
                }
            }
        };
        let read = async {
            for message in 0..messages {
                let packet = loop {
                    match Packet::read(&mut self.received, usize::MAX) {
                        Ok(packet) => break packet,
                        Err(Error::InsufficientBytes(_)) => {
                            let read = time::timeout(DEADLINE, reader.read_buf(&mut self.received)).await;
                            assert_ne!(read.expect("a packet in time").expect("a packet"), 0, "the client has gone");
                        }
                        Err(error) => panic!("the client sends no MQTT: {error}"),
                    }
                };
                assert_eq!(packet, Packet::PubAck(PubAck::new(id(message))));
            }
        };
        tokio::join!(write, read);
    }

    /// Reads the next packet, answering pings on the way.
    pub(crate) async fn read(&mut self) -> Packet {
        let packet = time::timeout(DEADLINE, self.next()).await.expect("a packet in time");
        packet.expect("the client is still there")
    }

    pub(crate) async fn expect_ack(&mut self, id: u16) {
        match self.read().await {
            Packet::PubAck(ack) if ack.pkid == id => {}
            other => panic!("expected PUBACK of {id}, got {other:?}"),
        }
    }

    /// Asserts that nothing arrives for a while.
    pub(crate) async fn expect_silence(&mut self) {
        if let Ok(packet) = time::timeout(SILENCE, self.next()).await {
            panic!("expected nothing, got {packet:?}");
        }
    }

    /// Asserts that the client closes the connection without another packet.
    pub(crate) async fn expect_close(&mut self) {
        let packet = time::timeout(DEADLINE, self.next()).await.expect("an end in time");
        assert!(packet.is_none(), "expected the end, got {packet:?}");
    }

    /// Reads the next packet, a ping, without answering it.
    pub(crate) async fn read_ping(&mut self) {
        let packet = time::timeout(DEADLINE, self.next_of_all()).await.expect("a packet in time");
        assert_eq!(packet, Some(Packet::PingReq));
    }

    /// Reads the next packet, or `None` if the client has gone. Pings are answered on the way.
    pub(crate) async fn next(&mut self) -> Option<Packet> {
        loop {
            match self.next_of_all().await {
                Some(Packet::PingReq) => self.send(Packet::PingResp).await,
                packet => return packet,
            }
        }
    }

    async fn next_of_all(&mut self) -> Option<Packet> {
        loop {
            match Packet::read(&mut self.received, usize::MAX) {
                Ok(packet) => return Some(packet),
                Err(Error::InsufficientBytes(_)) => match self.stream.read_buf(&mut self.received).await {
                    Ok(0) | Err(_) => return None,
                    Ok(_) => {}
                },
                Err(error) => panic!("the client sends no MQTT: {error}"),
            }
        }
    }
}
