//! Brings committed messages to their queues.
//!
//! A change writes its messages into the outbox table, in its own transaction: there is no moment at which the change
//! is done and its message lost, or the message sent and the change undone. Two Lambdas bring them on from there:
//!
//! - `outbox-relay` reads the table's stream and sends each message as soon as it is committed;
//! - `outbox-sweeper` runs every minute and sends what the relay could not, or never saw.
//!
//! A message leaves the table when its queue has it. Between the two it may be sent twice, never not at all: consumers
//! know it by its id.
//!
//! Needs: `OUTBOX_TABLE` (delete an item; the sweeper queries `gsi1`), and `<NAME>_QUEUE_URL` for every queue that
//! messages are written for (send).

mod delivery;
mod relay;
mod sweeper;

pub use relay::relay;
pub use sweeper::sweeper;
