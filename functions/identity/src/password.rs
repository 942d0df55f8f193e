//! Passwords: what may become one, and what is kept of it.

pub mod hash;

use std::{borrow::Cow, str::FromStr};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use kernel::Secret;
use zeroize::Zeroizing;
use zxcvbn::{Score, zxcvbn};

use crate::{email::Email, username::Username};

pub use hash::{HashError, Peppers, StoredHash, Verdict, decoy, hash, verify};

/// Longest password that is looked at; four times what a new one may have, for imported users.
const PRESENTED_BYTES_MAX: usize = 1024;

/// How much of a password its strength is estimated from. zxcvbn tries every reading of digits and symbols as letters:
/// 100 characters made for it keep it busy for two seconds, 32 for less than a fifth of one. A password whose
/// first 32 characters are strong is strong.
const ESTIMATED_CHARS_MAX: usize = 32;

/// A password in the clear, on its way to a hash.
pub trait Plaintext {
    /// The password itself.
    fn expose(&self) -> &str;
}

/// A password somebody wants to have from now on: 10 to 128 characters. Whether it is a good one is told by
/// [`check_policy`], which has to know whose it is.
#[derive(Clone, Debug, utoipa::ToSchema)]
#[schema(
    value_type = String,
    format = "password",
    min_length = 10,
    max_length = 128,
    example = "nine purple otters juggle"
)]
pub struct NewPassword(Secret<Zeroizing<String>>);

/// A password somebody says they have. No rule applies to it but a bound on the work it can cause:
/// telling more would tell what passwords look like here.
#[derive(Clone, Debug, utoipa::ToSchema)]
#[schema(value_type = String, format = "password", max_length = 1024, example = "nine purple otters juggle")]
pub struct PresentedPassword(Secret<Zeroizing<String>>);

/// Why a text cannot be a password, as the end of a sentence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ParsePasswordError(&'static str);

impl NewPassword {
    /// One that nobody knows, for an account that is entered in another way.
    pub fn unknown(random: [u8; 32]) -> Self {
        Self(Secret::new(Zeroizing::new(URL_SAFE_NO_PAD.encode(random))))
    }
}

impl FromStr for NewPassword {
    type Err = ParsePasswordError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // Characters, not bytes: a passphrase in Greek is not half as long as one in English.
        if (10..=128).contains(&text.chars().count()) {
            Ok(Self(Secret::new(Zeroizing::new(text.to_owned()))))
        } else {
            Err(ParsePasswordError("must be 10 to 128 characters long"))
        }
    }
}

impl FromStr for PresentedPassword {
    type Err = ParsePasswordError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() <= PRESENTED_BYTES_MAX {
            Ok(Self(Secret::new(Zeroizing::new(text.to_owned()))))
        } else {
            Err(ParsePasswordError("must be at most 1024 bytes long"))
        }
    }
}

impl Plaintext for NewPassword {
    fn expose(&self) -> &str {
        self.0.expose()
    }
}

impl Plaintext for PresentedPassword {
    fn expose(&self) -> &str {
        self.0.expose()
    }
}

kernel::text_input!(NewPassword, PresentedPassword);

/// Whether a password is good enough for an account.
///
/// # Errors
/// The detail of the fault, as the end of a sentence: it is the account's own e-mail address or username, or
/// zxcvbn (Wheeler 2016), which knows both, scores it below 3 of 4.
pub fn check_policy(
    password: &NewPassword,
    email: &Email,
    username: &Username,
) -> Result<(), Cow<'static, str>> {
    let folded = Zeroizing::new(password.expose().to_lowercase());
    if [email.as_str(), email.local()].contains(&folded.as_str()) {
        return Err("must not be your e-mail address".into());
    }
    if *folded == username.folded() {
        return Err("must not be your username".into());
    }
    let known = [email.as_str(), email.local(), email.domain(), username.as_str()].map(estimated_part);
    let estimate = zxcvbn(estimated_part(password.expose()), &known);
    if estimate.score() >= Score::Three {
        return Ok(());
    }
    let reason = estimate
        .feedback()
        .and_then(|feedback| match feedback.warning() {
            Some(warning) => Some(warning.to_string()),
            None => feedback.suggestions().first().map(ToString::to_string),
        })
        .unwrap_or_default();
    Err(too_easy(&reason).into())
}

