//! Telling everything that runs to come to its end.

use std::time::Duration;

use tokio::sync::watch;

/// Asks for the end.
#[derive(Debug)]
pub struct Stopper(watch::Sender<bool>);

/// Learns that the end was asked for.
#[derive(Debug, Clone)]
pub struct Stop(watch::Receiver<bool>);

/// A pair of them. When the stopper is gone, the end has come as well.
pub fn channel() -> (Stopper, Stop) {
    let (sender, receiver) = watch::channel(false);
    (Stopper(sender), Stop(receiver))
}

impl Stopper {
    /// Asks everything to end.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }
}

impl Stop {
    /// Returns when the end was asked for, at once if it was before.
    pub async fn requested(&mut self) {
        // An error means that the stopper is gone.
        let _ = self.0.wait_for(|stopped| *stopped).await;
    }

    /// Waits that long; false when the end was asked for meanwhile.
    pub async fn pause(&mut self, time: Duration) -> bool {
        tokio::time::timeout(time, self.requested()).await.is_err()
    }
}
