//! Everything together: the steps that can come next, and what must be true when everybody has come to rest.

use std::{collections::BTreeSet, fmt, time::Duration};

use uuid::Uuid;

use super::{
    guards::{Broken, Guard, Guards},
    log::{Appender, CommandId, Log, PARTITIONS, Purpose, Work},
    process::{Life, Process},
    reactor::{Reached, Reacting, is_reacted_to},
    rebuild::Rebuild,
    view::{Fold, Name, View},
};

/// After so many events in a partition nobody commands any more: what can go wrong does so with few.
const ENOUGH: usize = 9;

/// What happens next, to whom; which of several ways follows from the number, too.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Step(pub(super) Act, pub(super) usize);

impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}:{}", self.0, self.1)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Act {
    /// A writer goes on, with a new command if it has none.
    Write,
    WriterLosesConnection,
    WriterLosesAnswer,
    CommitInDoubtHappens,
    CommitInDoubtFails,
    /// A reader comes by that reads all of a partition.
    Peek,
    Look,
    CarryOut,
    Learn,
    Fold,
    CatchUp,
    Crash,
    EndSessions,
    SleepOrWake,
    Leave,
    Start,
    React,
    ReactorCrashes,
    ReactorSessionEnds,
    ReactorLosesConnection,
    ReactorLosesAnswer,
    RebuildBegins,
    Fill,
    Compare,
    Show,
    ShowAtOnce,
    GoBack,
    RebuildDies,
    Skip,
    Mend,
}

/// How often each comes.
pub(super) const WEIGHTS: [(Act, u64); 30] = [
    (Act::Write, 24),
    (Act::WriterLosesConnection, 1),
    (Act::WriterLosesAnswer, 3),
    (Act::CommitInDoubtHappens, 2),
    (Act::CommitInDoubtFails, 2),
    (Act::Peek, 3),
    (Act::Look, 8),
    (Act::CarryOut, 10),
    (Act::Learn, 12),
    (Act::Fold, 20),
    (Act::CatchUp, 6),
    (Act::Crash, 1),
    (Act::EndSessions, 1),
    (Act::SleepOrWake, 3),
    (Act::Leave, 1),
    (Act::Start, 2),
    (Act::React, 24),
    (Act::ReactorCrashes, 2),
    (Act::ReactorSessionEnds, 2),
    (Act::ReactorLosesConnection, 1),
    (Act::ReactorLosesAnswer, 2),
    (Act::RebuildBegins, 2),
    (Act::Fill, 10),
    (Act::Compare, 2),
    (Act::Show, 4),
    (Act::ShowAtOnce, 1),
    (Act::GoBack, 1),
    (Act::RebuildDies, 1),
    (Act::Skip, 4),
    (Act::Mend, 1),
];

#[derive(Debug)]
pub(super) struct World {
    guards: Guards,
    log: Log,
    writers: [Appender; 3],
    commands: u32,
    view: View,
    processes: [Process; 3],
    catch_up: Fold,
    reached: [Reached; 2],
    reactors: [Reacting; 4],
    rebuild: Rebuild,
}

impl World {
    pub(super) fn new(guards: Guards) -> Self {
        let mut log = Log::default();
        let processes = std::array::from_fn(|_| Process::start(log.number()));
        let mut view = View::default();
        view.shown.number = 1;
        Self {
            guards,
            log,
            writers: std::array::from_fn(|_| Appender::default()),
            commands: 0,
            view,
            processes,
            catch_up: Fold::Idle,
            reached: [[(0, None); PARTITIONS]; 2],
            reactors: std::array::from_fn(|n| Reacting::new(n % 2)),
            rebuild: Rebuild::default(),
        }
    }

    /// Takes a step, if it can be taken now; whether it could.
    pub(super) fn step(&mut self, Step(act, n): Step) -> bool {
        let Self { guards, log, view, reached, rebuild, .. } = self;
        let (log, view, guards) = (log, view, *guards);
        let (a_writer, a_process) = (n % self.writers.len(), n % self.processes.len());
        let choice = n / self.processes.len();
        let writer = &mut self.writers[a_writer];
        let process = &mut self.processes[a_process];
        let reactor = &mut self.reactors[n % 4];
        let of_reactor = &mut reached[reactor.of];
        match act {
            Act::Write => self.write(a_writer),
            Act::WriterLosesConnection => writer.abort(log),
            Act::WriterLosesAnswer => writer.lose_answer(log),
            Act::CommitInDoubtHappens => log.in_doubt.first().copied().is_some_and(|it| end_in_doubt(log, it, true)),
            Act::CommitInDoubtFails => log.in_doubt.first().copied().is_some_and(|it| end_in_doubt(log, it, false)),
            Act::Peek => {
                log.peek(n % PARTITIONS);
                true
            }
            Act::Look => self.look(a_process, choice),
            Act::CarryOut => process.carry_out(view),
            Act::Learn => process.learn(view, choice % PARTITIONS),
            Act::Fold => process.fold(view, log, guards, 1 + choice % 3),
            Act::CatchUp if self.catch_up.is_idle() => {
                self.catch_up = view.behind(Name::Shown, n % PARTITIONS, false).map_or(Fold::Idle, Fold::Knows);
                true
            }
            Act::CatchUp => self.catch_up.step(view, log, guards, 1 + n % 3),
            Act::Crash => process.crash(view),
            Act::EndSessions => process.end_sessions(view),
            Act::SleepOrWake => process.sleep_or_wake(),
            Act::Leave => process.leave(),
            Act::Start if process.life == Life::Gone => {
                *process = Process::start(log.number());
                true
            }
            Act::Start => false,
            Act::React => reactor.step(of_reactor, log, guards, n / 4 % PARTITIONS),
            Act::ReactorCrashes => reactor.crash(of_reactor, log),
            Act::ReactorSessionEnds => reactor.end_session(of_reactor),
            Act::ReactorLosesConnection => reactor.appender.abort(log),
            Act::ReactorLosesAnswer => reactor.appender.lose_answer(log),
            Act::RebuildBegins => rebuild.begin(view),
            Act::Fill => rebuild.fill(view, log, guards, n),
            Act::Compare => rebuild.compare(view, log, guards),
            Act::Show => rebuild.show(view, log, guards),
            Act::ShowAtOnce => rebuild.show_at_once(view, guards),
            Act::GoBack => rebuild.go_back(view, guards),
            Act::RebuildDies => rebuild.abandon(view),
            Act::Skip => view.skip(n % PARTITIONS, guards),
            Act::Mend => !std::mem::replace(&mut view.mended, true),
        }
    }

