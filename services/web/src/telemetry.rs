//! Our own log and traces. What is logged is decided where it is logged; nothing here adds request content.

use std::{
    env,
    io::{self, IsTerminal},
};

use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::{ExporterBuildError, SpanExporter, WithExportConfig};
use opentelemetry_sdk::{Resource, trace::SdkTracerProvider};
use tracing::Subscriber;
use tracing_subscriber::{
    EnvFilter, Layer, Registry,
    fmt::{self, MakeWriter},
    layer::SubscriberExt,
    util::{SubscriberInitExt, TryInitError},
};

/// What is logged and where traces go.
#[derive(Debug, Clone)]
pub struct Options {
    /// The name of this process in traces.
    pub service: &'static str,
    /// What to log, in the syntax of `tracing_subscriber::EnvFilter`.
    pub filter: String,
    /// Lines for a person, or JSON for a collector.
    pub for_a_person: bool,
    /// The base URL of an OTLP collector that takes protobuf over HTTP.
    pub otlp_endpoint: Option<String>,
}

impl Options {
    /// As the environment says: `WARDLOG_LOG` (default `info`), `OTEL_EXPORTER_OTLP_ENDPOINT` (default none), and
    /// whether standard error is a terminal.
    pub fn from_env(service: &'static str) -> Self {
        Self {
            service,
            filter: env::var("WARDLOG_LOG").unwrap_or_else(|_| "info".to_owned()),
            for_a_person: io::stderr().is_terminal(),
            otlp_endpoint: env::var("OTEL_EXPORTER_OTLP_ENDPOINT").ok().filter(|url| !url.is_empty()),
        }
    }
}

/// Why telemetry could not be started.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter cannot be read.
    #[error("expected a log filter such as info,wardlog=debug: {0}")]
    Filter(#[from] tracing_subscriber::filter::ParseError),
    /// The collector's address cannot be used.
    #[error("expected the base URL of an OTLP collector: {0}")]
    Collector(#[from] ExporterBuildError),
    /// Telemetry was started before.
    #[error("expected telemetry to be started once: {0}")]
    Twice(#[from] TryInitError),
}

/// Telemetry that runs; to be shut down before the process ends, or the last spans are lost.
#[derive(Debug)]
pub struct Telemetry {
    spans: Option<SdkTracerProvider>,
}

impl Telemetry {
    /// Starts logging to standard error, and exporting spans where a collector is named.
    pub fn start(options: &Options) -> Result<Self, TelemetryError> {
        let (subscriber, telemetry) = Self::prepare(options, io::stderr)?;
        subscriber.try_init()?;
        Ok(telemetry)
    }

    /// The same, writing elsewhere and leaving it to the caller to install the subscriber.
    pub fn prepare<W>(
        options: &Options,
        writer: W,
    ) -> Result<(impl Subscriber + Send + Sync + 'static, Self), TelemetryError>
    where
        W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
    {
        let filter = EnvFilter::try_new(&options.filter)?;
        let lines = fmt::layer().with_writer(writer);
        let lines: Box<dyn Layer<Registry> + Send + Sync> =
            if options.for_a_person { lines.boxed() } else { lines.json().flatten_event(true).boxed() };
        let spans = options.otlp_endpoint.as_deref().map(|base| exporter(options.service, base)).transpose()?;
        let exported = spans.as_ref().map(|provider| {
            let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer(options.service));
            layer.with_location(false).with_threads(false)
        });
        let subscriber = tracing_subscriber::registry().with(lines).with(exported).with(filter);
        Ok((subscriber, Self { spans }))
    }

    /// Sends what is left. It blocks for some seconds at most, so call it outside the runtime, or on a blocking thread.
    pub fn shutdown(self) {
        if let Some(Err(error)) = self.spans.map(|provider| provider.shutdown()) {
            tracing::warn!(%error, "the last spans were not exported");
        }
    }
}

fn exporter(service: &'static str, base: &str) -> Result<SdkTracerProvider, ExporterBuildError> {
    let endpoint = format!("{}/v1/traces", base.trim_end_matches('/'));
    let exporter = SpanExporter::builder().with_http().with_endpoint(endpoint).build()?;
    let resource = Resource::builder().with_service_name(service).build();
    Ok(SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build())
}
