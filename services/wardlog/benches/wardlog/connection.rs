//! HTTP/1.1 over a kept-alive TCP stream, by hand: the sender shares the machine with the door and must cost little.

use std::{io::Write, net::SocketAddr};

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{body::Body, sources::Source};

/// A sender's connection to the door.
pub struct Connection {
    stream: TcpStream,
    request: Vec<u8>,
    response: Vec<u8>,
}

#[derive(Deserialize)]
struct Accepted {
    accepted: u64,
}

#[derive(Deserialize)]
struct Status {
    counted: Option<u64>,
}

impl Connection {
    /// Connects.
    pub async fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).await.context("the door cannot be reached")?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, request: Vec::new(), response: Vec::new() })
    }

    /// Sends batch `number`; how many of its events the door took. Any answer but 202 is an error.
    pub async fn post(&mut self, source: &Source, number: u64, body: &Body) -> Result<u64> {
        self.request.clear();
        write!(
            self.request,
            "POST /v1/filter-events HTTP/1.1\r\nHost: door\r\nAuthorization: Bearer {}\r\nIdempotency-Key: b-{number}\r\n\
             Content-Type: application/x-ndjson\r\nContent-Length: {}\r\n\r\n",
            source.key,
            body.len(),
        )?;
        body.append_to(&mut self.request, number);
        let (status, answer) = self.exchange().await?;
        ensure!(status == 202, "the door answered {status}: {}", String::from_utf8_lossy(answer));
        Ok(serde_json::from_slice::<Accepted>(answer)?.accepted)
    }

    /// How many events of batch `number` were counted, once they have been.
    pub async fn counted(&mut self, source: &Source, number: u64) -> Result<Option<u64>> {
        self.request.clear();
        write!(
            self.request,
            "GET /v1/batches/b-{number} HTTP/1.1\r\nHost: door\r\nAuthorization: Bearer {}\r\n\r\n",
            source.key
        )?;
        let (status, answer) = self.exchange().await?;
        ensure!(status == 200, "the door answered {status}: {}", String::from_utf8_lossy(answer));
        Ok(serde_json::from_slice::<Status>(answer)?.counted)
    }

    /// Sends the request and reads the whole answer: its status and body.
    async fn exchange(&mut self) -> Result<(u16, &[u8])> {
        self.stream.write_all(&self.request).await?;
        self.response.clear();
        loop {
            if self.stream.read_buf(&mut self.response).await? == 0 {
                bail!("the door hung up");
            }
            if let Some((status, head, whole)) = measures(&self.response)?
                && self.response.len() >= whole
            {
                return Ok((status, &self.response[head..whole]));
            }
        }
    }
}

/// Of an answer whose head has arrived: its status, the length of its head, and of all of it.
fn measures(response: &[u8]) -> Result<Option<(u16, usize, usize)>> {
    let Some(head) = response.windows(4).position(|end| end == b"\r\n\r\n") else { return Ok(None) };
    let text = std::str::from_utf8(&response[..head])?.to_ascii_lowercase();
    let status = text.split(' ').nth(1).context("expected a status")?.parse()?;
    let length: usize =
        text.lines().find_map(|line| line.strip_prefix("content-length: ")).context("expected a length")?.parse()?;
    Ok(Some((status, head + 4, head + 4 + length)))
}
