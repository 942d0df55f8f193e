//! What DynamoDB was asked to do, in its own units.

use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_dynamodb::types::ConsumedCapacity;

/// Request units consumed (RCU and WCU of on-demand tables), and the number of calls.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Capacity {
    /// Read request units.
    pub read_units: f64,
    /// Write request units.
    pub write_units: f64,
    /// Calls to DynamoDB.
    pub calls: u64,
}

/// Adds up the consumed capacity of every call of one [`Store`](crate::Store).
#[derive(Clone, Debug, Default)]
pub struct Meter(Arc<Mutex<Capacity>>);

impl Meter {
    /// What was consumed since the last call of this function.
    pub fn take(&self) -> Capacity {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn read<'a>(&self, consumed: impl IntoIterator<Item = &'a ConsumedCapacity>) {
        self.add(consumed, |total, units| total.read_units += units);
    }

    pub(crate) fn write<'a>(&self, consumed: impl IntoIterator<Item = &'a ConsumedCapacity>) {
        self.add(consumed, |total, units| total.write_units += units);
    }

    /// A conditional write of an item of at most 1 KB that was refused: its answer does not say what it cost.
    pub(crate) fn refused_write(&self) {
        let mut total = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        total.calls += 1;
        total.write_units += 1.0;
    }

    fn add<'a>(
        &self,
        consumed: impl IntoIterator<Item = &'a ConsumedCapacity>,
        count: impl Fn(&mut Capacity, f64),
    ) {
        let mut total = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        total.calls += 1;
        for units in consumed.into_iter().filter_map(ConsumedCapacity::capacity_units) {
            count(&mut total, units);
        }
    }
}
