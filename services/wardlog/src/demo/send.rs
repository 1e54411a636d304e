//! Sending the day: batch by batch, several schools at once, some of it twice on purpose.

mod door;

use access::IngestKey;
use anyhow::{Result, ensure};
use chrono::NaiveDate;
use futures_util::{StreamExt, TryStreamExt, stream};

use super::{
    expected::Expected,
    generate::{Day, Event, Shape, Temper, day, tempers},
    options::Options,
    progress::Progress,
    schools::SchoolFacts,
};
pub use door::{Batch, Counted, DoorClient};

/// How many schools send at once.
const AT_ONCE: usize = 4;

/// What was sent of a school.
pub struct Sent {
    /// The school.
    pub school: SchoolFacts,
    /// What the figures must be.
    pub expected: Expected,
    /// Batches with something new in them.
    pub batches: u64,
    /// Events, each counted once.
    pub events: u64,
    /// Batches sent again under their own ids.
    pub repeated: u64,
    /// Events sent again under new batch ids.
    pub resent_events: u64,
}

/// Where and how to send.
pub struct Sender<'a> {
    /// The client that all schools share.
    pub http: &'a reqwest::Client,
    /// `http://` and the address.
    pub base: &'a str,
    /// What to send.
    pub options: &'a Options,
    /// The day.
    pub date: NaiveDate,
}

/// One school that is about to send.
struct Errand {
    school: SchoolFacts,
    temper: Temper,
    door: DoorClient,
    /// The number of its first batch among those of all schools: which ones go twice is settled over all of them.
    first_batch: u64,
}

impl Sender<'_> {
    /// Sends the day of every school and waits until all of it has been counted.
    pub async fn send_all(&self, schools: Vec<SchoolFacts>, keys: &[IngestKey]) -> Result<Vec<Sent>> {
        let (errands, events) = self.errands(schools, keys);
        let bar = Progress::new("events sent");
        bar.set(0, events);
        let sent =
            stream::iter(errands).map(|errand| self.send_school(errand, &bar)).buffered(AT_ONCE).try_collect().await;
        bar.finish();
        sent
    }

    fn errands(&self, schools: Vec<SchoolFacts>, keys: &[IngestKey]) -> (Vec<Errand>, u64) {
        let tempers = tempers(schools.len(), self.options.seed);
        let (mut first_batch, mut all) = (0, 0);
        let mut errands = Vec::with_capacity(schools.len());
        for ((school, temper), key) in schools.into_iter().zip(tempers).zip(keys) {
            let temper = if school.open { temper } else { Temper::NoEvents };
            let events = self.day(&school, temper).len() as u64;
            let door = DoorClient::new(self.http.clone(), self.base, key);
            errands.push(Errand { school, temper, door, first_batch });
            first_batch += events.div_ceil(self.options.batch.into());
            all += events;
        }
        (errands, all)
    }

    fn day(&self, school: &SchoolFacts, temper: Temper) -> Day {
        day(school, temper, self.options.seed, self.date, self.shape())
    }

    fn shape(&self) -> Shape {
        self.options.shape()
    }

    async fn send_school(&self, errand: Errand, bar: &Progress) -> Result<Sent> {
        let mut day = self.day(&errand.school, errand.temper);
        let Errand { school, door, first_batch, .. } = errand;
        let mut sent =
            Sent { school, expected: Expected::default(), batches: 0, events: 0, repeated: 0, resent_events: 0 };
        let mut last = None;
        let mut again = Vec::new();
        loop {
            let events: Vec<Event> = day.by_ref().take(self.options.batch as usize).collect();
            if events.is_empty() {
                break;
            }
            for event in &events {
                sent.expected.add(event);
            }
            let id = format!("demo-{}-{:05}", self.date, sent.batches);
            send_events(&door, &id, &events).await?;
            if goes_twice(first_batch + sent.batches, self.options.duplicates) {
                send_events(&door, &id, &events).await?;
                let new_id = format!("{id}-again");
                send_events(&door, &new_id, &events).await?;
                sent.repeated += 1;
                sent.resent_events += events.len() as u64;
                again.push((new_id, events.len() as u64));
            }
            sent.batches += 1;
            sent.events += events.len() as u64;
            bar.add(events.len() as u64);
            last = Some((id, events.len() as u64));
        }
        // A school's batches are counted in the order in which they were stored: after the last one all of them are.
        if let Some((id, events)) = last {
            door.ensure_counted(&id, Counted { counted: events, duplicates: 0 }).await?;
        }
        for (id, events) in again {
            door.ensure_counted(&id, Counted { counted: 0, duplicates: events }).await?;
        }
        Ok(sent)
    }
}

/// Every so-manieth batch, evenly: `percent` of them.
fn goes_twice(number: u64, percent: u32) -> bool {
    let before = |number: u64| number * u64::from(percent) / 100;
    before(number + 1) > before(number)
}

async fn send_events(door: &DoorClient, id: &str, events: &[Event]) -> Result<()> {
    let mut lines = Vec::with_capacity(events.len() * 256);
    for event in events {
        serde_json::to_writer(&mut lines, event)?;
        lines.push(b'\n');
    }
    let zstd = zstd::encode_all(lines.as_slice(), 1)?;
    let accepted = door.send(&Batch { id, path: "filter-events", media_type: "application/x-ndjson", zstd }).await?;
    ensure!(accepted == events.len() as u64, "batch {id}: the door accepted {accepted} of {} events", events.len());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wanted_part_of_the_batches_goes_twice_evenly() {
        let of_200 = |percent| (0..200).filter(|&n| goes_twice(n, percent)).collect::<Vec<_>>();
        assert_eq!(of_200(2), [49, 99, 149, 199]);
        assert_eq!((of_200(0).len(), of_200(50).len(), of_200(100).len()), (0, 100, 200));
    }
}
