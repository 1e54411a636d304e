//! Bodies made before anything is measured; only the events' ids are written anew for each batch.

use std::io::Write;

use anyhow::{Result, ensure};
use chrono::{DateTime, TimeDelta, Utc};
use rand::{RngExt, SeedableRng, rngs::Xoshiro256PlusPlus};

/// Events in a batch.
pub const EVENTS: usize = 500;

/// How many bodies are made; senders take turns with them.
const BODIES: u64 = 64;

/// Users who are in one batch, each with a device and an address.
const ACTIVE: usize = 150;

/// Users of all schools' batches together; at each school they are other people.
const USERS: usize = 1_000;

/// The digits of an event's id that differ between batches, and between the events of one.
const BATCH_DIGITS: usize = 12;
const EVENT_DIGITS: usize = 4;

/// What is visited, with the vendor's category.
const SITES: [(&str, &str); 12] = [
    ("www.bbc.co.uk", "News and Media"),
    ("classroom.google.com", "Education"),
    ("www.google.com", "Search Engines"),
    ("fonts.gstatic.com", "Content Delivery Networks"),
    ("www.youtube.com", "Streaming Media"),
    ("ttrockstars.com", "Education"),
    ("securepubads.g.doubleclick.net", "Advertisements"),
    ("login.microsoftonline.com", "Business"),
    ("outlook.office365.com", "Web-based Email"),
    ("www.amazon.co.uk", "Shopping"),
    ("www.instagram.com", "Social Networking"),
    ("www.bet365.com", "Gambling"),
];

/// A batch of NDJSON whose ids are to be filled in.
pub struct Body {
    bytes: Vec<u8>,
    ids: Vec<usize>,
}

impl Body {
    /// Makes the bodies: the same each time but for the events' times, which lie in the minute before `now`.
    pub fn make_all(now: DateTime<Utc>) -> Result<Vec<Self>> {
        (0..BODIES).map(|seed| Self::make(&mut Xoshiro256PlusPlus::seed_from_u64(seed), now)).collect()
    }

    fn make(random: &mut Xoshiro256PlusPlus, now: DateTime<Utc>) -> Result<Self> {
        let mut body = Self { bytes: Vec::new(), ids: Vec::with_capacity(EVENTS) };
        let active: Vec<usize> = (0..ACTIVE).map(|_| random.random_range(0..USERS)).collect();
        for _ in 0..EVENTS {
            let user = active[random.random_range(0..ACTIVE)];
            let (host, category) = SITES[random.random_range(0..SITES.len())];
            let action = if category == "Gambling" { "blocked" } else { "allowed" };
            let time = (now - TimeDelta::milliseconds(random.random_range(0..60_000))).format("%Y-%m-%dT%H:%M:%S%.3fZ");
            write!(body.bytes, r#"{{"id":""#)?;
            body.ids.push(body.bytes.len());
            let (path, item) = (random.random_range(100_000..1_000_000), random.random_range(100..1_000));
            writeln!(
                body.bytes,
                r#"{:0digits$}","time":"{time}","action":"{action}","url":"https://{host}/v{path}?item={item}","category":["{category}"],"user":"pupil.{user:03}","group":"learner","device":"LT-{user:04}","address":"10.{}.{}.{}"}}"#,
                0,
                user / 256,
                user % 256,
                user % 7 + 10,
                digits = BATCH_DIGITS + EVENT_DIGITS
            )?;
        }
        let mean = body.bytes.len() / EVENTS;
        ensure!((200..=240).contains(&mean), "expected events of some 220 bytes, made {mean}");
        Ok(body)
    }

    /// The body of batch `number`, every event with an id of its own, at the end of `request`.
    pub fn append_to(&self, request: &mut Vec<u8>, number: u64) {
        let begin = request.len();
        request.extend_from_slice(&self.bytes);
        let mut batch = [0; BATCH_DIGITS];
        hex(number, &mut batch);
        for (event, at) in (0_u64..).zip(&self.ids) {
            let id = &mut request[begin + at..][..BATCH_DIGITS + EVENT_DIGITS];
            id[..BATCH_DIGITS].copy_from_slice(&batch);
            hex(event, &mut id[BATCH_DIGITS..]);
        }
    }

    /// Its length, whatever the ids are.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }
}

fn hex(number: u64, digits: &mut [u8]) {
    let last = digits.len() - 1;
    for (n, digit) in digits.iter_mut().enumerate() {
        *digit = b"0123456789abcdef"[((number >> (4 * (last - n))) & 15) as usize];
    }
}
