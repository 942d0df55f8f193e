//! What describes no state of the domain and expires by itself: counters of failed attempts, claims, leases.
//! It is written without an audit entry, and only to its own table.

use std::time::Duration;

use aws_sdk_dynamodb::{operation::delete_item::DeleteItemError, types::ReturnConsumedCapacity};
use kernel::{Error, Result};

use crate::{
    Entity, Key, Store, Stored, Table,
    entity::{self, number},
    failure::translate,
};

/// Where ephemeral items are.
pub const TABLE: Table = Table("EPHEMERAL_TABLE");

/// How often an item that others write at the same time is tried.
const TRIES: u32 = 20;

impl Store {
    /// Reads an ephemeral entity, decides its next state and writes it; anew while others were faster.
    ///
    /// # Errors
    /// That of `decide`, and nothing is written; [`Error::TooManyRequests`] when others kept being faster.
    pub async fn update_ephemeral<T: Entity>(
        &self,
        key: &Key,
        decide: impl Fn(Option<&T>) -> Result<T>,
    ) -> Result<()> {
        for _ in 0..TRIES {
            let old: Option<Stored<T>> = self.get_consistent(key).await?;
            let next = decide(old.as_ref().map(|old| &old.value))?;
            if self.put_ephemeral(next, old.as_ref()).await?.is_some() {
                return Ok(());
            }
        }
        Err(Error::TooManyRequests { retry_after: Duration::from_secs(1) })
    }

    /// Writes an ephemeral entity if it is still as it was read (`None`: absent or expired).
    /// Answers it as it is stored now, or `None` when somebody else was faster.
    ///
    /// # Errors
    /// [`Error::Internal`] for an entity of another table: those are written by [`Change`](crate::Change).
    pub async fn put_ephemeral<T: Entity>(
        &self,
        entity: T,
        old: Option<&Stored<T>>,
    ) -> Result<Option<Stored<T>>> {
        self.ephemeral_table::<T>()?;
        self.put_if_unchanged(entity, old).await
    }

    /// Writes an entity if it is still as it was read: for those that no [`Change`](crate::Change) writes.
    pub(crate) async fn put_if_unchanged<T: Entity>(
        &self,
        entity: T,
        old: Option<&Stored<T>>,
    ) -> Result<Option<Stored<T>>> {
        let rev = old.map_or(1, |old| old.rev + 1);
        let request = self
            .client
            .put_item()
            .table_name(self.table(T::TABLE)?)
            .set_item(Some(entity::encode(&entity, rev)?))
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        let request = match old {
            Some(old) => request
                .condition_expression("rev = :rev")
                .expression_attribute_values(":rev", number(old.rev)),
            None => request.condition_expression("attribute_not_exists(pk)"),
        };
        match request.send().await {
            Ok(answer) => {
                self.meter().write(answer.consumed_capacity());
                Ok(Some(Stored { value: entity, rev }))
            }
            Err(error)
                if error.as_service_error().is_some_and(|error| {
                    // Who is in a transaction with it at this moment is faster as well.
                    error.is_conditional_check_failed_exception() || error.is_transaction_conflict_exception()
                }) =>
            {
                Ok(None)
            }
            Err(error) => Err(translate("write an item", error)),
        }
    }

    /// Deletes an ephemeral entity if it is still as it was read.
    pub async fn delete_ephemeral<T: Entity>(&self, old: &Stored<T>) -> Result<()> {
        let request = self
            .client
            .delete_item()
            .table_name(self.ephemeral_table::<T>()?)
            .set_key(Some(old.key().attributes()))
            .condition_expression("rev = :rev")
            .expression_attribute_values(":rev", number(old.rev))
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        match request.send().await {
            Ok(answer) => self.meter().write(answer.consumed_capacity()),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(DeleteItemError::is_conditional_check_failed_exception) => {}
            Err(error) => return Err(translate("delete an ephemeral item", error)),
        }
        Ok(())
    }

    fn ephemeral_table<T: Entity>(&self) -> Result<&str> {
        if T::TABLE == TABLE {
            self.table(TABLE)
        } else {
            Err(Error::internal("write an ephemeral item", format!("{} is not ephemeral", T::KIND)))
        }
    }
}
