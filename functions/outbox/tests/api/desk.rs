//! A cloud with an outbox: writes messages as changes do, and sees what reaches the queue.

use std::time::Duration;

use aws_lambda_events::{dynamodb::Event, eventbridge::EventBridgeEvent};
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_sqs::types::Message;
use kernel::Error;
use platform::{
    Boot,
    config::Vars,
    function::{ScheduleHandler, StreamHandler},
    job::QUEUES,
};
use serde_json::{Value, json};
use store::{Change, audit::Erased, outbox::TABLE};
use testkit::{Lab, handler};

pub(crate) const MAIL: &str = "MAIL_QUEUE_URL";
/// A queue whose messages no function here is configured for.
pub(crate) const UNKNOWN: &str = "UNKNOWN_QUEUE_URL";

pub(crate) struct Desk {
    pub(crate) lab: Lab,
    sqs: aws_sdk_sqs::Client,
}

impl Desk {
    pub(crate) fn new() -> Self {
        let lab = Lab::new();
        // No function's role lets it look into what it only writes to.
        let root = lab.cloud().sdk_config();
        Self { sqs: aws_sdk_sqs::Client::new(&root), lab }
    }

    /// Commits changes with one message for each of `numbers`, as many in one as a transaction holds.
    pub(crate) async fn commit(&self, queue: &'static str, numbers: impl IntoIterator<Item = u32>) {
        let numbers: Vec<u32> = numbers.into_iter().collect();
        for some in numbers.chunks(90) {
            let change = some.iter().fold(Change::new("parcel.send", "parcel", some[0]), |change, number| {
                change.enqueue(queue, &json!({"number": number}))
            });
            self.lab.commit(change).await;
        }
    }

    /// Puts an item into the outbox that looks like a message and is none.
    pub(crate) async fn poison(&self) {
        let text = |value: &str| AttributeValue::S(value.to_owned());
        let put = aws_sdk_dynamodb::Client::new(&self.lab.cloud().sdk_config())
            .put_item()
            .table_name(self.table())
            .item("pk", text("message#poison"))
            .item("sk", text("message"))
            .item("gsi1pk", text("waiting"))
            .item("gsi1sk", text("message#00000000-0000-7000-8000-000000000000"))
            .item("kind", text("message"))
            .item("body", AttributeValue::N("1".to_owned()));
        put.send().await.unwrap();
    }

    pub(crate) fn table(&self) -> String {
        var(&self.lab.boot("outbox-relay"), TABLE.0)
    }

    /// Every record of the outbox's stream so far, as Lambda gives it to the relay.
    pub(crate) fn records(&self) -> Event {
        let records = self.lab.cloud().stream_records(&self.table(), None, 1000).unwrap();
        serde_json::from_value(json!({"Records": records})).unwrap()
    }

    /// The relay, with variables set otherwise.
    pub(crate) async fn relay(&self, vars: &[(&str, &str)]) -> StreamHandler {
        handler::stream(outbox::relay(with(self.lab.boot("outbox-relay"), vars)).await)
    }

    /// The sweeper, with variables set otherwise.
    pub(crate) async fn sweeper(&self, vars: &[(&str, &str)]) -> ScheduleHandler {
        handler::schedule(outbox::sweeper(with(self.lab.boot("outbox-sweeper"), vars)).await)
    }

    /// One run of the sweeper.
    pub(crate) async fn sweep(&self) -> Result<(), Error> {
        self.sweeper(&[]).await(EventBridgeEvent::default()).await
    }

    /// The messages that are in the mail queue; they are taken out.
    pub(crate) async fn take_mail(&self) -> Vec<Message> {
        let url = var(&self.lab.boot("outbox-relay"), MAIL);
        let mut taken = Vec::new();
        loop {
            let receive = self
                .sqs
                .receive_message()
                .queue_url(&url)
                .max_number_of_messages(10)
                .message_attribute_names("All");
            let messages = receive.send().await.unwrap().messages.unwrap_or_default();
            if messages.is_empty() {
                return taken;
            }
            for message in messages {
                let delete = self.sqs.delete_message().queue_url(&url);
                let receipt = message.receipt_handle().unwrap();
                delete.receipt_handle(receipt).send().await.unwrap();
                taken.push(message);
            }
        }
    }

    /// The numbers of the messages in the mail queue, sorted.
    pub(crate) async fn take_numbers(&self) -> Vec<u64> {
        let messages = self.take_mail().await;
        let mut numbers: Vec<u64> = messages
            .iter()
            .map(|message| serde_json::from_str::<Value>(message.body().unwrap()).unwrap())
            .map(|body| body["number"].as_u64().unwrap())
            .collect();
        numbers.sort_unstable();
        numbers
    }

    /// How many messages wait in the table.
    pub(crate) async fn waiting(&self) -> usize {
        let later = self.lab.clock().now() + Duration::from_secs(1);
        self.lab.store().waiting_messages(later, None, 1000).await.unwrap().messages.len()
    }
}

pub(crate) fn var(boot: &Boot, name: &str) -> String {
    let value = boot.vars.get(name);
    value.unwrap_or_else(|| panic!("the template sets no {name}")).to_owned()
}

/// The same boot with some variables set otherwise.
pub(crate) fn with(boot: Boot, vars: &[(&str, &str)]) -> Boot {
    let [jobs, audit_jobs, identity_jobs] = QUEUES;
    let names = [TABLE.0, MAIL, Erased::QUEUE, jobs, audit_jobs, identity_jobs];
    let kept = names.iter().filter_map(|name| Some(((*name).to_owned(), boot.vars.get(name)?.to_owned())));
    let set = vars.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let vars: Vars = kept.chain(set).collect();
    Boot { vars, ..boot }
}
