//! `cron(minute hour day-of-month month day-of-week year)`, in UTC.

use std::collections::BTreeSet;

use time::{Duration, OffsetDateTime};

const MONTHS: [&str; 12] =
    ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const DAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];
/// Further ahead nothing is looked for.
const DAYS_AHEAD_MAX: i64 = 366 * 5;

/// The times a cron expression names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cron {
    minutes: BTreeSet<u16>,
    hours: BTreeSet<u16>,
    days: BTreeSet<u16>,
    months: BTreeSet<u16>,
    /// 1 is Sunday.
    weekdays: BTreeSet<u16>,
    years: BTreeSet<u16>,
}

impl Cron {
    /// Reads the six fields: numbers, names, `*`, `?`, lists, ranges and steps. AWS's `L`, `W` and `#` are
    /// refused.
    pub(super) fn parse(fields: &str) -> Result<Self, String> {
        let fields: Vec<&str> = fields.split_whitespace().collect();
        let [minutes, hours, days, months, weekdays, years] = fields[..] else {
            return Err("cron wants six fields".to_owned());
        };
        Ok(Self {
            minutes: field(minutes, 0, 59, &[])?,
            hours: field(hours, 0, 23, &[])?,
            days: field(days, 1, 31, &[])?,
            months: field(months, 1, 12, &MONTHS)?,
            weekdays: field(weekdays, 1, 7, &DAYS)?,
            years: field(years, 1970, 2199, &[])?,
        })
    }

    /// The first such minute after `now`. An expression that never comes is looked for again in five years.
    pub(super) fn next(&self, now: OffsetDateTime) -> OffsetDateTime {
        let start = now + Duration::minutes(1);
        let start = start.replace_second(0).and_then(|t| t.replace_nanosecond(0)).unwrap_or(start);
        for ahead in 0..DAYS_AHEAD_MAX {
            let day = start + Duration::days(ahead);
            if !self.names_day(day) {
                continue;
            }
            let times = self.hours.iter().flat_map(|h| self.minutes.iter().map(move |m| (*h, *m)));
            for (hour, minute) in times {
                let time = day
                    .replace_hour(u8::try_from(hour).unwrap_or_default())
                    .and_then(|t| t.replace_minute(u8::try_from(minute).unwrap_or_default()));
                if let Ok(time) = time
                    && time >= start
                {
                    return time;
                }
            }
        }
        start + Duration::days(DAYS_AHEAD_MAX)
    }

    fn names_day(&self, day: OffsetDateTime) -> bool {
        let weekday = u16::from(day.weekday().number_from_sunday());
        self.days.contains(&u16::from(day.day()))
            && self.months.contains(&u16::from(u8::from(day.month())))
            && self.weekdays.contains(&weekday)
            && u16::try_from(day.year()).is_ok_and(|year| self.years.contains(&year))
    }
}

fn field(text: &str, min: u16, max: u16, names: &[&str]) -> Result<BTreeSet<u16>, String> {
    let wrong = || format!("`{text}` does not fit between {min} and {max}");
    let number = |text: &str| {
        let index = names.iter().position(|name| name.eq_ignore_ascii_case(text));
        let by_name = index.and_then(|at| u16::try_from(at).ok()).map(|at| at + min);
        by_name.or_else(|| text.parse().ok()).filter(|n| (min..=max).contains(n)).ok_or_else(wrong)
    };
    let mut values = BTreeSet::new();
    for item in text.split(',') {
        let (range, step) = match item.split_once('/') {
            Some((range, step)) => (range, step.parse::<usize>().ok().filter(|s| *s > 0).ok_or_else(wrong)?),
            None => (item, 1),
        };
        let (from, to) = match range.split_once('-') {
            _ if range == "*" || range == "?" => (min, max),
            Some((from, to)) => (number(from)?, number(to)?),
            // `5/10` counts on from 5.
            None if item.contains('/') => (number(range)?, max),
            None => (number(range)?, number(range)?),
        };
        values.extend((from..=to).step_by(step));
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn the_next_time_is_found() {
        let now = datetime!(2026-01-30 10:17:30 UTC);
        let table = [
            ("* * * * ? *", datetime!(2026-01-30 10:18 UTC)),
            ("17 10 * * ? *", datetime!(2026-01-31 10:17 UTC)),
            ("0/15 * * * ? *", datetime!(2026-01-30 10:30 UTC)),
            ("0 9-11 ? * MON-FRI *", datetime!(2026-01-30 11:00 UTC)),
            ("0 0 ? * SUN *", datetime!(2026-02-01 0:00 UTC)),
            ("30 6 29 FEB ? *", datetime!(2028-02-29 6:30 UTC)),
            ("5,20 10 30 1 ? 2026", datetime!(2026-01-30 10:20 UTC)),
        ];
        for (fields, next) in table {
            assert_eq!(Cron::parse(fields).unwrap().next(now), next, "{fields}");
        }
    }

    #[test]
    fn mistakes_are_refused() {
        for wrong in
            ["", "* * * *", "60 * * * ? *", "* * 0 * ? *", "* * L * ? *", "*/0 * * * ? *", "a * * * ? *"]
        {
            assert!(Cron::parse(wrong).is_err(), "{wrong}");
        }
    }
}
