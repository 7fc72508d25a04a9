//! Polls the logs of solar mesh nodes over HTTP for isems-core.
