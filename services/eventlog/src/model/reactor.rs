//! A reactor: a follower whose fold is an append of its own transaction, after which its checkpoint moves.

use super::{
    guards::{Guard, Guards},
    log::{Appender, CommandId, Event, Log, PARTITIONS, Purpose, Transaction, Work},
};

/// Where a reactor has come to in a partition, and the transaction that has the row locked.
pub(super) type Reached = [(i64, Option<Transaction>); PARTITIONS];

/// A process that runs reactor `of`; another may run the same one.
#[derive(Debug)]
pub(super) struct Reacting {
    pub(super) of: usize,
    pub(super) appender: Appender,
    stage: Stage,
}

#[derive(Debug, Default)]
enum Stage {
    #[default]
    Idle,
    Read(usize, Event),
    /// The checkpoint is moved and its row locked; the reaction is under way, or done.
    Moved(usize, Event, Transaction),
}

/// Events of these streams are what reactors react to; the others are their reactions.
pub(super) fn is_reacted_to(stream: usize) -> bool {
    stream < PARTITIONS
}

impl Reacting {
    pub(super) fn new(of: usize) -> Self {
        Self { of, appender: Appender::default(), stage: Stage::Idle }
    }

    pub(super) fn step(&mut self, reached: &mut Reached, log: &mut Log, guards: Guards, partition: usize) -> bool {
        self.stage = match std::mem::take(&mut self.stage) {
            Stage::Idle => match log.read(partition, reached[partition].0, 1).first() {
                Some(event) => Stage::Read(partition, *event),
                None => return false,
            },
            Stage::Read(partition, event) => {
                let (offset, held) = &mut reached[partition];
                if held.is_some() {
                    self.stage = Stage::Read(partition, event);
                    return false;
                }
                if *offset == event.offset - 1 {
                    let transaction = log.number();
                    *held = Some(transaction);
                    if !guards.hold(Guard::ReactFirst) {
                        *offset = event.offset;
                    }
                    self.appender.work = self.reaction(partition, event, log, guards);
                    Stage::Moved(partition, event, transaction)
                } else {
                    Stage::Idle
                }
            }
            Stage::Moved(partition, event, transaction) => {
                if self.appender.work.is_some() {
                    self.stage = Stage::Moved(partition, event, transaction);
                    return self.appender.step(log, guards);
                }
                let (offset, held) = &mut reached[partition];
                if held.take_if(|by| *by == transaction).is_some() {
                    *offset = event.offset;
                }
                Stage::Idle
            }
        };
        true
    }

    fn reaction(&self, partition: usize, event: Event, log: &mut Log, guards: Guards) -> Option<Work> {
        let offset = event.offset;
        let command_id = if guards.hold(Guard::ReactionByPosition) {
            let reactor = guards.hold(Guard::ReactionByReactor).then_some(self.of);
            CommandId::OfReactor { reactor, partition, offset }
        } else {
            CommandId::Chosen(log.number())
        };
        let purpose = Purpose::Reaction { reactor: self.of, partition, offset };
        is_reacted_to(event.stream).then_some(Work { purpose, command_id, stream: event.stream + PARTITIONS })
    }

    /// PostgreSQL ends the session that holds the checkpoint; the process does not know, and its append goes on.
    pub(super) fn end_session(&self, reached: &mut Reached) -> bool {
        let Stage::Moved(partition, _, transaction) = self.stage else { return false };
        reached[partition].1.take_if(|by| *by == transaction).is_some()
    }

    /// Dies, at worst between its append and its checkpoint; another begins in its place.
    pub(super) fn crash(&mut self, reached: &mut Reached, log: &mut Log) -> bool {
        self.appender.abort(log);
        let held = self.end_session(reached);
        *self = Self::new(self.of);
        held
    }
}
