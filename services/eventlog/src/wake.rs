//! Waking readers inside one process; across processes they poll.

use std::sync::Arc;

use tokio::sync::Notify;

/// Tells the readers of a log, in this process, that it has grown.
#[derive(Debug, Clone, Default)]
pub struct Wake(Arc<Notify>);

impl Wake {
    /// The log has grown.
    pub fn all(&self) {
        self.0.notify_waiters();
    }

    /// Waits for the next [`Wake::all`] after this call, even before it is first polled.
    pub(crate) fn woken(&self) -> impl Future<Output = ()> + '_ {
        self.0.notified()
    }
}
