//! `ClientRequestToken` of `TransactWriteItems`: the same request again gives the first answer again, for ten
//! minutes.
//!
//! dynoxide has this too, but looks through every token of the last ten minutes at each call. The SDKs send a
//! token with each transaction, so a busy minute would slow the next nine down.

use std::collections::hash_map::DefaultHasher;
use std::collections::{HashMap, VecDeque};
use std::hash::{Hash as _, Hasher as _};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use dynoxide::actions::transact_write_items::TransactWriteItemsRequest;
use dynoxide::{Database, DynoxideError, Result};
use serde_json::Value;
use tokio::time::Instant;

use crate::clock::Clock;

/// AWS forgets a token after that.
const KEPT: Duration = Duration::from_mins(10);
const TOKEN_MAX: usize = 36;

/// The transactions of the last ten minutes.
#[derive(Default)]
pub(crate) struct Tokens {
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    answers: HashMap<String, Answered>,
    /// Oldest first.
    order: VecDeque<(Instant, String)>,
}

struct Answered {
    request: u64,
    answer: String,
}

impl Tokens {
    /// Runs a transaction once per token.
    ///
    /// # Errors
    /// As the transaction; and when its token came with another request before.
    pub(crate) fn transact(&self, db: &Database, body: &str) -> Result<String> {
        let mut request: TransactWriteItemsRequest = super::input(body)?;
        let Some(token) = request.client_request_token.take_if(|token| token.len() <= TOKEN_MAX) else {
            return super::answer(db.transact_write_items(request)?);
        };
        let digest = digest(body);
        // Held while the transaction runs: a second request with the token waits for the answer to the first.
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.forget(Clock::tick());
        match known.answers.get(&token) {
            Some(answered) if answered.request == digest => return Ok(answered.answer.clone()),
            Some(_) => {
                return Err(DynoxideError::IdempotentParameterMismatchException(
                    "The client token was used with other parameters before".to_owned(),
                ));
            }
            None => {}
        }
        let answer = super::answer(db.transact_write_items(request)?)?;
        known.order.push_back((Clock::tick(), token.clone()));
        known.answers.insert(token, Answered { request: digest, answer: answer.clone() });
        Ok(answer)
    }
}

impl Known {
    fn forget(&mut self, now: Instant) {
        while self.order.front().is_some_and(|(since, _)| now.duration_since(*since) > KEPT) {
            if let Some((_, token)) = self.order.pop_front() {
                self.answers.remove(&token);
            }
        }
    }
}

/// The request's items, whatever the order of their members.
fn digest(body: &str) -> u64 {
    let request: Value = serde_json::from_str(body).unwrap_or_default();
    let mut hasher = DefaultHasher::new();
    hash(&request["TransactItems"], &mut hasher);
    hasher.finish()
}

fn hash(value: &Value, hasher: &mut DefaultHasher) {
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by_key(|(name, _)| *name);
            members.len().hash(hasher);
            for (name, member) in members {
                name.hash(hasher);
                hash(member, hasher);
            }
        }
        Value::Array(items) => {
            items.len().hash(hasher);
            for item in items {
                hash(item, hasher);
            }
        }
        other => other.to_string().hash(hasher),
    }
}
