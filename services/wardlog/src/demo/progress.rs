//! Progress of long work: a bar on a terminal, a plain line for every quarter elsewhere.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use indicatif::{ProgressBar, ProgressStyle};

/// How far something is.
pub struct Progress {
    what: &'static str,
    bar: ProgressBar,
    quarters: AtomicU64,
}

impl Progress {
    /// Of `what` is counted.
    pub fn new(what: &'static str) -> Self {
        let template = "  {wide_bar} {human_pos} of {human_len} {msg}, {eta} left";
        let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = ProgressBar::new(0).with_style(style).with_message(what);
        bar.enable_steady_tick(Duration::from_millis(200));
        Self { what, bar, quarters: AtomicU64::new(0) }
    }

    /// So many are done of a total.
    pub fn set(&self, done: u64, total: u64) {
        self.bar.set_length(total);
        self.bar.set_position(done);
        self.tell(done, total);
    }

    /// So many more are done.
    pub fn add(&self, more: u64) {
        self.bar.inc(more);
        self.tell(self.bar.position(), self.bar.length().unwrap_or(0));
    }

    /// All are done.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }

    fn tell(&self, done: u64, total: u64) {
        let quarters = (done * 4).checked_div(total).unwrap_or(0);
        if quarters > self.quarters.fetch_max(quarters, Ordering::Relaxed) && self.bar.is_hidden() {
            println!("  {done} of {total} {}", self.what);
        }
    }
}
