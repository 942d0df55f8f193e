//! Clocks: `rate(…)` and `cron(…)`.

use std::time::Duration;

use aws_lambda_events::eventbridge::EventBridgeEvent;
use cloud::Cloud;
use cloud::template::Function;
use platform::function::ScheduleHandler;
use serde_json::json;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::cron::Cron;
use crate::invoke;
use crate::stop::Stop;

/// After a failure EventBridge's asynchronous invocation tries twice more.
const RETRIES: [Duration; 2] = [Duration::from_mins(1), Duration::from_mins(2)];

/// When a schedule is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Timetable {
    Rate(Duration),
    Cron(Cron),
}

impl Timetable {
    /// Reads `rate(5 minutes)` or `cron(0 12 * * ? *)`.
    pub(super) fn parse(expression: &str) -> Result<Self, String> {
        let inside = |name: &str| {
            expression.strip_prefix(name).and_then(|e| e.strip_prefix('(')).and_then(|e| e.strip_suffix(')'))
        };
        if let Some(fields) = inside("cron") {
            return Cron::parse(fields).map(Self::Cron);
        }
        let rate = inside("rate").and_then(|rate| rate.split_once(' '));
        let Some((count, unit)) = rate else {
            return Err("write rate(…) or cron(…)".to_owned());
        };
        let count: u64 = count.parse().ok().filter(|n| *n > 0).ok_or("the rate must be a positive number")?;
        let unit = match unit.trim_end_matches('s') {
            "minute" => 60,
            "hour" => 3_600,
            "day" => 86_400,
            other => return Err(format!("`{other}` is no unit; use minutes, hours or days")),
        };
        Ok(Self::Rate(Duration::from_secs(count * unit)))
    }

    /// The next time after `last`; never in the past, except that a rate that was missed is due at once.
    fn next(&self, last: Option<OffsetDateTime>, now: OffsetDateTime) -> OffsetDateTime {
        match self {
            Self::Rate(every) => last.map_or(now + *every, |last| last + *every).max(now),
            Self::Cron(cron) => cron.next(now),
        }
    }
}

/// One function on one clock.
pub(super) struct Schedule {
    pub(super) cloud: Cloud,
    pub(super) function: Function,
    pub(super) timetable: Timetable,
    pub(super) input: Option<String>,
    pub(super) handler: ScheduleHandler,
}

impl Schedule {
    /// Ticks until everything has to end.
    pub(super) async fn run(self, mut stop: Stop) {
        loop {
            let now = now();
            let next = self.timetable.next(self.last(), now);
            let wait = Duration::try_from(next - now).unwrap_or_default();
            if !stop.pause(wait).await {
                return;
            }
            if let Err(error) = self.cloud.set_note(&self.note(), &next.unix_timestamp().to_string()) {
                tracing::error!(function = self.function.binary, %error, "a tick could not be noted");
            }
            if !self.tick(next, &mut stop).await {
                return;
            }
        }
    }

    /// Invokes, and again after failures; false when everything has to end.
    async fn tick(&self, at: OffsetDateTime, stop: &mut Stop) -> bool {
        for wait in RETRIES.into_iter().map(Some).chain([None]) {
            match self.invoke(at).await {
                Ok(()) => return true,
                Err(error) => {
                    tracing::error!(function = self.function.binary, error, "a schedule's tick failed");
                }
            }
            let Some(wait) = wait else { return true };
            if !stop.pause(wait).await {
                return false;
            }
        }
        true
    }

    async fn invoke(&self, at: OffsetDateTime) -> Result<(), String> {
        let event = match &self.input {
            // What EventBridge Scheduler puts in its place.
            Some(input) => {
                serde_json::from_str(&input.replace("<aws.scheduler.scheduled-time>", &rfc3339(at)))
            }
            None => serde_json::from_value(self.event(at)),
        };
        let event: EventBridgeEvent = event.map_err(|e| format!("the event was not understood: {e}"))?;
        let answer = invoke::run(self.function.timeout, (self.handler)(event)).await;
        answer.map_err(|e| e.to_string())?.map_err(|e| e.to_string())
    }

    fn event(&self, at: OffsetDateTime) -> serde_json::Value {
        json!({
            "version": "0",
            "id": uuid::Uuid::new_v4(),
            "detail-type": "Scheduled Event",
            "source": "aws.events",
            "account": "123456789012",
            "time": rfc3339(at),
            "region": "us-east-1",
            "resources": [format!("arn:aws:events:us-east-1:123456789012:rule/{}", self.function.logical_id)],
            "detail": {},
        })
    }

    fn last(&self) -> Option<OffsetDateTime> {
        let noted = self.cloud.note(&self.note()).ok().flatten()?;
        OffsetDateTime::from_unix_timestamp(noted.parse().ok()?).ok()
    }

    fn note(&self) -> String {
        format!("schedule/{}", self.function.logical_id)
    }
}

/// To the second, as EventBridge writes it.
fn rfc3339(at: OffsetDateTime) -> String {
    at.replace_nanosecond(0).unwrap_or(at).format(&Rfc3339).unwrap_or_default()
}

#[expect(clippy::disallowed_methods, reason = "the scheduler is AWS's side: it keeps its own time")]
fn now() -> OffsetDateTime {
    OffsetDateTime::now_utc()
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn rates_are_read() {
        let rate = |seconds| Ok(Timetable::Rate(Duration::from_secs(seconds)));
        assert_eq!(Timetable::parse("rate(1 minute)"), rate(60));
        assert_eq!(Timetable::parse("rate(5 minutes)"), rate(300));
        assert_eq!(Timetable::parse("rate(2 days)"), rate(172_800));
        for wrong in
            ["", "rate()", "rate(0 minutes)", "rate(x minutes)", "rate(1 week)", "every(1 minute)", "cron(1)"]
        {
            assert!(Timetable::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_missed_tick_is_due_at_once() {
        let every_minute = Timetable::parse("rate(1 minute)").unwrap();
        let now = datetime!(2026-01-01 12:00 UTC);
        assert_eq!(every_minute.next(None, now), datetime!(2026-01-01 12:01 UTC));
        assert_eq!(
            every_minute.next(Some(datetime!(2026-01-01 11:59:30 UTC)), now),
            datetime!(2026-01-01 12:00:30 UTC)
        );
        assert_eq!(every_minute.next(Some(datetime!(2025-01-01 0:00 UTC)), now), now);
    }
}
