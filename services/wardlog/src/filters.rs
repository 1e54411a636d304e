//! Real filters on loopback, Debian's Squid and e2guardian, for the demo and for the tests.
//!
//! Each runs in the foreground from a private configuration, listens on a free port of 127.0.0.1, and passes what it
//! allows to a site of our own there: no request leaves the machine. As root they run as an ordinary user.

mod browse;
mod e2guardian;
mod origin;
mod place;
mod squid;

use std::{
    path::{Path, PathBuf},
    process::ExitStatus,
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use filtering::formats::Format;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tokio::{
    net::TcpStream,
    process::Child,
    time::{sleep, timeout},
};

pub use self::{
    browse::{Browsed, browse},
    origin::Origin,
    squid::ASKS_FOR_PASSWORD,
};
use place::Place;

/// How long a filter may take to listen, and to write down what it did.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long to wait before looking again.
const PAUSE: Duration = Duration::from_millis(20);

/// The sample of UT1 that comes with Wardlog, as domains and the lists that they are on.
pub fn ut1_sample() -> Vec<(&'static str, &'static str)> {
    let rows = include_str!("../../../schema/categories/ut1_domains_sample.csv").lines().skip(1);
    rows.filter_map(|row| row.split_once(',')).collect()
}

/// A filter that runs; dropped, it is killed.
#[derive(Debug)]
pub struct RealFilter {
    process: Child,
    format: Format,
    log: PathBuf,
    port: u16,
    upstream: Option<Box<RealFilter>>,
}

impl RealFilter {
    /// Starts Squid in `directory`, denying the domains of `denied` and their subdomains (it has no use for the lists'
    /// names), asking for a password at [`ASKS_FOR_PASSWORD`], and taking everything else from the port `origin`.
    pub async fn squid(directory: &Path, denied: &[(&str, &str)], origin: u16) -> Result<Self> {
        let place = Place::make(directory)?;
        let port = free_port()?;
        let configuration = squid::configure(&place, denied, origin, port)?;
        let process = place.spawn("/usr/sbin/squid", &["-N", "-f"], &configuration)?;
        let filter = Self { process, format: Format::Squid, log: place.path("access.log"), port, upstream: None };
        filter.ready(&place).await
    }

    /// Starts e2guardian in `directory`, denying the domains of `denied` by lists that carry their names, and taking
    /// everything else from the port `origin` by way of a Squid of its own, for it knows no other way to send every
    /// name to one site.
    pub async fn e2guardian(directory: &Path, denied: &[(&str, &str)], origin: u16) -> Result<Self> {
        let place = Place::make(directory)?;
        let upstream = Self::squid(&place.path("upstream"), &[], origin).await?;
        let port = free_port()?;
        let configuration = e2guardian::configure(&place, denied, upstream.port, port)?;
        let process = place.spawn("/usr/sbin/e2guardian", &["-N", "-c"], &configuration)?;
        let upstream = Some(Box::new(upstream));
        let filter = Self { process, format: Format::E2guardian, log: place.path("access.log"), port, upstream };
        filter.ready(&place).await
    }

    /// The format of its log.
    pub fn format(&self) -> Format {
        self.format
    }

    /// What a browser is given as its HTTP proxy.
    pub fn proxy_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Waits until it accepts connections.
    async fn ready(mut self, place: &Place) -> Result<Self> {
        let listening = async {
            while TcpStream::connect(("127.0.0.1", self.port)).await.is_err() {
                if let Some(status) = self.process.try_wait()? {
                    bail!("{} ended ({status}) before it listened: {}", self.format.as_str(), place.said());
                }
                sleep(PAUSE).await;
            }
            Ok(())
        };
        timeout(PATIENCE, listening).await.with_context(|| format!("it does not listen: {}", place.said()))??;
        Ok(self)
    }

    /// Stops it once its log tells of `requests` requests, and answers where the log is.
    ///
    /// A filter answers first and writes afterwards; one that is stopped in between loses lines.
    pub async fn stop(mut self, requests: usize) -> Result<PathBuf> {
        let complete = async {
            while self.logged()? < requests {
                sleep(PAUSE).await;
            }
            anyhow::Ok(())
        };
        if let Ok(outcome) = timeout(PATIENCE, complete).await {
            outcome?;
        }
        end(&mut self.process, self.format).await?;
        if let Some(upstream) = &mut self.upstream {
            end(&mut upstream.process, upstream.format).await?;
        }
        let logged = self.logged()?;
        ensure!(logged == requests, "the log {} tells of {logged} requests, not {requests}", self.log.display());
        Ok(self.log)
    }

    /// The number of requests that the log tells of; it need not be there before the first.
    fn logged(&self) -> Result<usize> {
        let text = match std::fs::read_to_string(&self.log) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            text => text.with_context(|| format!("cannot read {}", self.log.display()))?,
        };
        // What follows the last line's end is still being written.
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        Ok(whole.lines().filter(|line| !matches!(self.format.parse(line), Ok(None))).count())
    }
}

/// Ends `process` and waits until it has ended.
async fn end(process: &mut Child, format: Format) -> Result<ExitStatus> {
    match format {
        Format::Squid => {
            if let Some(id) = process.id() {
                kill(Pid::from_raw(i32::try_from(id)?), Signal::SIGTERM)?;
            }
        }
        // 5.3.5 in the foreground takes SIGTERM and goes on; its log, flushed line by line, loses nothing by this.
        Format::E2guardian => process.start_kill()?,
    }
    Ok(timeout(PATIENCE, process.wait()).await.context("it does not end")??)
}

/// A port of 127.0.0.1 that nobody listens on now.
fn free_port() -> Result<u16> {
    Ok(std::net::TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}
