//! A process that folds the view: its heartbeat, its leases by the real rules, its folds, and what can befall it.

use std::{collections::VecDeque, time::Duration};

use uuid::Uuid;

use super::{
    guards::Guards,
    log::{Log, PARTITIONS},
    view::{Fold, Name, View},
};
use crate::{
    Partition,
    lease::{Lease, Move, Pulse, Watch, moves},
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Life {
    Awake,
    /// Stopped, with all that it knows; its connections are there until PostgreSQL ends them.
    Asleep,
    /// It folds no more and hands over.
    Leaving,
    Gone,
}

#[derive(Debug)]
pub(super) struct Process {
    id: Uuid,
    pub(super) life: Life,
    connected: bool,
    watch: Watch,
    moves: VecDeque<Move>,
    looked: bool,
    pub(super) fold: Fold,
}

impl Process {
    /// A run of its own, with an id of its own.
    pub(super) fn start(number: u32) -> Self {
        Self {
            id: Uuid::from_u128(number.into()),
            life: Life::Awake,
            connected: true,
            watch: Watch::default(),
            moves: VecDeque::new(),
            looked: false,
            fold: Fold::Idle,
        }
    }

    pub(super) fn is_connected(&self, id: Uuid) -> bool {
        self.id == id && self.connected
    }

    pub(super) fn id(&self) -> Uuid {
        self.id
    }

    /// Shows that it lives, sees who else does, and decides what to move; `connected` are those whose lock is held.
    pub(super) fn look(&mut self, view: &mut View, connected: &[Uuid], elapsed: Duration) -> bool {
        if !matches!(self.life, Life::Awake | Life::Leaving) || !self.moves.is_empty() {
            return false;
        }
        self.connected = true;
        *view.beats.entry(self.id).or_default() += 1;
        let is_connected = |id: &Uuid| connected.contains(id) || *id == self.id;
        let pulse = |(id, beats): (&Uuid, &i64)| Pulse { follower: *id, beats: *beats, connected: is_connected(id) };
        let pulses: Vec<Pulse> = view.beats.iter().map(pulse).collect();
        let mut living = self.watch.alive(elapsed, &pulses);
        view.beats.retain(|id, _| living.contains(id));
        if self.life == Life::Leaving {
            living.remove(&self.id);
        }
        let leases: Vec<Lease> = (0_i16..)
            .zip(&view.checkpoints)
            .map(|(p, at)| Lease { partition: Partition(p), epoch: at.epoch, follower: at.follower })
            .collect();
        self.moves = moves(self.id, &living, &leases).into();
        self.looked = true;
        true
    }

    /// Carries out the next change of hands that it has decided on; when it leaves and has none, it is gone.
    pub(super) fn carry_out(&mut self, view: &mut View) -> bool {
        if !matches!(self.life, Life::Awake | Life::Leaving) {
            return false;
        }
        let Some(Move { lease, to }) = self.moves.pop_front() else {
            return self.life == Life::Leaving && self.looked && self.forget(view);
        };
        let at = &mut view.checkpoints[usize::try_from(lease.partition.number()).unwrap()];
        if at.held.is_some() {
            self.moves.clear(); // the lock was not given within two seconds
        } else if at.epoch == lease.epoch {
            at.epoch += 1;
            at.follower = to;
        }
        true
    }

    fn forget(&mut self, view: &mut View) -> bool {
        view.beats.remove(&self.id);
        self.life = Life::Gone;
        self.connected = false;
        true
    }

    /// Reads how far a partition of its own has come.
    pub(super) fn learn(&mut self, view: &mut View, partition: usize) -> bool {
        let holds = view.checkpoints[partition].follower == Some(self.id);
        if self.life != Life::Awake || !self.fold.is_idle() || !holds {
            return false;
        }
        self.fold = view.behind(Name::Shown, partition, true).map_or(Fold::Idle, Fold::Knows);
        true
    }

    pub(super) fn fold(&mut self, view: &mut View, log: &mut Log, guards: Guards, takes: usize) -> bool {
        self.life == Life::Awake && self.fold.step(view, log, guards, takes)
    }

    /// Dies; PostgreSQL sees its connections go.
    pub(super) fn crash(&mut self, view: &mut View) -> bool {
        self.fold.end_session(view);
        self.fold = Fold::Idle;
        self.connected = false;
        std::mem::replace(&mut self.life, Life::Gone) != Life::Gone
    }

    /// PostgreSQL takes it for gone, though it may only sleep.
    pub(super) fn end_sessions(&mut self, view: &mut View) -> bool {
        let folded = self.fold.end_session(view);
        std::mem::take(&mut self.connected) || folded
    }

    pub(super) fn sleep_or_wake(&mut self) -> bool {
        self.life = match self.life {
            Life::Awake => Life::Asleep,
            Life::Asleep => Life::Awake,
            Life::Leaving | Life::Gone => return false,
        };
        true
    }

    pub(super) fn leave(&mut self) -> bool {
        if self.life != Life::Awake || !self.fold.is_idle() {
            return false;
        }
        (self.life, self.looked) = (Life::Leaving, false);
        self.moves.clear();
        true
    }

    /// What a healthy process does within two seconds.
    pub(super) fn round(&mut self, view: &mut View, log: &mut Log, guards: Guards, connected: &[Uuid]) {
        if self.life == Life::Gone || self.life == Life::Asleep {
            return;
        }
        while self.carry_out(view) {}
        self.look(view, connected, Duration::from_secs(2));
        while self.carry_out(view) {}
        for partition in (0..PARTITIONS).cycle().take(4 * PARTITIONS) {
            self.learn(view, partition);
            while self.fold(view, log, guards, 100) {}
        }
    }
}