fn estimated_part(text: &str) -> &str {
    match text.char_indices().nth(ESTIMATED_CHARS_MAX) {
        Some((end, _)) => &text[..end],
        None => text,
    }
}

/// zxcvbn writes whole sentences; ours goes on after a colon.
fn too_easy(reason: &str) -> String {
    let mut chars = reason.trim_end_matches('.').chars();
    match chars.next() {
        Some(first) => format!("is too easy to guess: {}{}", first.to_lowercase(), chars.as_str()),
        None => "is too easy to guess".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn length_is_counted_in_characters() {
        for (text, is_right) in [
            ("", false),
            ("123456789", false),
            ("1234567890", true),
            ("οκτώοκτώοκ", true),
            ("οκτώοκτώο", false),
            (&*"é".repeat(128), true),
            (&*"é".repeat(129), false),
        ] {
            assert_eq!(text.parse::<NewPassword>().is_ok(), is_right, "{text}");
        }
        assert!("".parse::<PresentedPassword>().is_ok());
        assert!("x".repeat(1024).parse::<PresentedPassword>().is_ok());
        assert!("x".repeat(1025).parse::<PresentedPassword>().is_err());
    }

    #[test]
    fn passwords_do_not_print() {
        let new: NewPassword = "hunter2hunter2".parse().unwrap();
        let presented: PresentedPassword = "hunter2".parse().unwrap();
        assert!(!format!("{new:?} {presented:?}").contains("hunter2"));
    }

    #[test]
    fn the_policy_names_what_is_wrong() {
        let email: Email = "adelheid.gruber@bergwerk-ag.example".parse().unwrap();
        let username: Username = "Gletscher_Kind".parse().unwrap();
        for (password, outcome) in [
            ("Adelheid.Gruber@Bergwerk-AG.example", Err("must not be your e-mail address")),
            ("ADELHEID.gruber", Err("must not be your e-mail address")),
            ("gletscher_kind", Err("must not be your username")),
            ("gletscher_kind1", Err("is too easy to guess: ")),
            ("bergwerk-ag.example", Err("is too easy to guess: ")),
            ("password123", Err("is too easy to guess: this is")),
            ("aaaaaaaaaaaa", Err("is too easy to guess: repeats like \"aaa\" are easy to guess")),
            ("qwertyuiop", Err("is too easy to guess: ")),
            ("abcdefghijklm", Err("is too easy to guess: sequences like abc")),
            ("nine purple otters juggle", Ok(())),
            ("adelheid.gruber@bergwerk-ag.example1", Err("is too easy to guess: ")),
            ("kX9#vQ2!mZ7p", Ok(())),
            ("περιστέρι στο μπαλκόνι", Ok(())),
        ] {
            let checked = check_policy(&password.parse().unwrap(), &email, &username);
            match (&checked, outcome) {
                (Ok(()), Ok(())) => {}
                (Err(detail), Err(start)) if detail.starts_with(start) => {}
                _ => panic!("{password}: {checked:?}, expected {outcome:?}"),
            }
            if let Err(detail) = checked {
                assert!(!detail.ends_with('.'), "{detail}");
            }
        }
    }

    /// Every reading of every character, to the longest password: not a way to keep a function busy.
    #[test]
    fn the_estimate_is_bounded() {
        let email: Email = "ann@example.org".parse().unwrap();
        let username: Username = "ann".parse().unwrap();
        let worst: String = "4@8({[<369!1|075$+%2".chars().cycle().take(128).collect();
        assert_eq!(estimated_part(&worst).len(), 32);
        assert_eq!(estimated_part("é"), "é");
        assert_eq!(check_policy(&worst.parse().unwrap(), &email, &username), Ok(()));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn the_account_s_own_names_are_refused_in_any_case(local in "[a-z]{10,20}", upper in any::<bool>()) {
            let email: Email = format!("{local}@example.org").parse().unwrap();
            let username: Username = format!("u{local}").parse().unwrap();
            for name in [email.as_str().to_owned(), local, username.folded()] {
                let name = if upper { name.to_uppercase() } else { name };
                prop_assert!(check_policy(&name.parse().unwrap(), &email, &username).is_err());
            }
        }

        #[test]
        fn the_policy_takes_any_text(text in ".{10,128}") {
            let email: Email = "ann@example.org".parse().unwrap();
            let username: Username = "ann".parse().unwrap();
            let _ = check_policy(&text.parse().unwrap(), &email, &username);
        }
    }
}
