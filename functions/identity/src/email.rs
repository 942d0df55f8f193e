//! E-mail addresses as accounts know them: one spelling per mailbox.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, de};

/// Longest address a mail server must take: a path of 256 octets less its angle brackets (RFC 5321 §4.5.3.1.3).
const ADDRESS_BYTES_MAX: usize = 254;
/// RFC 5321 §4.5.3.1.1.
const LOCAL_BYTES_MAX: usize = 64;
/// RFC 1035 §2.3.4, without the root's dot.
const DOMAIN_BYTES_MAX: usize = 253;
/// RFC 1035 §2.3.4.
const LABEL_BYTES_MAX: usize = 63;

/// An e-mail address, lower-cased: `Ann@Example.org` and `ann@example.org` are one account.
///
/// Only ASCII is taken: two addresses that look or fold alike in Unicode would be two accounts to us and
/// one mailbox to a mail server. Domains in other scripts come in their `xn--` form.
/// It is personal data: it shows only through [`as_str`](Self::as_str).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, utoipa::ToSchema)]
#[serde(transparent)]
#[schema(value_type = String, format = "email", max_length = 254, example = "ann@example.org")]
pub struct Email(String);

/// Why a text is no e-mail address, as the end of a sentence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ParseEmailError(&'static str);

impl Email {
    /// The address.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What stands before the `@`.
    pub fn local(&self) -> &str {
        self.0.split_once('@').map_or("", |(local, _)| local)
    }

    /// What stands after the `@`.
    pub fn domain(&self) -> &str {
        self.0.split_once('@').map_or("", |(_, domain)| domain)
    }
}

impl FromStr for Email {
    type Err = ParseEmailError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() > ADDRESS_BYTES_MAX {
            return Err(ParseEmailError("must be at most 254 bytes long"));
        }
        if text.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err(ParseEmailError("must not contain spaces or control characters"));
        }
        if !text.is_ascii() {
            return Err(ParseEmailError("must be ASCII; write an international domain in its xn-- form"));
        }
        let Some((local, domain)) = text.split_once('@') else {
            return Err(ParseEmailError("must be an e-mail address, like ann@example.org"));
        };
        if domain.contains('@') {
            return Err(ParseEmailError("must contain exactly one @"));
        }
        check_local(local)?;
        check_domain(domain)?;
        Ok(Self(text.to_ascii_lowercase()))
    }
}

/// A dot-atom (RFC 5322 §3.2.3). The quoted form is left out: it is obsolete and a trap for every later parser.
fn check_local(local: &str) -> Result<(), ParseEmailError> {
    if local.len() > LOCAL_BYTES_MAX {
        return Err(ParseEmailError("must have at most 64 bytes before the @"));
    }
    if local.split('.').any(str::is_empty) {
        return Err(ParseEmailError(
            "must have a name before the @, without a dot at its start or end or two in a row",
        ));
    }
    let is_atom = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(c);
    if !local.chars().all(is_atom) {
        return Err(ParseEmailError("must have only letters, digits and !#$%&'*+-/=?^_`{|}~. before the @"));
    }
    Ok(())
}

/// A fully qualified host name (RFC 1035 §2.3.1, RFC 1123 §2.1), or `localhost` for the local cloud's operator.
fn check_domain(domain: &str) -> Result<(), ParseEmailError> {
    if domain.eq_ignore_ascii_case("localhost") {
        return Ok(());
    }
    let is_label = |label: &str| {
        (1..=LABEL_BYTES_MAX).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
    };
    if domain.len() > DOMAIN_BYTES_MAX || !domain.split('.').all(is_label) {
        return Err(ParseEmailError("must have a domain name after the @"));
    }
    let Some((_, top)) = domain.rsplit_once('.') else {
        return Err(ParseEmailError("must have a domain with a dot after the @, like example.org"));
    };
    if top.chars().all(|c| c.is_ascii_digit()) {
        return Err(ParseEmailError("must have a domain name after the @, not an IP address"));
    }
    Ok(())
}

