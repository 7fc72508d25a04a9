//! `isems-server serve`: collector and HTTP service in one process.

use std::{future::Future, io, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use isems_alerts::Alerts;
use isems_core::{BoxError, Collector, RedbRepository, Repository};
use isems_homeassistant::HomeAssistant;
use isems_insight::{WatchedCollector, WatcherOptions};
use isems_transport_http::{HttpConfig, HttpTransport, PollTrigger};
use isems_transport_mqtt::{MqttConfig, MqttTransport};
use tempfile::TempDir;
use tokio::{
    net::TcpListener,
    sync::{Notify, watch},
};
use tracing::{info, warn};

use crate::{
    Tiles, alerts,
    api::{Access, Service, ServiceBuilder},
    demo,
    fleet::RunningFleetServer,
    homeassistant,
    live::LiveOptions,
    maintenance::Control,
    push::PushTransport,
    serve::{ConnectionLimits, serve},
    service_manager::ServiceManager,
    settings::{InvalidSetting, Settings},
    tls::Certificate,
};

/// The interval at which the files of the TLS certificate are checked.
const CERTIFICATE_INTERVAL: Duration = Duration::from_secs(10);

/// The interval at which simulated nodes are polled.
const DEMO_INTERVAL: Duration = Duration::from_secs(3);

/// A server that has opened its database and port, and is ready to run.
pub struct Server {
    service: Service,
    access: Access,
    collector: WatchedCollector,
    alerts: Option<Alerts>,
    listener: TcpListener,
    limits: ConnectionLimits,
    certificate: Option<Certificate>,
    fleet: Option<RunningFleetServer>,
    homeassistant: Option<HomeAssistant>,
    control: Control,
    /// Held while the server exists, because a demo's database is deleted with it.
    _temporary: Option<TempDir>,
}

impl Server {
    /// Opens the database, makes the transports, and binds the port. With `demo`, that many simulated nodes are polled
    /// instead of what the settings name. Invalid settings are found here.
    pub async fn open(settings: Settings, demo: Option<u32>) -> Result<Self, BoxError> {
        let (path, temporary) = database(&settings, demo.is_some())?;
        let Settings { database, access, server, http, brokers, homeassistant, limits, alerts, .. } = settings;
        if access.protect_reading && access.tokens.is_empty() {
            let needed = "access.protect_reading (ISEMS_PROTECT_READING) needs a token, otherwise nobody could read; set \
                          access.tokens (ISEMS_API_TOKENS)";
            return Err(InvalidSetting(needed.into()).into());
        }
        let tiles = Tiles::open(&server.map).await?;
        let certificate =
            server.tls_files()?.map(|(certificate, key)| Certificate::open(certificate, key)).transpose()?;
        let listener = TcpListener::bind(server.listen).await.map_err(|error| {
            format!("cannot listen on {}: {error}; choose another address with --listen or ISEMS_LISTEN", server.listen)
        })?;
        let repository: Arc<RedbRepository> = Arc::new(database.open(&path)?);
        info!(path = %path.display(), nodes = repository.node_count().await?, "database is open");
        let control = Control::listen(&path);
        let mut collector = Collector::new(repository.clone()).limits(&limits);
        let mut triggers = Vec::new();
        let mut fleet = None;
        if let Some(nodes) = demo {
            let running = demo::simulate(nodes, &repository).await?;
            let targets = running.targets().iter().map(|target| target.parse()).collect::<Result<_, _>>()?;
            let config = HttpConfig { targets, interval: DEMO_INTERVAL, ..HttpConfig::default() };
            collector = collector.transport(http_transport(config, &mut triggers)?)?;
            fleet = Some(running);
        } else {
            if http.targets.is_empty() && brokers.is_empty() && access.push_tokens.is_empty() {
                warn!(
                    "there is nothing to collect from: set ISEMS_ROUTER_IPS, MQTT_SERVER or ISEMS_PUSH_TOKENS, or try --demo"
                );
            }
            collector = with_transports(collector, http, &brokers, &mut triggers)?;
        }
        let mut push = None;
        if access.may_push() {
            let (transport, handle) = PushTransport::new();
            collector = collector.transport(transport)?;
            push = Some(handle);
        }
        let watching =
            WatcherOptions { inactive_after_days: server.hide_inactive_after_days, ..WatcherOptions::default() };
        let collector = WatchedCollector::with_options(collector, watching);
        let homeassistant = homeassistant::bridge(&homeassistant, &brokers, collector.watcher(), repository)?;
        let alerts = alerts::open(&alerts, server.public_url.as_deref(), collector.watcher()).await?;
        // Event subscribers must not take all connections.
        let subscribers = (server.limits.connections / 2).max(1);
        let mut builder = Service::builder(collector.watcher())
            .access(access.clone())
            .cors_origins(server.cors_origins)
            .base_path(server.base_path.clone())
            .live(LiveOptions { subscribers, ..LiveOptions::default() });
        if let Some(push) = push {
            builder = builder.push(push);
        }
        if let Some(homeassistant) = &homeassistant {
            builder = builder.homeassistant(homeassistant.connection());
        }
        if let Some(tiles) = tiles {
            builder = builder.tiles(tiles);
        }
        if let Some(alerts) = &alerts {
            builder = builder.alerts(alerts.clone());
        }
        let service = triggers.into_iter().fold(builder, ServiceBuilder::poll).build();
        Ok(Self {
            service,
            access,
            collector,
            alerts,
            listener,
            limits: server.limits,
            certificate,
            fleet,
            homeassistant,
            control,
            _temporary: temporary,
        })
    }

    /// Returns the address that the port is bound to.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Returns what has the files of the certificate looked at at once, if there is one.
    pub fn certificate_wanted(&self) -> Option<Arc<Notify>> {
        self.certificate.as_ref().map(Certificate::wanted)
    }

    /// Collects and serves until `stop` is ready. Then no more requests are accepted, those under way get three
    /// seconds, the transports are dropped, and the database is closed.
    pub async fn run(self, stop: impl Future<Output = ()>) -> Result<(), BoxError> {
        let Self {
            service,
            access,
            collector,
            alerts,
            listener,
            limits,
            certificate,
            fleet,
            homeassistant,
            control,
            _temporary,
        } = self;
        let watcher = collector.watcher();
        let (stopping, stopped) = watch::channel(false);
        let when_stopped = || {
            let mut stopped = stopped.clone();
            async move {
                // An error means that the sender is gone, which also means stop.
                let _ = stopped.wait_for(|stopped| *stopped).await;
            }
        };
        let scheme = if certificate.is_some() { "https" } else { "http" };
        let address = listener.local_addr()?;
        info!("serving on {scheme}://{address}/ (documentation: {scheme}://{address}/docs)");
        warn_of_exposure(address, &access, certificate.is_some());
        let acceptor = certificate.as_ref().map(Certificate::acceptor).transpose()?;
        let http = serve(listener, acceptor, service.endpoint(), limits, when_stopped());
        let http = async {
            match certificate {
                Some(certificate) => tokio::select! {
                    result = http => result,
                    never = certificate.follow(CERTIFICATE_INTERVAL) => match never {},
                },
                None => http.await,
            }
        };
        let fleet = async {
            match fleet {
                Some(fleet) => fleet.run(when_stopped()).await,
                None => Ok(()),
            }
        };
        let homeassistant = async {
            if let Some(homeassistant) = homeassistant {
                Box::pin(homeassistant.run(when_stopped())).await;
            }
        };
        let alerts = async {
            if let Some(alerts) = alerts {
                Box::pin(alerts.run(when_stopped())).await;
            }
        };
        let stop = async {
            stop.await;
            info!("stopping");
            stopping.send_replace(true);
        };
        let manager = async {
            if let Some(manager) = ServiceManager::of_this_process() {
                manager.run(&watcher, when_stopped()).await;
            }
        };
        let control = control.run(service.endpoint_for(Access::unrestricted()), when_stopped());
        let collector = collector.run(when_stopped());
        let telling = async { tokio::join!(homeassistant, alerts, manager) };
        let (http, control, fleet, (), _, ()) = tokio::join!(http, control, fleet, collector, telling, stop);
        http?;
        control?;
        fleet?;
        info!("stopped");
        Ok(())
    }
}

impl std::fmt::Debug for Server {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Server").field("listener", &self.listener).finish_non_exhaustive()
    }
}

