//! The log's partitions, and a transaction that appends to one of them, statement by statement.

use std::collections::BTreeSet;

use super::guards::{Broken, Guard, Guards};

pub(super) const PARTITIONS: usize = 2;

/// A database transaction, never the same twice.
pub(super) type Transaction = u32;

/// What an append is for; the log should hold it once, however often it is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Command(u32),
    Reaction { reactor: usize, partition: usize, offset: i64 },
}

/// A command id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CommandId {
    Chosen(u32),
    OfReactor { reactor: Option<usize>, partition: usize, offset: i64 },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Event {
    pub(super) offset: i64,
    pub(super) stream: usize,
    pub(super) version: i64,
    pub(super) command_id: CommandId,
    pub(super) purpose: Purpose,
}

impl Event {
    /// Whether the view's present rules cannot fold it; mended ones can.
    pub(super) fn is_poison(&self) -> bool {
        matches!(self.purpose, Purpose::Command(n) if n % 4 == 2)
    }
}

#[derive(Debug, Default)]
pub(super) struct Log {
    /// In the order of the commits.
    pub(super) events: [Vec<Event>; PARTITIONS],
    pub(super) acknowledged: Vec<Purpose>,
    pub(super) denied: Vec<Purpose>,
    pub(super) broken: BTreeSet<Broken>,
    /// Sent to commit; nobody knows the outcome, PostgreSQL itself may not have got to it yet.
    pub(super) in_doubt: Vec<Transaction>,
    inserted: Vec<(Transaction, usize, Event)>,
    locks: [Option<Transaction>; PARTITIONS],
    sequences: [i64; PARTITIONS],
    read_up_to: [i64; PARTITIONS],
    numbers: u32,
}

/// What an append reads before it decides.
#[derive(Debug, Clone, Copy)]
struct Seen {
    /// The stream that the command id is stored for.
    stored: Option<usize>,
    version: i64,
    tail: i64,
}

impl Log {
    /// A number that was not used before.
    pub(super) fn number(&mut self) -> u32 {
        self.numbers += 1;
        self.numbers
    }

    /// At most `limit` events after an offset, in order.
    pub(super) fn read(&self, partition: usize, after: i64, limit: usize) -> Vec<Event> {
        let mut events: Vec<Event> = self.events[partition].iter().filter(|e| e.offset > after).copied().collect();
        events.sort_by_key(|event| event.offset);
        events.truncate(limit);
        events
    }

    pub(super) fn tail(&self, partition: usize) -> i64 {
        self.events[partition].iter().map(|event| event.offset).max().unwrap_or(0)
    }

    /// A reader comes by that reads all there is.
    pub(super) fn peek(&mut self, partition: usize) {
        self.read_up_to[partition] = self.tail(partition);
    }

    fn see(&self, partition: usize, work: &Work) -> Seen {
        let events = &self.events[partition];
        let versions = events.iter().filter(|event| event.stream == work.stream).map(|event| event.version);
        Seen {
            stored: events.iter().find(|event| event.command_id == work.command_id).map(|event| event.stream),
            version: versions.max().unwrap_or(0),
            tail: self.tail(partition),
        }
    }

    /// Ends a transaction that appends.
    pub(super) fn end(&mut self, transaction: Transaction, commit: bool) {
        self.in_doubt.retain(|it| *it != transaction);
        for lock in &mut self.locks {
            lock.take_if(|holder| *holder == transaction);
        }
        if let Some(at) = self.inserted.iter().position(|(by, ..)| *by == transaction) {
            let (_, partition, event) = self.inserted.swap_remove(at);
            if commit {
                self.store(partition, event);
            }
        }
    }

    fn store(&mut self, partition: usize, event: Event) {
        let events = &mut self.events[partition];
        let of_stream = events.iter().filter(|e| e.stream == event.stream).count();
        if usize::try_from(event.offset) != Ok(events.len() + 1) {
            self.broken.insert(Broken::Offsets);
        }
        if event.offset <= self.read_up_to[partition] {
            self.broken.insert(Broken::Late);
        }
        if usize::try_from(event.version) != Ok(of_stream + 1) {
            self.broken.insert(Broken::Versions);
        }
        if events.iter().any(|e| e.purpose == event.purpose) {
            self.broken.insert(Broken::Twice);
        }
        if self.denied.contains(&event.purpose) {
            self.broken.insert(Broken::Denied);
        }
        events.push(event);
    }
}

/// What somebody wants appended.
#[derive(Debug, Clone, Copy)]
pub(super) struct Work {
    pub(super) purpose: Purpose,
    pub(super) command_id: CommandId,
    /// Its partition is its number modulo [`PARTITIONS`].
    pub(super) stream: usize,
}

/// Somebody who appends, one thing after another, until each is acknowledged.
#[derive(Debug, Default)]
pub(super) struct Appender {
    pub(super) work: Option<Work>,
    stage: Stage,
}

