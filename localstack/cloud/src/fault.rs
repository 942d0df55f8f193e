//! Faults on purpose: a service that is slow, throttles, fails, denies or breaks the connection.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::service::Service;

/// A call is held up no longer: everybody has given up by then.
const LATENCY_MAX: Duration = Duration::from_mins(15);

/// What goes wrong with the calls it fits, until it is taken away or used up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InjectedFault {
    /// The service as IAM calls it.
    pub service: Service,
    /// Only this operation (`GetItem`; of REST services the HTTP method). Every one without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// Only calls of the function with this binary. Calls of everybody without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub function: Option<String>,
    /// What happens.
    pub effect: Effect,
    /// How many calls it still meets. All of them without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u32>,
    /// How many calls it still lets pass before it meets any.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub after: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes the field so")]
fn is_zero(calls: &u32) -> bool {
    *calls == 0
}

/// What happens to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// It is answered, so many milliseconds later.
    LatencyMs(u64),
    /// It is refused as one too many.
    Throttle,
    /// The service fails with a 500.
    Error,
    /// The caller's role does not allow it.
    Deny,
    /// The connection breaks before it is carried out.
    Reset,
    /// The connection breaks after it was carried out: nobody knows whether it was.
    LostAnswer,
}

impl InjectedFault {
    /// That effect on every call to a service, by whomever.
    pub fn on(service: Service, effect: Effect) -> Self {
        Self { service, operation: None, function: None, effect, times: None, after: 0 }
    }

    /// Only on this operation.
    #[must_use]
    pub fn operation(mut self, operation: &str) -> Self {
        self.operation = Some(operation.to_owned());
        self
    }

    /// Only so many times.
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.times = Some(times);
        self
    }

    /// Only behind so many calls.
    #[must_use]
    pub fn after(mut self, calls: u32) -> Self {
        self.after = calls;
        self
    }

    /// Only calls of the function with this binary.
    #[must_use]
    pub fn of(mut self, binary: &str) -> Self {
        self.function = Some(binary.to_owned());
        self
    }

    /// Requires that there are calls which it can meet.
    ///
    /// # Errors
    /// What is wrong: a service has no operation of that name.
    pub fn check(&self) -> Result<(), String> {
        let known = self.service.operations();
        match self.operation.as_deref().filter(|operation| !known.contains(operation)) {
            Some(unknown) => {
                let (service, known) = (self.service.name(), known.join(", "));
                Err(format!("{service} has no operation `{unknown}`; it has {known}"))
            }
            None => Ok(()),
        }
    }

    fn fits(&self, service: Service, operation: &str, function: Option<&str>) -> bool {
        self.times != Some(0)
            && self.service == service
            && self.operation.as_deref().is_none_or(|only| only == operation)
            && (self.function.is_none() || self.function.as_deref() == function)
    }
}

/// The faults in force.
#[derive(Debug, Default)]
pub(crate) struct Faults(Mutex<Vec<InjectedFault>>);

impl Faults {
    pub(crate) fn set(&self, faults: Vec<InjectedFault>) {
        *self.lock() = faults;
    }

    pub(crate) fn list(&self) -> Vec<InjectedFault> {
        let faults = self.lock();
        faults.iter().filter(|fault| fault.times != Some(0)).cloned().collect()
    }

    /// What happens to a call: every delay together, and the first other effect that fits.
    pub(crate) fn meet(
        &self,
        service: Service,
        operation: &str,
        function: Option<&str>,
    ) -> (Duration, Option<Effect>) {
        let mut delay = Duration::ZERO;
        let mut met = None;
        for fault in self.lock().iter_mut().filter(|fault| fault.fits(service, operation, function)) {
            if fault.after > 0 {
                fault.after -= 1;
                continue;
            }
            match fault.effect {
                Effect::LatencyMs(ms) => delay += Duration::from_millis(ms).min(LATENCY_MAX),
                _ if met.is_some() => continue,
                effect => met = Some(effect),
            }
            fault.times = fault.times.map(|times| times.saturating_sub(1));
        }
        (delay, met)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<InjectedFault>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_meets_the_calls_it_names_and_no_more_than_its_times() {
        let faults = Faults::default();
        faults.set(vec![
            InjectedFault::on(Service::Dynamo, Effect::LatencyMs(5)),
            InjectedFault::on(Service::Dynamo, Effect::Throttle).operation("PutItem").times(1),
            InjectedFault::on(Service::Dynamo, Effect::Deny).of("ops"),
            InjectedFault::on(Service::S3, Effect::Reset).after(2),
        ]);
        let delay = Duration::from_millis(5);
        for (operation, function, met) in [
            ("GetItem", Some("identity"), None),
            ("PutItem", Some("identity"), Some(Effect::Throttle)),
            ("PutItem", Some("identity"), None),
            ("GetItem", Some("ops"), Some(Effect::Deny)),
        ] {
            assert_eq!(faults.meet(Service::Dynamo, operation, function), (delay, met), "{operation}");
        }
        assert_eq!(faults.meet(Service::Sqs, "SendMessage", None), (Duration::ZERO, None));
        let met = [(); 4].map(|()| faults.meet(Service::S3, "PUT", None).1);
        assert_eq!(met, [None, None, Some(Effect::Reset), Some(Effect::Reset)]);
        assert_eq!(faults.list().len(), 3, "what is used up is no longer in force");
    }

    #[test]
    fn an_operation_that_no_call_has_is_refused() {
        for (service, operation) in [
            (Service::Dynamo, "GetItems"),
            (Service::Dynamo, "SendMessage"),
            (Service::Sqs, "sendMessage"),
            (Service::Secrets, ""),
            (Service::S3, "GetObject"),
        ] {
            let error = InjectedFault::on(service, Effect::Error).operation(operation).check().unwrap_err();
            assert!(error.contains(&format!("no operation `{operation}`; it has ")), "{error}");
        }
        for service in [Service::Dynamo, Service::Sqs, Service::Secrets, Service::Mail, Service::S3] {
            assert_eq!(InjectedFault::on(service, Effect::Error).check(), Ok(()));
            for operation in service.operations() {
                let fault = InjectedFault::on(service, Effect::Error).operation(operation);
                assert_eq!(fault.check(), Ok(()), "{operation}");
            }
        }
    }

    #[test]
    fn faults_are_written_as_they_are_read() {
        let text = r#"[{"service":"dynamodb","operation":"GetItem","effect":"throttle","times":3},{"service":"sqs","effect":{"latency_ms":200}}]"#;
        let faults: Vec<InjectedFault> = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&faults).unwrap(), text);
        assert!(serde_json::from_str::<InjectedFault>(r#"{"service":"sqs","effect":"explode"}"#).is_err());
        assert!(
            serde_json::from_str::<InjectedFault>(r#"{"service":"sqs","effect":"reset","often":1}"#).is_err()
        );
    }
}
