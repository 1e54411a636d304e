//! Senders that keep to the door's contract: the same batch again until it is acknowledged, or given up for good.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    sync::Arc,
    time::Duration,
};

use rand::RngExt;
use reqwest::{Client, StatusCode};
use schema::SchoolId;
use serde_json::Value;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::ByCategory;
use crate::town::event;

const EVENTS: usize = 40;
const CATEGORIES: [&str; 4] = ["gambling", "self-harm-suicide", "education", "proxy-bypass"];

/// The senders, two per school.
pub struct Load {
    stop: CancellationToken,
    senders: JoinSet<Vec<Batch>>,
}

/// A batch that was sent at least once.
struct Batch {
    id: String,
    school: SchoolId,
    /// Event id and category; an id may stand in several batches of the same sender.
    events: Vec<(String, &'static str)>,
    acknowledged: bool,
}

/// All that was sent.
pub struct Sent {
    batches: Vec<Batch>,
    pub acknowledged_batches: usize,
}

impl Load {
    /// Every sender waits for `pause` after a batch.
    pub fn start(address: SocketAddr, keys: Vec<(SchoolId, String)>, pause: Duration) -> Self {
        let stop = CancellationToken::new();
        let mut senders = JoinSet::new();
        for (n, (school, key)) in keys.into_iter().enumerate() {
            for half in 0..2 {
                let sender = Sender { name: format!("sender-{n}-{half}"), school, key: key.clone(), address, pause };
                senders.spawn(sender.run(stop.clone()));
            }
        }
        Self { stop, senders }
    }

    /// Stops after every sender's last batch is acknowledged or given up.
    pub async fn finish(self) -> Sent {
        self.stop.cancel();
        let batches: Vec<Batch> = self.senders.join_all().await.into_iter().flatten().collect();
        let acknowledged_batches = batches.iter().filter(|batch| batch.acknowledged).count();
        Sent { batches, acknowledged_batches }
    }
}

impl Sent {
    /// What must be counted: the distinct events of the batches that are `stored`, among which is every acknowledged one.
    pub fn expected(&self, stored: &[String]) -> ByCategory {
        let stored: BTreeSet<&str> = stored.iter().map(String::as_str).collect();
        let mut events: BTreeMap<(SchoolId, &str), &str> = BTreeMap::new();
        for batch in &self.batches {
            assert!(
                !batch.acknowledged || stored.contains(batch.id.as_str()),
                "{} was acknowledged and is lost",
                batch.id
            );
            if stored.contains(batch.id.as_str()) {
                events.extend(batch.events.iter().map(|(id, category)| ((batch.school, id.as_str()), *category)));
            }
        }
        let mut counts = ByCategory::new();
        for ((school, _), category) in events {
            *counts.entry((school.to_string(), category.to_owned())).or_default() += 1;
        }
        counts
    }
}

struct Sender {
    name: String,
    school: SchoolId,
    key: String,
    address: SocketAddr,
    pause: Duration,
}

impl Sender {
    async fn run(self, stop: CancellationToken) -> Vec<Batch> {
        let client = Client::builder().timeout(Duration::from_secs(20)).build().unwrap();
        let client = Arc::new(client);
        let mut batches: Vec<Batch> = Vec::new();
        while !stop.is_cancelled() {
            let mut batch = self.next(&batches);
            let body: String = batch.events.iter().map(|(id, category)| line(id, category)).collect();
            let gives_up = rand::rng().random_ratio(1, 20);
            loop {
                match self.post(&client, &batch.id, &body).await {
                    Ok(StatusCode::ACCEPTED) => {
                        batch.acknowledged = true;
                        break;
                    }
                    Ok(StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS) | Err(_) => {
                        if gives_up {
                            break;
                        }
                        tokio::time::sleep(Duration::from_millis(20)).await;
                    }
                    Ok(other) => panic!("a good batch was answered {other}"),
                }
            }
            batches.push(batch);
            tokio::time::sleep(self.pause).await;
        }
        batches
    }

    /// New events, and some of an earlier batch again.
    fn next(&self, before: &[Batch]) -> Batch {
        let mut random = rand::rng();
        let n = before.len();
        let mut events: Vec<(String, &'static str)> = (0..EVENTS)
            .map(|m| (format!("{}-{n}-{m}", self.name), CATEGORIES[random.random_range(0..CATEGORIES.len())]))
            .collect();
        if n > 0 {
            let earlier = &before[random.random_range(0..n)].events;
            events.extend(earlier.iter().take(random.random_range(0..8)).cloned());
        }
        Batch { id: format!("{}-{n}", self.name), school: self.school, events, acknowledged: false }
    }

    async fn post(&self, client: &Client, batch: &str, body: &str) -> reqwest::Result<StatusCode> {
        let request = client.post(format!("http://{}/v1/filter-events", self.address)).bearer_auth(&self.key);
        let request = request.header("Idempotency-Key", batch).header("Content-Type", "application/x-ndjson");
        // The whole answer must arrive: a status alone is no acknowledgement.
        let response = request.body(body.to_owned()).send().await?;
        let status = response.status();
        response.json::<Value>().await?;
        Ok(status)
    }
}

fn line(id: &str, category: &str) -> String {
    let mut event = event(category, "blocked");
    event["id"] = id.into();
    format!("{event}\n")
}
