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

mod delivery;
mod relay;
mod sweeper;

use platform::{
    Grant, Needs,
    job::{AUDIT_QUEUE, IDENTITY_QUEUE, JOBS_QUEUE},
};

/// The queue that mails are asked for in.
const MAIL_QUEUE: &str = "MAIL_QUEUE_URL";

/// The queue that tells the audit log who was erased.
const ERASURE_QUEUE: &str = store::audit::Erased::QUEUE;

/// What the relay needs. The permissions to read the stream follow from its trigger.
pub const RELAY_NEEDS: Needs = Needs {
    settings: &[],
    grants: &[
        Grant::on(store::outbox::TABLE.0, &["dynamodb:DeleteItem"]),
        Grant::on(MAIL_QUEUE, &["sqs:SendMessage"]),
        Grant::on(ERASURE_QUEUE, &["sqs:SendMessage"]),
        Grant::on(JOBS_QUEUE, &["sqs:SendMessage"]),
        Grant::on(AUDIT_QUEUE, &["sqs:SendMessage"]),
        Grant::on(IDENTITY_QUEUE, &["sqs:SendMessage"]),
    ],
};

/// What the sweeper needs.
pub const SWEEPER_NEEDS: Needs = Needs {
    settings: &[],
    grants: &[
        Grant::on(store::outbox::TABLE.0, &["dynamodb:DeleteItem"]),
        Grant::on_index(store::outbox::TABLE.0, "gsi1", &["dynamodb:Query"]),
        Grant::on(MAIL_QUEUE, &["sqs:SendMessage"]),
        Grant::on(ERASURE_QUEUE, &["sqs:SendMessage"]),
        Grant::on(JOBS_QUEUE, &["sqs:SendMessage"]),
        Grant::on(AUDIT_QUEUE, &["sqs:SendMessage"]),
        Grant::on(IDENTITY_QUEUE, &["sqs:SendMessage"]),
    ],
};

pub use relay::relay;
pub use sweeper::sweeper;
