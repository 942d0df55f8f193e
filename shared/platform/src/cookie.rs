//! The cookies of a browser session (RFC 6265bis §4.1.3: the `__Host-` prefix ties them to this host, path `/`, TLS).

use axum::http::{HeaderMap, HeaderValue, header};

/// Holds the access token.
pub const ACCESS: &str = "__Host-gw_access";

/// Holds the refresh token.
pub const REFRESH: &str = "__Host-gw_refresh";

/// The value of a cookie. `None` when it is absent or stands more than once.
pub fn read<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut values = headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter_map(|(found, value)| (found == name).then_some(value));
    let value = values.next();
    if values.next().is_some() { None } else { value }
}

/// The `Set-Cookie` that stores a value for a time.
///
/// # Panics
/// Never for tokens, which are visible ASCII.
pub fn set(name: &str, value: &str, max_age_seconds: u64) -> HeaderValue {
    let text = format!("{name}={value}; Path=/; Max-Age={max_age_seconds}; HttpOnly; Secure; SameSite=Lax");
    HeaderValue::from_str(&text).expect("tokens are visible ASCII")
}

/// The `Set-Cookie` that removes a cookie.
pub fn remove(name: &str) -> HeaderValue {
    set(name, "", 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_one_value_and_no_ambiguous_one() {
        let mut headers = HeaderMap::new();
        headers.append(header::COOKIE, "a=1; __Host-gw_access=x.y.z".parse().unwrap());
        assert_eq!(read(&headers, ACCESS), Some("x.y.z"));
        assert_eq!(read(&headers, REFRESH), None);
        headers.append(header::COOKIE, "__Host-gw_access=other".parse().unwrap());
        assert_eq!(read(&headers, ACCESS), None);
    }
}
