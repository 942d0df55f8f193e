//! A queue of the lab, as Lambda's poller stands before it.

use aws_lambda_events::sqs::SqsEvent;
use aws_sdk_sqs::{
    Client,
    types::{Message, MessageSystemAttributeName},
};
use cloud::sqs_event;
use platform::function::SqsHandler;

use crate::Lab;

/// A queue.
#[derive(Clone, Debug)]
pub struct Queue {
    client: Client,
    url: String,
}

impl Lab {
    /// The queue whose URL the template gives that function in this variable.
    ///
    /// # Panics
    /// When it does not.
    pub fn queue(&self, binary: &str, variable: &str) -> Queue {
        let url = self.environment(binary)[variable].clone();
        Queue { client: Client::new(&self.cloud().sdk_config()), url }
    }
}

impl Queue {
    /// Up to `limit` messages that can be received, at once.
    ///
    /// # Panics
    /// When the queue does not answer.
    pub async fn receive(&self, limit: i32) -> Vec<Message> {
        let request = self.client.receive_message().queue_url(&self.url).max_number_of_messages(limit);
        let request = request.message_system_attribute_names(MessageSystemAttributeName::All);
        let received = request.message_attribute_names("All").send().await.expect("a queue that answers");
        received.messages.unwrap_or_default()
    }

    /// Receives up to ten messages and hands each to the function, in turn; deletes those that it has handled, and answers
    /// how many of each there were: handled, and not.
    ///
    /// # Panics
    /// When the queue does not answer.
    pub async fn deliver(&self, handler: &SqsHandler, left: std::time::Duration) -> (usize, usize) {
        let (mut done, mut failed) = (0, 0);
        for message in self.receive(10).await {
            let answer = handler(event(std::slice::from_ref(&message)), left.into()).await;
            if answer.batch_item_failures.is_empty() {
                self.delete(&message).await;
                done += 1;
            } else {
                failed += 1;
            }
        }
        (done, failed)
    }

    /// Deletes a message.
    ///
    /// # Panics
    /// When the queue does not answer.
    pub async fn delete(&self, message: &Message) {
        let receipt = message.receipt_handle.clone().unwrap_or_default();
        let request = self.client.delete_message().queue_url(&self.url).receipt_handle(receipt);
        request.send().await.expect("a queue that answers");
    }

    /// Sends a message that can be received after so many seconds.
    ///
    /// # Panics
    /// When the queue does not answer.
    pub async fn send(&self, body: &str, delay_seconds: i32) {
        let request = self.client.send_message().queue_url(&self.url).message_body(body);
        request.delay_seconds(delay_seconds).send().await.expect("a queue that answers");
    }

    /// How many messages there are: to be received, hidden, and delayed.
    ///
    /// # Panics
    /// When the queue does not answer.
    pub async fn count(&self) -> usize {
        let request = self.client.get_queue_attributes().queue_url(&self.url);
        let answer = request.attribute_names("All".into()).send().await.expect("a queue that answers");
        let attributes = answer.attributes.unwrap_or_default();
        let counts = attributes.iter().filter(|(name, _)| name.as_str().starts_with("ApproximateNumberOf"));
        counts.filter_map(|(_, count)| count.parse::<usize>().ok()).sum()
    }
}

/// A batch of these messages, as Lambda hands it to a function.
///
/// # Panics
/// When it would be no event.
pub fn event(messages: &[Message]) -> SqsEvent {
    serde_json::from_value(sqs_event(messages, "queue")).expect("an event of SQS")
}
