//! Metrics of the HTTP service itself.

use std::time::Instant;

use isems_core::DurationHistogram;
use poem::{Endpoint, IntoResponse, Middleware, Request, Response, Result};
use poem_openapi::OperationId;
use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, Opts, Registry, proto::MetricFamily};

/// Counts requests and their durations, by operation. Anything else counts as `other`.
#[derive(Debug, Clone)]
pub(crate) struct HttpMetrics {
    requests: IntCounterVec,
    durations: HistogramVec,
}

impl HttpMetrics {
    pub(crate) fn new() -> Self {
        let requests =
            Opts::new("isems_http_requests_total", "HTTP requests, by operation, method and class of status.");
        let durations = HistogramOpts::new(
            "isems_http_request_duration_seconds",
            "How long HTTP requests took until the first byte of the answer, by operation.",
        );
        let durations = durations.buckets(DurationHistogram::BOUNDS.to_vec());
        Self {
            requests: IntCounterVec::new(requests, &["operation", "method", "status"]).expect("the names are valid"),
            durations: HistogramVec::new(durations, &["operation"]).expect("the names are valid"),
        }
    }

    fn count(&self, operation: Option<&OperationId>, method: &str, status: u16, started: Instant) {
        let operation = operation.map_or("other", |OperationId(operation)| operation);
        // Clients can make up methods.
        let method = ["GET", "HEAD", "POST", "DELETE", "OPTIONS"].into_iter().find(|known| *known == method);
        let class = ["1xx", "2xx", "3xx", "4xx", "5xx"][(usize::from(status) / 100).clamp(1, 5) - 1];
        self.requests.with_label_values(&[operation, method.unwrap_or("other"), class]).inc();
        self.durations.with_label_values(&[operation]).observe(started.elapsed().as_secs_f64());
    }

    pub(super) fn gather(&self) -> Vec<MetricFamily> {
        let registry = Registry::new();
        registry.register(Box::new(self.requests.clone())).expect("it is registered once");
        registry.register(Box::new(self.durations.clone())).expect("it is registered once");
        registry.gather()
    }
}

impl<E: Endpoint> Middleware<E> for HttpMetrics {
    type Output = CountedEndpoint<E>;

    fn transform(&self, endpoint: E) -> Self::Output {
        CountedEndpoint { metrics: self.clone(), endpoint }
    }
}

/// An endpoint whose requests are counted.
#[derive(Debug)]
pub(crate) struct CountedEndpoint<E> {
    metrics: HttpMetrics,
    endpoint: E,
}

impl<E: Endpoint> Endpoint for CountedEndpoint<E> {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        let (started, method) = (Instant::now(), request.method().clone());
        match self.endpoint.call(request).await {
            Ok(response) => {
                let response = response.into_response();
                let status = response.status().as_u16();
                self.metrics.count(response.data(), method.as_str(), status, started);
                Ok(response)
            }
            Err(error) => {
                self.metrics.count(error.data(), method.as_str(), error.status().as_u16(), started);
                Err(error)
            }
        }
    }
}
