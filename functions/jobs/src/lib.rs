//! Jobs: work that a request asks for and a worker does.
//!
//! What a job is and what becomes of it stands in [`kernel::job`]; how a worker runs one in [`platform::job`]. Each group
//! brings its own types and its own worker; here is what is common to all:
//!
//! - `jobs` takes them in, shows how far they are, cancels them, and gives them another try;
//! - `jobs-relay`, which the table's stream calls, sends a message for each that waits;
//! - `jobs-sweeper` does so every minute for those that were missed, and for those whose time has only now come;
//! - `jobs-scheduler` asks for those that a clock wants;
//! - `jobs-dead-letters` files what no worker could handle;
//! - `jobs-worker` runs the types of this group: `demo.sleep`, for trying things out, and `jobs.cancel_all`.

mod app;
mod cancel_all;
mod catalogue;
mod dead_letters;
mod dispatch;
mod jobs;
mod morgue;
mod relay;
mod scheduler;
mod sleep;
mod sweeper;
mod worker;

use platform::{
    Grant, Needs,
    admin_secret::ADMIN_SECRET,
    job::{AUDIT_QUEUE, DEAD_LETTERS, FILES, IDENTITY_QUEUE, JOBS_QUEUE},
};
use serde_json::Value;
use store::{Table, audit, ephemeral, job, outbox};

pub use app::App;
pub use morgue::dead_letters;
pub use relay::relay;
pub use scheduler::scheduler;
pub use sweeper::sweeper;
pub use worker::worker;

/// What the HTTP function needs.
pub const NEEDS: Needs = Needs {
    settings: &["PUBLIC_URL", "ALLOWED_ORIGINS", "LIMIT_PER_MINUTE", "LIMIT_ATTEMPTS_PER_MINUTE"],
    grants: &[
        Grant::on(
            job::TABLE.0,
            &["dynamodb:GetItem", "dynamodb:Query", "dynamodb:PutItem", "dynamodb:DeleteItem"],
        ),
        // A message that is given another try leaves by the outbox.
        Grant::on(outbox::TABLE.0, &["dynamodb:PutItem"]),
        Grant::on(audit::TABLE.0, &["dynamodb:PutItem"]),
        Grant::on(FILES, &["s3:GetObject", "s3:ListBucket"]),
        Grant::on(platform::api_key::TABLE.0, &["dynamodb:GetItem"]),
        Grant::on(
            ephemeral::TABLE.0,
            &["dynamodb:GetItem", "dynamodb:Query", "dynamodb:PutItem", "dynamodb:UpdateItem"],
        ),
        Grant::on("VERIFICATION_KEYS_SECRET", &["secretsmanager:GetSecretValue"]),
        Grant::on("APP_KEYS_SECRET", &["secretsmanager:GetSecretValue"]),
        Grant::on(ADMIN_SECRET, &["secretsmanager:GetSecretValue"]),
    ],
};

/// What the relay needs. The permissions to read the stream follow from its trigger.
pub const RELAY_NEEDS: Needs = Needs {
    settings: &[],
    grants: &[
        Grant::on(JOBS_QUEUE, &["sqs:SendMessage"]),
        Grant::on(AUDIT_QUEUE, &["sqs:SendMessage"]),
        Grant::on(IDENTITY_QUEUE, &["sqs:SendMessage"]),
    ],
};

/// What the sweeper needs.
pub const SWEEPER_NEEDS: Needs = Needs {
    settings: &[],
    grants: &[
        Grant::on(job::TABLE.0, &["dynamodb:GetItem", "dynamodb:PutItem"]),
        Grant::on_index(job::TABLE.0, "gsi1", &["dynamodb:Query"]),
        Grant::on(audit::TABLE.0, &["dynamodb:PutItem"]),
        Grant::on(JOBS_QUEUE, &["sqs:SendMessage"]),
        Grant::on(AUDIT_QUEUE, &["sqs:SendMessage"]),
        Grant::on(IDENTITY_QUEUE, &["sqs:SendMessage"]),
    ],
};

/// What the scheduler needs.
pub const SCHEDULER_NEEDS: Needs = Needs {
    settings: &[],
    grants: &[
        Grant::on(job::TABLE.0, &["dynamodb:PutItem"]),
        Grant::on(audit::TABLE.0, &["dynamodb:PutItem"]),
    ],
};

/// What the Lambda behind the dead-letter queue needs.
pub const DEAD_LETTERS_NEEDS: Needs = Needs {
    settings: &platform::job::QUEUES,
    grants: &[
        Grant::on(job::TABLE.0, &["dynamodb:PutItem"]),
        Grant::on(audit::TABLE.0, &["dynamodb:PutItem"]),
    ],
};

/// What the worker needs.
pub const WORKER_NEEDS: Needs = Needs {
    settings: &[],
    grants: &[
        Grant::on(job::TABLE.0, &["dynamodb:GetItem", "dynamodb:Query", "dynamodb:PutItem"]),
        Grant::on(audit::TABLE.0, &["dynamodb:PutItem"]),
        Grant::on(ephemeral::TABLE.0, &["dynamodb:GetItem", "dynamodb:PutItem"]),
        Grant::on(FILES, &["s3:PutObject"]),
        Grant::on(JOBS_QUEUE, &["sqs:ChangeMessageVisibility"]),
        Grant::on(DEAD_LETTERS, &["sqs:SendMessage"]),
    ],
};

/// The tables the HTTP function uses.
pub const TABLES: [Table; 5] =
    [job::TABLE, outbox::TABLE, audit::TABLE, ephemeral::TABLE, platform::api_key::TABLE];

/// The types of this group's jobs, as `openapi/job-types.json` tells of them.
pub fn job_types() -> Vec<Value> {
    vec![platform::job::declaration::<sleep::Sleep>(), platform::job::declaration::<cancel_all::CancelAll>()]
}

// Every endpoint: one line is route and documentation. Progress is told as it comes, so every answer is streamed.
platform::endpoints! {
    streaming App:
    jobs::list_types::list_types,
    jobs::list_jobs::list_jobs,
    jobs::enqueue::enqueue,
    jobs::get_job::get_job,
    jobs::get_events::get_events,
    jobs::cancel_job::cancel_job,
    jobs::retry_job::retry_job,
    dead_letters::list_dead_letters::list_dead_letters,
    dead_letters::redrive::redrive,
}
