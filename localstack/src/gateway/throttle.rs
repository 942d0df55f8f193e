//! Token buckets: one for the stage, one for each method that has its own.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use cloud::template::{Api, Throttle};
use tokio::time::Instant;

/// The throttles of an API.
pub(super) struct Throttles {
    limits: BTreeMap<Scope, Throttle>,
    buckets: Mutex<BTreeMap<Scope, Bucket>>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Scope {
    Stage,
    Method { resource: String, method: String },
}

struct Bucket {
    tokens: f64,
    filled: Instant,
}

impl Throttles {
    pub(super) fn new(api: &Api) -> Self {
        let methods = api.method_throttles.iter().map(|one| {
            (Scope::Method { resource: one.path.clone(), method: one.method.clone() }, one.throttle)
        });
        let stage = api.stage_throttle.map(|throttle| (Scope::Stage, throttle));
        Self { limits: methods.chain(stage).collect(), buckets: Mutex::default() }
    }

    /// Takes a token from every bucket that holds for the method, or from none.
    pub(super) fn admit(&self, resource: &str, method: &str, now: Instant) -> bool {
        let scopes = [
            Scope::Stage,
            Scope::Method { resource: resource.to_owned(), method: method.to_owned() },
            Scope::Method { resource: resource.to_owned(), method: "*".to_owned() },
        ];
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let held: Vec<(Scope, Throttle)> =
            scopes.into_iter().filter_map(|scope| self.limits.get(&scope).map(|t| (scope, *t))).collect();
        for (scope, throttle) in &held {
            let full = Bucket { tokens: f64::from(throttle.burst), filled: now };
            buckets.entry(scope.clone()).or_insert(full).refill(*throttle, now);
        }
        let has_token = |scope: &Scope| buckets.get(scope).is_some_and(|bucket| bucket.tokens >= 1.0);
        if !held.iter().all(|(scope, _)| has_token(scope)) {
            return false;
        }
        for (scope, _) in held {
            if let Some(bucket) = buckets.get_mut(&scope) {
                bucket.tokens -= 1.0;
            }
        }
        true
    }
}

impl Bucket {
    fn refill(&mut self, throttle: Throttle, now: Instant) {
        let gained = now.duration_since(self.filled).as_secs_f64() * throttle.rate;
        self.tokens = (self.tokens + gained).min(f64::from(throttle.burst));
        self.filled = now;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn throttles(limits: impl IntoIterator<Item = (Scope, f64, u32)>) -> Throttles {
        let limits = limits.into_iter().map(|(scope, rate, burst)| (scope, Throttle { rate, burst }));
        Throttles { limits: limits.collect(), buckets: Mutex::default() }
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "a beginning to count from")]
    fn a_bucket_empties_and_fills_again() {
        let login = Scope::Method { resource: "/login".into(), method: "POST".into() };
        let throttles = throttles([(Scope::Stage, 10.0, 5), (login, 1.0, 2)]);
        let start = Instant::now();
        let admitted = |resource: &str, at: Duration| throttles.admit(resource, "POST", start + at);
        let now = Duration::ZERO;
        assert!(admitted("/login", now) && admitted("/login", now) && !admitted("/login", now));
        // A refused call takes nothing from the stage: three of five tokens are left.
        assert!((0..3).all(|_| admitted("/other", now)) && !admitted("/other", now));
        let later = Duration::from_millis(900);
        assert!(!admitted("/login", later) && admitted("/other", later));
        assert!(admitted("/login", Duration::from_secs(1)));
    }
}
