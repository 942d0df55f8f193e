//! Messages that leave with a change: written in its transaction, relayed to their queue afterwards.

use aws_sdk_dynamodb::{operation::delete_item::DeleteItemError, types::ReturnConsumedCapacity};
use kernel::{
    Result, Timestamp,
    id::{Id as _, MessageId, uuid_v7},
};
use serde::{Deserialize, Serialize};

use crate::{
    Entity, Index, Key, Query, Store, Table,
    entity::{self, Item},
    failure::translate,
};

/// Where messages wait.
pub const TABLE: Table = Table("OUTBOX_TABLE");

/// Messages by queue and age, for the sweeper.
const BY_AGE: Index = Index("gsi1");

/// A message on its way to a queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutboxMessage {
    /// Its id; the consumer's key against duplicates.
    pub id: MessageId,
    /// The queue, named by the environment variable that holds its URL.
    pub queue: String,
    /// The request it came with.
    pub request_id: String,
    /// When it was written.
    pub at: Timestamp,
    /// JSON. Holds no secrets: what a worker needs in secret it derives from ids.
    pub body: String,
}

impl OutboxMessage {
    /// The one partition of the age index.
    pub const WAITING: &'static str = "waiting";

    /// The index that lists waiting messages, oldest first.
    pub const fn by_age() -> Index {
        BY_AGE
    }

    /// The message in a stream record's new image.
    ///
    /// # Errors
    /// [`Error::Internal`](kernel::Error::Internal) when it holds something else.
    pub fn from_image(image: serde_dynamo::Item) -> Result<Self> {
        entity::decode(image.into()).map(|stored| stored.value)
    }

    fn key_of(id: MessageId) -> Key {
        Key::new(format!("message#{id}"), "message")
    }

    fn age_key_of(id: MessageId) -> Key {
        Key::new(Self::WAITING, format!("message#{id}"))
    }
}

impl Entity for OutboxMessage {
    const KIND: &'static str = "message";
    const TABLE: Table = TABLE;

    fn key(&self) -> Key {
        Self::key_of(self.id)
    }

    fn index_keys(&self) -> Vec<(Index, Key)> {
        vec![(BY_AGE, Self::age_key_of(self.id))]
    }
}

/// Messages that wait, oldest first.
#[derive(Debug, Default)]
pub struct Waiting {
    /// Those that can be read.
    pub messages: Vec<OutboxMessage>,
    /// Why others among them cannot be.
    pub unreadable: Vec<Unreadable>,
    /// Where to go on, unless this is all.
    pub next: Option<String>,
}

/// An item in the outbox that is no message.
#[derive(Debug)]
pub struct Unreadable {
    /// Its key in the index by age.
    pub sk: String,
    /// What is wrong with it.
    pub error: kernel::Error,
}

impl Store {
    /// Takes a message out that its queue has; answers whether it was still there. What a message tells is done by
    /// the change that wrote it, and was recorded with it: its delivery changes nothing of the domain, and so needs
    /// no [`Change`](crate::Change).
    pub async fn forget_message(&self, id: MessageId) -> Result<bool> {
        let request = self
            .client
            .delete_item()
            .table_name(self.table(TABLE)?)
            .set_key(Some(OutboxMessage::key_of(id).attributes()))
            .condition_expression("attribute_exists(pk)")
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        match request.send().await {
            Ok(answer) => {
                self.meter().write(answer.consumed_capacity());
                Ok(true)
            }
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(DeleteItemError::is_conditional_check_failed_exception) =>
            {
                Ok(false)
            }
            Err(error) => Err(translate("forget a message", error)),
        }
    }

    /// Up to `limit` messages written before `older_than`, from the oldest or from where `next` said.
    pub async fn waiting_messages(
        &self,
        older_than: Timestamp,
        next: Option<&str>,
        limit: u16,
    ) -> Result<Waiting> {
        // Ids begin with their time, so the first id of that moment bounds those before it.
        let bound = OutboxMessage::age_key_of(MessageId::from_uuid(uuid_v7(older_than, [0; 10]))).sk;
        let query = Query::<OutboxMessage>::index(BY_AGE, OutboxMessage::WAITING, "message#");
        let query = match next {
            Some(next) => query.after(next),
            None => query,
        };
        let (items, last) = self.run(&query, i32::from(limit), None).await?;
        let mut waiting = Waiting::default();
        let mut next = None;
        for item in items {
            let sk = age_key(&item);
            if sk >= bound {
                return Ok(waiting);
            }
            match entity::decode::<OutboxMessage>(item) {
                Ok(message) => waiting.messages.push(message.value),
                Err(error) => waiting.unreadable.push(Unreadable { sk: sk.clone(), error }),
            }
            next = Some(sk);
        }
        waiting.next = last.and(next);
        Ok(waiting)
    }
}

fn age_key(item: &Item) -> String {
    let sk = item.get("gsi1sk").and_then(|sk| sk.as_s().ok());
    sk.cloned().unwrap_or_default()
}
