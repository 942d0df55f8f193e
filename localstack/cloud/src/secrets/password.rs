//! Random passwords, for `GetRandomPassword` and `GenerateSecretString`.

use ring::rand::{SecureRandom as _, SystemRandom};
use serde_json::Value;

use crate::template::Generate;
use crate::wire::{Fault, text};

const LOWERCASE: &str = "abcdefghijklmnopqrstuvwxyz";
const UPPERCASE: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const NUMBERS: &str = "0123456789";
const PUNCTUATION: &str = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";

/// The value `GenerateSecretString` describes.
pub(crate) fn generate(how: &Generate) -> Result<String, Fault> {
    let password = password(how)?;
    let Some((object, key)) = &how.template else {
        return Ok(password);
    };
    let mut object = object.clone();
    object.insert(key.clone(), password.into());
    Ok(Value::Object(object).to_string())
}

/// The password a `GetRandomPassword` asks for.
pub(super) fn from_request(input: &Value) -> Result<String, Fault> {
    let flag = |key: &str| input[key].as_bool().unwrap_or(false);
    password(&Generate {
        length: input["PasswordLength"].as_u64().map_or(32, |n| usize::try_from(n).unwrap_or(usize::MAX)),
        exclude: text(input, "ExcludeCharacters").unwrap_or_default().to_owned(),
        exclude_lowercase: flag("ExcludeLowercase"),
        exclude_uppercase: flag("ExcludeUppercase"),
        exclude_numbers: flag("ExcludeNumbers"),
        exclude_punctuation: flag("ExcludePunctuation"),
        template: None,
    })
}

fn password(how: &Generate) -> Result<String, Fault> {
    let sets: Vec<Vec<char>> = [
        (LOWERCASE, how.exclude_lowercase),
        (UPPERCASE, how.exclude_uppercase),
        (NUMBERS, how.exclude_numbers),
        (PUNCTUATION, how.exclude_punctuation),
    ]
    .into_iter()
    .filter(|(_, excluded)| !excluded)
    .map(|(set, _)| set.chars().filter(|c| !how.exclude.contains(*c)).collect::<Vec<char>>())
    .filter(|set| !set.is_empty())
    .collect();
    if sets.is_empty() || !(sets.len()..=4096).contains(&how.length) {
        return Err(Fault::client("InvalidParameterException", "No such password can be made."));
    }
    let all: Vec<char> = sets.iter().flatten().copied().collect();
    // Drawn whole until every set occurs, so that each such password stays equally likely.
    loop {
        let drawn: Result<Vec<char>, Fault> = (0..how.length).map(|_| draw(&all)).collect();
        let drawn = drawn?;
        if sets.iter().all(|set| drawn.iter().any(|c| set.contains(c))) {
            return Ok(drawn.into_iter().collect());
        }
    }
}

fn draw(from: &[char]) -> Result<char, Fault> {
    // Bytes beyond the last whole multiple are thrown away: otherwise the first characters came up more
    // often.
    let limit = 256 - 256 % from.len();
    let mut byte = [0];
    loop {
        let failed =
            |_| Fault::client("InternalServiceError", "The system gave no random bytes.").status(500);
        SystemRandom::new().fill(&mut byte).map_err(failed)?;
        if usize::from(byte[0]) < limit {
            return Ok(from[usize::from(byte[0]) % from.len()]);
        }
    }
}
