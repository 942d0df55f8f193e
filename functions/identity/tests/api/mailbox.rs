//! The way of a mail: from the outbox's stream, as messages of a queue, through the mailer into somebody's mailbox.

use std::{sync::Mutex, time::Duration};

use aws_lambda_events::{dynamodb::EventRecord, sqs::SqsEvent};
use platform::{Boot, function::SqsHandler};
use serde_json::{Value, json};
use store::outbox::OutboxMessage;
use testkit::{App, Lab, handler};

/// An event as SQS sends it to Lambda.
pub(crate) const EVENT: &str = include_str!("../../../../events/identity-mailer.json");

pub(crate) struct Post {
    lab: Lab,
    mailer: SqsHandler,
    read_to: Mutex<Option<String>>,
}

impl Post {
    pub(crate) async fn new(app: &App) -> Self {
        Self {
            lab: app.lab().clone(),
            mailer: mailer(app.lab().boot("identity-mailer")).await,
            read_to: Mutex::default(),
        }
    }

    /// The jobs that were committed since the last time.
    pub(crate) fn jobs(&self) -> Vec<String> {
        let boot = self.lab.boot("identity");
        let table = boot.vars.get("OUTBOX_TABLE").unwrap();
        let mut read_to = self.read_to.lock().unwrap();
        let records = self.lab.cloud().stream_records(table, read_to.as_deref(), 1000);
        let records: Vec<EventRecord> =
            records.unwrap().into_iter().map(|record| serde_json::from_value(record).unwrap()).collect();
        if let Some(last) = records.last() {
            read_to.clone_from(&last.change.sequence_number);
        }
        let images = records
            .into_iter()
            .filter(|record| record.event_name == "INSERT")
            .map(|record| record.change.new_image);
        images.map(|image| OutboxMessage::from_image(image).unwrap().body).collect()
    }

    /// Delivers these messages; answers which of them the queue would deliver again.
    pub(crate) async fn deliver(&self, bodies: &[String]) -> Vec<usize> {
        let answer = (self.mailer)(event(bodies), Duration::MAX.into()).await;
        let failed = answer.batch_item_failures.into_iter().map(|failure| failure.item_identifier);
        failed.map(|id| id.parse().unwrap()).collect()
    }

    /// Subjects and texts of the mails that somebody has got, oldest first.
    pub(crate) fn mails(&self, to: &str) -> Vec<(String, String)> {
        let mails = self.lab.cloud().mail(Some(to)).unwrap();
        mails.into_iter().map(|mail| (mail.subject, mail.text)).collect()
    }

    /// Delivers what was committed, and reads the token in the newest mail.
    pub(crate) async fn token(&self, to: &str) -> String {
        let failed = self.deliver(&self.jobs()).await;
        assert!(failed.is_empty(), "{failed:?}");
        let mails = self.mails(to);
        let (_, text) = mails.last().expect("a mail");
        let lines: Vec<&str> = text.lines().filter(|line| line.starts_with("gw_mt_")).collect();
        assert_eq!(lines.len(), 1, "the token stands on a line of its own: {text}");
        lines[0].to_owned()
    }
}

/// The handler of a mailer.
pub(crate) async fn mailer(boot: Boot) -> SqsHandler {
    handler::sqs(identity::mailer(boot).await)
}

/// A batch of messages that look like the one in `events/`, with their place in the batch as id.
pub(crate) fn event(bodies: &[String]) -> SqsEvent {
    let real: Value = serde_json::from_str(EVENT).unwrap();
    let records: Vec<Value> = bodies
        .iter()
        .enumerate()
        .map(|(place, body)| {
            let mut record = real["Records"][0].clone();
            record["messageId"] = json!(place.to_string());
            record["body"] = json!(body);
            record
        })
        .collect();
    serde_json::from_value(json!({"Records": records})).unwrap()
}