    fn write(&mut self, writer: usize) -> bool {
        let partition = writer % PARTITIONS;
        if self.writers[writer].work.is_none() && self.log.events[partition].len() < ENOUGH {
            self.commands += 1;
            let mut command_id = CommandId::Chosen(self.log.number());
            if !self.guards.hold(Guard::ReactionIdsReserved) && self.commands.is_multiple_of(3) {
                command_id = CommandId::OfReactor { reactor: Some(0), partition, offset: self.log.tail(partition) + 1 };
            }
            let purpose = Purpose::Command(self.commands);
            self.writers[writer].work = Some(Work { purpose, command_id, stream: partition });
        }
        self.writers[writer].step(&mut self.log, self.guards)
    }

    fn look(&mut self, process: usize, choice: usize) -> bool {
        let elapsed = [0, 1, 2, 60][choice % 4];
        let connected = self.connected();
        self.processes[process].look(&mut self.view, &connected, Duration::from_secs(elapsed))
    }

    fn connected(&self) -> Vec<Uuid> {
        self.processes.iter().map(Process::id).filter(|id| self.processes.iter().any(|p| p.is_connected(*id))).collect()
    }

    /// Looks at what must be true at all times; what was found so far not to be.
    pub(super) fn broken(&mut self) -> BTreeSet<Broken> {
        self.view.check(&self.log);
        self.log.broken.union(&self.view.broken).copied().collect()
    }

    /// Nothing goes wrong any more and everybody has time; what is broken then.
    pub(super) fn settle(&mut self) -> BTreeSet<Broken> {
        let (guards, log, view) = (self.guards, &mut self.log, &mut self.view);
        while let Some(transaction) = log.in_doubt.first().copied() {
            log.end(transaction, transaction.is_multiple_of(2));
        }
        view.mended = true;
        self.rebuild.finish(view, log, guards);
        for process in &mut self.processes {
            if process.life == Life::Asleep {
                process.fold.end_session(view); // its own connection may stay: then its heartbeat must lapse
            }
        }
        while self.catch_up.step(view, log, guards, 1) {}
        self.append_and_react();
        let (log, view) = (&mut self.log, &mut self.view);
        if self.processes.iter().all(|process| matches!(process.life, Life::Gone | Life::Asleep | Life::Leaving)) {
            self.processes[0].crash(view);
            self.processes[0] = Process::start(log.number());
        }
        for _ in 0..9 {
            let connected = self.connected();
            for process in &mut self.processes {
                process.round(&mut self.view, &mut self.log, guards, &connected);
            }
        }
        let mut broken = self.broken();
        broken.extend(self.unfinished());
        broken
    }

    /// Every writer is answered and every reactor reads to the end.
    fn append_and_react(&mut self) {
        let (guards, log) = (self.guards, &mut self.log);
        for _ in 0..60 {
            for reactor in &mut self.reactors {
                reactor.step(&mut self.reached[reactor.of], log, guards, 0);
                reactor.appender.step(log, guards);
            }
            for writer in &mut self.writers {
                writer.step(log, guards);
            }
        }
        for partition in (0..PARTITIONS).cycle().take(40) {
            for reactor in &mut self.reactors {
                for _ in 0..12 {
                    reactor.step(&mut self.reached[reactor.of], log, guards, partition);
                }
            }
        }
    }

    fn unfinished(&self) -> BTreeSet<Broken> {
        let mut broken = BTreeSet::new();
        let stored = |purpose| self.log.events.iter().flatten().any(|event| event.purpose == purpose);
        if !self.log.acknowledged.iter().all(|purpose| stored(*purpose)) {
            broken.insert(Broken::Lost);
        }
        if self.writers.iter().any(|writer| writer.work.is_some()) {
            broken.insert(Broken::Stuck);
        }
        for partition in 0..PARTITIONS {
            if self.view.checkpoints[partition].offset != self.log.tail(partition) {
                broken.insert(Broken::Stuck);
            }
            for event in self.log.events[partition].iter().filter(|event| is_reacted_to(event.stream)) {
                let reacted = |reactor| stored(Purpose::Reaction { reactor, partition, offset: event.offset });
                if !(0..2).all(reacted) {
                    broken.insert(Broken::Unreacted);
                }
            }
        }
        broken
    }
}

fn end_in_doubt(log: &mut Log, transaction: u32, commit: bool) -> bool {
    log.end(transaction, commit);
    true
}
