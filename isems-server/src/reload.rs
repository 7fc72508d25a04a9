//! Reading the settings again while the server runs.

use std::{convert::Infallible, env, sync::Arc};

use tokio::{sync::Notify, task};
use tracing::{error, info, warn};

use crate::{
    log::Level,
    service_manager::{Notice, ServiceManager},
    settings::{Arguments, Chosen},
    signal::HangUps,
};

/// The key of the only setting that is applied without a restart. Certificates are files of their own.
const LOG: &str = "log";

/// Reads the settings again whenever the process is asked to, and applies what can change while it runs: the level of
/// the log, and the contents of the certificate's files. It says which other settings need a restart. Settings that
/// cannot be used change nothing.
#[derive(Debug)]
pub struct Reload {
    /// The settings that are in use.
    pub chosen: Chosen,
    /// The level of the log.
    pub level: Level,
    /// Has the certificate's files looked at, if there is one.
    pub certificate: Option<Arc<Notify>>,
    /// The service manager, which is told that it happens.
    pub service_manager: Option<ServiceManager>,
}

impl Reload {
    /// Follows requests for ever.
    pub async fn follow(mut self, mut requests: HangUps) -> Infallible {
        loop {
            requests.next().await;
            self.tell(Notice::Reloading);
            self.reload().await;
            self.tell(Notice::Ready);
        }
    }

    fn tell(&self, notice: Notice<'_>) {
        if let Some(service_manager) = &self.service_manager {
            service_manager.tell(notice);
        }
    }

    async fn reload(&mut self) {
        if let Some(certificate) = &self.certificate {
            certificate.notify_one();
        }
        let read = task::spawn_blocking(|| Arguments::read_settings(env::args_os())).await;
        let (settings, chosen) = match read {
            Ok(Ok(read)) => read,
            Ok(Err(error)) => return error!(%error, "the settings cannot be used; those before stay in use"),
            Err(panic) => std::panic::resume_unwind(panic.into_panic()),
        };
        let others = {
            let mut changed = self.chosen.differences(&chosen);
            changed.retain(|key| *key != LOG);
            changed.join(", ")
        };
        if self.chosen.differences(&chosen).contains(&LOG) {
            self.level.set(settings.log);
            self.chosen.adopt(LOG, &chosen);
            info!(level = ?settings.log, "the level of the log has changed");
        }
        if others.is_empty() {
            info!("the settings have been read again");
        } else {
            warn!(settings = others, "the settings have been read again; these have changed and need a restart");
        }
    }
}
