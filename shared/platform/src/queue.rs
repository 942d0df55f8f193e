//! Queues. Only what a change committed can be sent: the outbox's messages.

use std::{collections::BTreeMap, str::FromStr, sync::Arc, time::Duration};

use aws_sdk_sqs::{
    Client,
    error::{DisplayErrorContext, ProvideErrorMetadata as _},
    types::MessageAttributeValue,
};
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SdkConfig;
use kernel::{Error, Result};
use store::outbox::OutboxMessage;

/// How long one message may take with all its attempts. A sender has many, and its own time-out.
const SEND_TIMEOUT: Duration = Duration::from_secs(3);

/// The URL of a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueUrl(String);

impl QueueUrl {
    /// The URL.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for QueueUrl {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
        match rest.and_then(|rest| rest.split_once('/')) {
            Some((host, path)) if !host.is_empty() && !path.is_empty() => Ok(Self(text.to_owned())),
            _ => Err("must be the URL of a queue"),
        }
    }
}

/// The queues a function sends to, each called by the environment variable that holds its URL. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Queues {
    client: Client,
    urls: Arc<BTreeMap<String, QueueUrl>>,
}

impl Queues {
    /// Sends through `config`.
    pub fn new(config: &SdkConfig, urls: BTreeMap<String, QueueUrl>) -> Self {
        let timeouts = TimeoutConfig::builder().operation_timeout(SEND_TIMEOUT).build();
        let config = aws_sdk_sqs::config::Builder::from(config).timeout_config(timeouts).build();
        Self { client: Client::from_conf(config), urls: Arc::new(urls) }
    }

    /// Whether a queue is configured.
    pub fn has(&self, queue: &str) -> bool {
        self.urls.contains_key(queue)
    }

    /// Sends a message to its queue, with its id and its request's as attributes.
    ///
    /// # Errors
    /// As [`post`](Self::post).
    pub async fn send(&self, message: &OutboxMessage) -> Result<()> {
        let id = message.id.to_string();
        let letter = Letter {
            queue: &message.queue,
            body: &message.body,
            attributes: &[("message_id", &id), ("request_id", &message.request_id)],
            delay: Duration::ZERO,
            group: None,
        };
        self.post(&letter).await
    }

    /// Sends a letter to its queue.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when trying again may help. [`Error::Internal`] when only we can mend it: the queue is
    /// not configured, or SQS does not take such a message.
    pub async fn post(&self, letter: &Letter<'_>) -> Result<()> {
        let url = self.urls.get(letter.queue).ok_or_else(|| {
            Error::internal("send a message", format!("{} is not configured for this function", letter.queue))
        })?;
        let mut request = self
            .client
            .send_message()
            .queue_url(&url.0)
            .message_body(escape(letter.body))
            .set_message_group_id(letter.group.map(str::to_owned));
        if !letter.delay.is_zero() {
            // Rather a moment late than one early, for which it would have to wait once more.
            let seconds = letter.delay.as_millis().div_ceil(1000);
            request = request.delay_seconds(i32::try_from(seconds).unwrap_or(i32::MAX));
        }
        for (name, value) in letter.attributes {
            request = request.message_attributes(*name, attribute(value)?);
        }
        match request.send().await {
            Ok(_) => Ok(()),
            Err(error) => {
                let is_ours = error.code().is_some_and(is_refusal);
                let cause = DisplayErrorContext(error).to_string();
                Err(if is_ours {
                    Error::internal("send a message", cause)
                } else {
                    Error::unavailable("send a message", cause)
                })
            }
        }
    }
}

/// What is sent to a queue.
#[derive(Clone, Copy, Debug)]
pub struct Letter<'a> {
    /// The queue, named by the environment variable that holds its URL.
    pub queue: &'a str,
    /// JSON.
    pub body: &'a str,
    /// Names and texts beside the body.
    pub attributes: &'a [(&'a str, &'a str)],
    /// How long it waits in the queue before anybody gets it: 15 minutes at most.
    pub delay: Duration,
    /// Whose message it is, for a fair queue (`MessageGroupId` on a standard queue): those of who has many do not keep
    /// others' waiting.
    pub group: Option<&'a str>,
}

/// What SQS says of a message that it will never take.
fn is_refusal(code: &str) -> bool {
    ["InvalidMessageContents", "InvalidParameterValue", "InvalidAttributeValue"]
        .iter()
        .any(|refusal| code.ends_with(refusal))
}

/// SQS takes the characters of XML 1.0 only. The body is JSON, where the two it may hold besides can be escaped.
fn escape(body: &str) -> String {
    body.replace('\u{fffe}', "\\ufffe").replace('\u{ffff}', "\\uffff")
}

pub(crate) fn attribute(text: &str) -> Result<MessageAttributeValue> {
    MessageAttributeValue::builder()
        .data_type("String")
        .string_value(text)
        .build()
        .map_err(|error| Error::internal("send a message", error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_checked() {
        for (text, is_right) in [
            ("https://sqs.eu-central-1.amazonaws.com/123456789012/mail", true),
            ("http://127.0.0.1:4566/000000000000/mail", true),
            ("https://sqs.eu-central-1.amazonaws.com/", false),
            ("https://sqs.eu-central-1.amazonaws.com", false),
            ("arn:aws:sqs:eu-central-1:123456789012:mail", false),
            ("mail", false),
            ("", false),
        ] {
            assert_eq!(text.parse::<QueueUrl>().is_ok(), is_right, "{text}");
        }
    }

    #[test]
    fn a_body_keeps_its_meaning_in_the_characters_that_sqs_takes() {
        let text = "a\u{1}\u{7f}ä\u{fffe}\u{ffff}😀";
        let sent = escape(&serde_json::to_string(text).unwrap());
        assert!(
            sent.chars().all(|c| matches!(c, ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)),
            "{sent}"
        );
        assert_eq!(serde_json::from_str::<String>(&sent).unwrap(), text);
    }
}