impl fmt::Debug for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Email([redacted])")
    }
}

impl<'de> Deserialize<'de> for Email {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

kernel::text_input!(Email);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn one_mailbox_has_one_spelling() {
        for (written, kept) in [
            ("ann@example.org", "ann@example.org"),
            ("Ann@EXAMPLE.org", "ann@example.org"),
            ("ann+tag@a-b.example.co.uk", "ann+tag@a-b.example.co.uk"),
            ("o'brien.x@xn--bcher-kva.example", "o'brien.x@xn--bcher-kva.example"),
            ("operator@localhost", "operator@localhost"),
            ("1@1.org", "1@1.org"),
        ] {
            let email: Email = written.parse().unwrap();
            assert_eq!(email.as_str(), kept);
            assert_eq!(format!("{}@{}", email.local(), email.domain()), kept);
        }
    }

    #[test]
    fn the_fault_says_what_is_wrong() {
        let long_local = format!("{}@example.org", "a".repeat(65));
        let long_label = format!("a@{}.org", "b".repeat(64));
        let long = format!("a@{}org", "b.".repeat(126));
        for (text, part) in [
            ("", "like ann@example.org"),
            ("ann", "like ann@example.org"),
            ("ann@b@c.org", "exactly one @"),
            ("@example.org", "a name before the @"),
            (".ann@example.org", "a dot at its start"),
            ("ann.@example.org", "a dot at its start"),
            ("a..b@example.org", "two in a row"),
            ("\"a\"@example.org", "only letters, digits"),
            ("a,b@example.org", "only letters, digits"),
            ("ann@", "a domain name after"),
            ("ann@example", "a domain with a dot"),
            ("ann@-a.org", "a domain name after"),
            ("ann@a-.org", "a domain name after"),
            ("ann@a..org", "a domain name after"),
            ("ann@a.org.", "a domain name after"),
            ("ann@a_b.org", "a domain name after"),
            ("ann@127.0.0.1", "not an IP address"),
            ("ann@[127.0.0.1]", "a domain name after"),
            ("ann @example.org", "spaces or control"),
            (" ann@example.org", "spaces or control"),
            ("ann@example.org\r\nBcc: x", "spaces or control"),
            ("ann\0@example.org", "spaces or control"),
            ("änn@example.org", "must be ASCII"),
            ("ann@exämple.org", "must be ASCII"),
            (&long_local, "at most 64 bytes"),
            (&long_label, "a domain name after"),
            (&long, "at most 254 bytes"),
        ] {
            let fault = text.parse::<Email>().unwrap_err().to_string();
            assert!(fault.contains(part), "{text:?}: {fault}");
        }
    }

    #[test]
    fn it_does_not_show_by_accident_and_reads_back() {
        let email: Email = "ann@example.org".parse().unwrap();
        assert_eq!(format!("{email:?}"), "Email([redacted])");
        let json = serde_json::to_string(&email).unwrap();
        assert_eq!(json, "\"ann@example.org\"");
        assert_eq!(serde_json::from_str::<Email>(&json).unwrap(), email);
        assert!(serde_json::from_str::<Email>("\"ann\"").is_err());
    }

    proptest! {
        #[test]
        fn any_text_parses_or_is_refused(text in ".{0,300}") {
            if let Ok(email) = text.parse::<Email>() {
                prop_assert_eq!(email.as_str().parse::<Email>().unwrap(), email);
            }
        }

        #[test]
        fn case_never_makes_a_second_account(text in "[a-zA-Z0-9.+]{1,20}@[a-zA-Z0-9-]{1,10}\\.[a-zA-Z]{2,5}") {
            prop_assert_eq!(
                text.parse::<Email>().ok(),
                text.to_ascii_uppercase().parse::<Email>().ok()
            );
        }
    }
}
