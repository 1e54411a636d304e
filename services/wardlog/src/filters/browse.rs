//! A browser behind a filter, as far as the filter can tell.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use reqwest::{Client, Proxy, StatusCode, redirect::Policy};

use super::origin::MARK;

/// What a browser was answered, request by request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Browsed {
    /// By the site itself.
    pub allowed: usize,
    /// By the filter's block page.
    pub denied: usize,
    /// By the filter, asking for a password.
    pub challenged: usize,
}

impl Browsed {
    /// How many requests were made.
    pub fn requests(self) -> usize {
        self.allowed + self.denied + self.challenged
    }
}

/// Asks for a page of each of `hosts`, in order, through the filter at `proxy`.
///
/// The status alone does not tell: e2guardian 5.3.5 shows its block page with 200.
pub async fn browse(proxy: &str, hosts: &[&str]) -> Result<Browsed> {
    let proxy = Proxy::http(proxy).context("expected the URL of a proxy")?;
    let client = Client::builder().proxy(proxy).redirect(Policy::none()).timeout(Duration::from_secs(30)).build()?;
    let mut browsed = Browsed::default();
    for host in hosts {
        let answer = client.get(format!("http://{host}/page")).send().await.context("the filter does not answer")?;
        let from_origin = answer.headers().contains_key(MARK);
        match answer.status() {
            StatusCode::OK if from_origin => browsed.allowed += 1,
            StatusCode::OK | StatusCode::FORBIDDEN => browsed.denied += 1,
            StatusCode::PROXY_AUTHENTICATION_REQUIRED => browsed.challenged += 1,
            status => bail!("expected a page, a block page or a request for a password, but the filter said {status}"),
        }
    }
    Ok(browsed)
}
