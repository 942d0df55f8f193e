//! When a handler has to come to its end.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use futures_util::{
    FutureExt as _,
    future::{BoxFuture, select},
};
use tokio::time::sleep;

/// How long before the end of its time a handler has to stop: so that it can still write where it is.
const MARGIN: Duration = Duration::from_secs(6);

/// Ready when a handler has to stop what it does and give it back: shortly before its time is up, or because whoever runs it
/// is told to stop.
pub struct Curfew(BoxFuture<'static, ()>);

impl Curfew {
    /// One that comes when `told` does, if the time is not up before.
    #[must_use]
    pub fn or(self, told: impl Future<Output = ()> + Send + 'static) -> Self {
        Self(select(self.0, told.boxed()).map(|_| ()).boxed())
    }
}

/// For a handler that has so much time.
impl From<Duration> for Curfew {
    fn from(time: Duration) -> Self {
        Self(sleep(time.saturating_sub(MARGIN)).boxed())
    }
}

impl Future for Curfew {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.0.poll_unpin(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::timeout;

    use super::*;

    const TIME: Duration = Duration::from_mins(1);

    /// After how many seconds it comes.
    async fn seconds(mut curfew: Curfew) -> u64 {
        let mut seconds = 0;
        while timeout(Duration::from_millis(999), &mut curfew).await.is_err() {
            sleep(Duration::from_millis(1)).await;
            seconds += 1;
        }
        seconds
    }

    #[tokio::test(start_paused = true)]
    async fn it_comes_before_the_time_is_up() {
        assert_eq!(seconds(Curfew::from(TIME).or(std::future::pending())).await, 54);
        assert_eq!(seconds(Curfew::from(Duration::from_secs(1))).await, 0, "it is too late already");
    }

    #[tokio::test(start_paused = true)]
    async fn it_comes_when_everything_stops() {
        assert_eq!(seconds(Curfew::from(TIME).or(sleep(Duration::from_secs(3)))).await, 3);
    }
}
