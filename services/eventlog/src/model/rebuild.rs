//! Whoever rebuilds the view: fills a generation beside the shown one, compares them, shows it, goes back.

use super::{
    guards::{Broken, Guard, Guards},
    log::{Event, Log, PARTITIONS, Transaction},
    view::{Fold, Generation, Name, View},
};

#[derive(Debug, Default)]
pub(super) struct Rebuild {
    generation: Option<i32>,
    /// Two, so that one of them may be of a rebuild that died and whose statements are under way still.
    pub(super) fills: [Fold; 2],
    /// The transaction that holds the shown checkpoints.
    shows: Option<Transaction>,
}

impl Rebuild {
    /// Makes the next generation, empty; drops the others that are not shown. A number may come again.
    pub(super) fn begin(&mut self, view: &mut View) -> bool {
        self.abandon(view);
        if view.hidden.iter().any(|hidden| hidden.checkpoints.iter().any(|at| at.held.is_some())) {
            return false;
        }
        let number = view.shown.number + 1;
        view.hidden = vec![Generation { number, building: true, ..Generation::default() }];
        self.generation = Some(number);
        true
    }

    pub(super) fn fill(&mut self, view: &mut View, log: &mut Log, guards: Guards, choice: usize) -> bool {
        let fill = &mut self.fills[choice % 2];
        match self.generation {
            Some(number) if fill.is_idle() => {
                let behind = view.behind(Name::Hidden(number), choice / 2 % PARTITIONS, false);
                *fill = behind.map_or(Fold::Idle, Fold::Knows);
                true
            }
            _ => fill.step(view, log, guards, 1 + choice % 3),
        }
    }

    /// Folds up to exactly what is shown, then compares; whether it could.
    pub(super) fn compare(&mut self, view: &mut View, log: &mut Log, guards: Guards) -> bool {
        let Some(number) = self.generation else { return false };
        let to = view.checkpoints.map(|at| at.offset);
        let Some(hidden) = view.generation(number) else { return false };
        let reaches = hidden.checkpoints.iter().zip(to).all(|(at, to)| at.offset <= to && at.held.is_none());
        if !reaches {
            return false;
        }
        self.fill_up(view, log, guards, to);
        let skips = view.skips.clone();
        let skipped = |p: usize, rows: &[Event]| rows.iter().any(|event| skips.contains(&(p, event.offset)));
        let shown = view.shown.rows.clone();
        let Some(hidden) = view.generation(number) else { return false };
        if hidden.rows != shown && !hidden.rows.iter().enumerate().any(|(p, rows)| skipped(p, rows)) {
            view.broken.insert(Broken::NoReplay);
        }
        true
    }

    /// Locks what is shown, folds what that has folded meanwhile, and then, by another step, shows it.
    pub(super) fn show(&mut self, view: &mut View, log: &mut Log, guards: Guards) -> bool {
        let Some(number) = self.generation else { return false };
        let Some(hidden) = view.generation(number) else { return false };
        if hidden.checkpoints.iter().any(|at| at.held.is_some()) {
            return false;
        }
        if self.shows.is_some() {
            self.fill_up(view, log, guards, view.checkpoints.map(|at| at.offset));
            return self.shown(view, number, guards, false);
        }
        if guards.hold(Guard::ShowHoldsCheckpoints) {
            if view.checkpoints.iter().any(|at| at.held.is_some()) {
                return false;
            }
            let transaction = log.number();
            view.checkpoints.iter_mut().for_each(|at| at.held = Some(transaction));
            self.shows = Some(transaction);
            return true;
        }
        self.shown(view, number, guards, false)
    }

    /// Without folding what is missing first, as a mistaken operator would call the database's function.
    pub(super) fn show_at_once(&mut self, view: &mut View, guards: Guards) -> bool {
        let Some(number) = self.generation else { return false };
        self.shown(view, number, guards, false)
    }

    pub(super) fn go_back(&mut self, view: &mut View, guards: Guards) -> bool {
        let kept = view.hidden.iter().find(|hidden| !hidden.building).map(|hidden| hidden.number);
        self.shows.is_none() && kept.is_some_and(|number| self.shown(view, number, guards, true))
    }

    /// `log.show_generation`: whether it was done.
    fn shown(&mut self, view: &mut View, number: i32, guards: Guards, back: bool) -> bool {
        let others = |at: Option<Transaction>| at.is_some() && at != self.shows;
        if guards.hold(Guard::ShowHoldsCheckpoints) && view.checkpoints.iter().any(|at| others(at.held)) {
            return false;
        }
        let Some(index) = view.hidden.iter().position(|hidden| hidden.number == number) else { return false };
        let hidden = &view.hidden[index];
        if hidden.checkpoints.iter().any(|at| at.held.is_some()) {
            return false;
        }
        let fell_behind = hidden.checkpoints.iter().zip(&view.checkpoints).any(|(is, was)| is.offset < was.offset);
        if fell_behind && !back && guards.hold(Guard::ShowNotBehind) {
            return false;
        }
        let holds_skipped =
            view.skips.iter().any(|(partition, offset)| hidden.rows[*partition].iter().any(|e| e.offset == *offset));
        if holds_skipped && guards.hold(Guard::SkipsBindGenerations) {
            return false;
        }
        if fell_behind && !back {
            view.broken.insert(Broken::FellBehind);
        }
        std::mem::swap(&mut view.shown, &mut view.hidden[index]);
        view.hidden[index].building = false;
        for partition in 0..PARTITIONS {
            let reached = view.shown.checkpoints[partition].offset;
            view.hidden[index].checkpoints[partition].offset = view.checkpoints[partition].offset;
            if guards.hold(Guard::ShowSwapsOffsets) {
                view.checkpoints[partition].offset = reached;
            }
        }
        self.generation = self.generation.filter(|_| back);
        self.abandon_show(view);
        true
    }

    fn fill_up(&mut self, view: &mut View, log: &mut Log, guards: Guards, to: [i64; PARTITIONS]) {
        let Some(number) = self.generation else { return };
        for (partition, to) in to.into_iter().enumerate() {
            let Some(from) = view.behind(Name::Hidden(number), partition, false) else { return };
            let mut fold = Fold::Knows(from);
            let takes = usize::try_from(to - from.offset).unwrap_or(0);
            while takes > 0 && fold.step(view, log, guards, takes) {}
        }
    }

    fn abandon_show(&mut self, view: &mut View) -> bool {
        let Some(transaction) = self.shows.take() else { return false };
        view.checkpoints.iter_mut().for_each(|at| {
            at.held.take_if(|by| *by == transaction);
        });
        true
    }

    /// It dies: PostgreSQL rolls back what it did not commit; a statement of its pool may be under way still.
    pub(super) fn abandon(&mut self, view: &mut View) -> bool {
        self.abandon_show(view);
        self.generation.take().is_some()
    }

    /// What is left under way comes to its end.
    pub(super) fn finish(&mut self, view: &mut View, log: &mut Log, guards: Guards) {
        self.abandon(view);
        for fill in &mut self.fills {
            while fill.step(view, log, guards, 1) {}
        }
    }
}