#[derive(Debug, Default)]
enum Stage {
    #[default]
    Idle,
    Began(Transaction, i64, Seen),
    Locked(Transaction, i64, Seen),
    Chose(Transaction, Event),
    Inserted(Transaction),
    InDoubt,
}

impl Appender {
    /// Its next statement; whether there was one, and it did not have to wait.
    pub(super) fn step(&mut self, log: &mut Log, guards: Guards) -> bool {
        let Some(work) = self.work else { return false };
        let partition = work.stream % PARTITIONS;
        self.stage = match std::mem::take(&mut self.stage) {
            Stage::Idle => {
                let seen = log.see(partition, &work);
                Stage::Began(log.number(), seen.version, seen)
            }
            Stage::Began(transaction, expected, seen) => {
                if guards.hold(Guard::Lock) {
                    if log.locks[partition].is_some() {
                        self.stage = Stage::Began(transaction, expected, seen);
                        return false;
                    }
                    log.locks[partition] = Some(transaction);
                }
                Stage::Locked(transaction, expected, seen)
            }
            Stage::Locked(transaction, expected, seen) => {
                let seen = if guards.hold(Guard::FreshSnapshot) { log.see(partition, &work) } else { seen };
                self.choose(log, guards, (transaction, expected, seen))
            }
            Stage::Chose(transaction, event) => {
                let same = |e: &Event| {
                    e.offset == event.offset
                        || e.command_id == event.command_id
                        || (e.stream, e.version) == (event.stream, event.version)
                };
                if guards.hold(Guard::Unique) && log.inserted.iter().any(|(_, p, e)| *p == partition && same(e)) {
                    self.stage = Stage::Chose(transaction, event);
                    return false;
                }
                if guards.hold(Guard::Unique) && log.events[partition].iter().any(same) {
                    log.broken.insert(Broken::Refused);
                    log.end(transaction, false);
                    Stage::Idle
                } else {
                    log.inserted.push((transaction, partition, event));
                    Stage::Inserted(transaction)
                }
            }
            Stage::Inserted(transaction) => {
                log.end(transaction, true);
                self.acknowledge(log)
            }
            Stage::InDoubt => self.ask(log, guards),
        };
        true
    }

    /// Decides under the lock what is inserted, if anything.
    fn choose(&mut self, log: &mut Log, guards: Guards, at: (Transaction, i64, Seen)) -> Stage {
        let (transaction, expected, seen) = at;
        let Some(work) = self.work else { return Stage::Idle };
        if let Some(stream) = seen.stored.filter(|_| guards.hold(Guard::Idempotency)) {
            log.end(transaction, false);
            if stream == work.stream {
                return self.acknowledge(log);
            }
            log.broken.insert(Broken::Refused); // the id was used before, for another stream
            return Stage::Idle;
        }
        if seen.version != expected && guards.hold(Guard::Version) {
            log.end(transaction, false);
            return Stage::Idle; // loads and decides again
        }
        let sequence = &mut log.sequences[work.stream % PARTITIONS];
        *sequence += 1;
        let offset = if guards.hold(Guard::Tail) { seen.tail + 1 } else { *sequence };
        let Work { purpose, command_id, stream } = work;
        Stage::Chose(transaction, Event { offset, stream, version: expected + 1, command_id, purpose })
    }

    /// Finds out what became of a commit whose answer was lost.
    fn ask(&mut self, log: &mut Log, guards: Guards) -> Stage {
        let Some(work) = &mut self.work else { return Stage::Idle };
        if !guards.hold(Guard::SameIdOnUnknown) {
            work.command_id = CommandId::Chosen(log.number());
        } else if !guards.hold(Guard::AskUnderLock) {
            let work = *work;
            if log.see(work.stream % PARTITIONS, &work).stored.is_some() {
                return self.acknowledge(log);
            }
            log.denied.push(work.purpose);
            self.work = None;
        }
        Stage::Idle
    }

    fn acknowledge(&mut self, log: &mut Log) -> Stage {
        log.acknowledged.extend(self.work.take().map(|work| work.purpose));
        Stage::Idle
    }

    /// Its connection is gone: PostgreSQL rolls back; it does not know and begins again.
    pub(super) fn abort(&mut self, log: &mut Log) -> bool {
        match std::mem::take(&mut self.stage) {
            Stage::Began(transaction, ..)
            | Stage::Locked(transaction, ..)
            | Stage::Chose(transaction, _)
            | Stage::Inserted(transaction) => {
                log.end(transaction, false);
                true
            }
            stage @ (Stage::Idle | Stage::InDoubt) => {
                self.stage = stage;
                false
            }
        }
    }

    /// It commits and the answer is lost; the commit may be done now, later, or never.
    pub(super) fn lose_answer(&mut self, log: &mut Log) -> bool {
        let Stage::Inserted(transaction) = self.stage else { return false };
        log.in_doubt.push(transaction);
        self.stage = Stage::InDoubt;
        true
    }
}