/// Warns about what others who reach the address can do if that may not be intended.
fn warn_of_exposure(address: SocketAddr, access: &Access, encrypted: bool) {
    if address.ip().to_canonical().is_loopback() {
        return;
    }
    if access.tokens.is_empty() {
        let advice = "ISEMS_API_TOKENS and ISEMS_PROTECT_READING change that";
        warn!(%address, "anyone who can reach this address may read; {advice}");
    } else if !encrypted {
        let advice = "ISEMS_TLS_CERTIFICATE and ISEMS_TLS_KEY change that";
        warn!(%address, "tokens are sent to this address unencrypted; {advice}");
    }
}

/// Returns the path of the database. A demo's is in a temporary folder unless one is given.
fn database(settings: &Settings, demo: bool) -> Result<(PathBuf, Option<TempDir>), BoxError> {
    if demo && settings.database_url.is_none() {
        let folder = tempfile::Builder::new().prefix("isems-demo-").tempdir()?;
        return Ok((folder.path().join("demo.redb"), Some(folder)));
    }
    Ok((settings.database_path().into(), None))
}

fn http_transport(config: HttpConfig, triggers: &mut Vec<PollTrigger>) -> Result<HttpTransport, BoxError> {
    let transport = HttpTransport::new(config)?;
    triggers.push(transport.trigger());
    Ok(transport)
}

/// Adds a transport for the nodes, and one for each broker.
fn with_transports(
    mut collector: Collector,
    nodes: HttpConfig,
    brokers: &[MqttConfig],
    triggers: &mut Vec<PollTrigger>,
) -> Result<Collector, BoxError> {
    if !nodes.targets.is_empty() {
        info!(nodes = nodes.targets.len(), interval_s = nodes.interval.as_secs(), "polling nodes");
        collector = collector.transport(http_transport(nodes, triggers)?)?;
    }
    for broker in brokers {
        collector = collector.transport(MqttTransport::new(broker.clone())?)?;
    }
    Ok(collector)
}
