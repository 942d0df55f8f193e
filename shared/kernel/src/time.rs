//! Points in time, in UTC, to the millisecond.

use std::{fmt, str::FromStr, time::Duration};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use time::{OffsetDateTime, PrimitiveDateTime, format_description::well_known::Rfc3339};

/// RFC 9110 §5.6.7, IMF-fixdate.
const HTTP_DATE: &[time::format_description::BorrowedFormatItem<'_>] = time::macros::format_description!(
    "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
);

/// A point in time: milliseconds since the Unix epoch. Written as RFC 3339 UTC with three decimals,
/// which sorts as text in the order of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// From milliseconds since the Unix epoch.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// From whole seconds since the Unix epoch, as JWT's `NumericDate` counts (RFC 7519 §2).
    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1000))
    }

    /// Milliseconds since the Unix epoch.
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since the Unix epoch, rounded down.
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// The time from `earlier` to `self`; zero when `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// The day of this instant in UTC, `YYYY-MM-DD`.
    pub fn date(self) -> String {
        self.date_time().date().to_string()
    }

    /// The HTTP date of this instant (RFC 9110 §5.6.7), as in `Last-Modified`.
    pub fn http_date(self) -> String {
        self.date_time().format(HTTP_DATE).unwrap_or_default()
    }

    /// Reads an HTTP date in the form that everybody writes. The two obsolete forms are not read: a condition in
    /// one of them is as good as none.
    pub fn from_http_date(text: &str) -> Option<Self> {
        let parsed = PrimitiveDateTime::parse(text, HTTP_DATE).ok()?;
        Some(Self::from_seconds(parsed.assume_utc().unix_timestamp()))
    }

    fn date_time(self) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0) * 1_000_000)
            .unwrap_or(OffsetDateTime::UNIX_EPOCH)
    }
}

impl std::ops::Add<Duration> for Timestamp {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)))
    }
}

impl std::ops::Sub<Duration> for Timestamp {
    type Output = Self;

    fn sub(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const FORMAT: &[time::format_description::BorrowedFormatItem<'_>] = time::macros::format_description!(
            "[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z"
        );
        f.write_str(&self.date_time().format(FORMAT).map_err(|_| fmt::Error)?)
    }
}

/// The text is no RFC 3339 date and time.
#[derive(Debug, thiserror::Error)]
#[error("must be an RFC 3339 date and time, like 2026-01-31T12:00:00Z")]
pub struct ParseTimestampError;

crate::text_input!(Timestamp);

impl FromStr for Timestamp {
    type Err = ParseTimestampError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parsed = OffsetDateTime::parse(text, &Rfc3339).map_err(|_| ParseTimestampError)?;
        i64::try_from(parsed.unix_timestamp_nanos() / 1_000_000).map(Self).map_err(|_| ParseTimestampError)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

impl utoipa::PartialSchema for Timestamp {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .format(Some(utoipa::openapi::SchemaFormat::KnownFormat(utoipa::openapi::KnownFormat::DateTime)))
            .description(Some("RFC 3339, UTC"))
            .into()
    }
}

impl utoipa::ToSchema for Timestamp {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_rfc_3339_and_reads_it_back() {
        let at = Timestamp::from_millis(1_700_000_000_123);
        assert_eq!(at.to_string(), "2023-11-14T22:13:20.123Z");
        assert_eq!("2023-11-14T23:13:20.123+01:00".parse::<Timestamp>().unwrap(), at);
        assert_eq!(at.http_date(), "Tue, 14 Nov 2023 22:13:20 GMT");
        let to_the_second = Timestamp::from_seconds(at.seconds());
        assert_eq!(Timestamp::from_http_date(&at.http_date()), Some(to_the_second));
        for wrong in ["", "yesterday", "2023-11-14T22:13:20Z", "Tue, 31 Feb 2023 22:13:20 GMT"] {
            assert_eq!(Timestamp::from_http_date(wrong), None, "{wrong}");
        }
        for wrong in ["", "2023-11-14", "2023-11-14T22:13:20", "now"] {
            assert!(wrong.parse::<Timestamp>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn since_never_goes_below_zero() {
        let early = Timestamp::from_seconds(10);
        let late = early + Duration::from_millis(1500);
        assert_eq!(late.since(early), Duration::from_millis(1500));
        assert_eq!(early.since(late), Duration::ZERO);
        assert_eq!((late - Duration::from_secs(2)).seconds(), 9);
    }
}
