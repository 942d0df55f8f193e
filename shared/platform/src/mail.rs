//! Mail, through SES.

use std::{str::FromStr, time::Duration};

use aws_sdk_sesv2::{
    Client,
    error::{DisplayErrorContext, ProvideErrorMetadata as _, SdkError},
    types::{Body, Content, Destination, EmailContent, Message},
};
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SdkConfig;
use kernel::{Error, Result};

/// How long one mail may take with all its attempts. A sender has ten at once, and its own time-out.
const SEND_TIMEOUT: Duration = Duration::from_secs(5);

/// Whom mails come from: an address, or `Name <address>`. SES has to know its domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sender(String);

impl FromStr for Sender {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let address = match text.split_once('<') {
            Some((_, rest)) => rest.strip_suffix('>').unwrap_or_default(),
            None => text,
        };
        let is_address = matches!(
            address.split_once('@'),
            Some((local, domain)) if !local.is_empty() && !domain.is_empty() && !domain.contains('@')
        );
        if is_address && !text.contains(|c: char| c.is_control()) && !address.contains(char::is_whitespace) {
            Ok(Self(text.to_owned()))
        } else {
            Err("must be an e-mail address, or Name <address>")
        }
    }
}

/// Sends mails. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Mailer {
    client: Client,
    from: Sender,
}

impl Mailer {
    /// Sends through `config`.
    pub fn new(config: &SdkConfig, from: Sender) -> Self {
        let timeouts = TimeoutConfig::builder().operation_timeout(SEND_TIMEOUT).build();
        let config = aws_sdk_sesv2::config::Builder::from(config).timeout_config(timeouts).build();
        Self { client: Client::from_conf(config), from }
    }

    /// Sends a plain text to an address.
    ///
    /// # Errors
    /// [`Error::Unavailable`], whose cause never quotes the address.
    pub async fn send(&self, to: &str, subject: &str, text: &str) -> Result<()> {
        let message = Message::builder()
            .subject(utf8(subject)?)
            .body(Body::builder().text(utf8(text)?).build())
            .build();
        let request = self
            .client
            .send_email()
            .from_email_address(&self.from.0)
            .destination(Destination::builder().to_addresses(to).build())
            .content(EmailContent::builder().simple(message).build());
        match request.send().await {
            Ok(_) => Ok(()),
            // SES's message may name the recipient: its code says enough.
            Err(SdkError::ServiceError(error)) => {
                let code = error.err().code().unwrap_or("an error without a code");
                Err(Error::unavailable("send a mail", format!("SES answered {code}")))
            }
            Err(error) => Err(Error::unavailable("send a mail", DisplayErrorContext(error).to_string())),
        }
    }
}

fn utf8(text: &str) -> Result<Content> {
    Content::builder()
        .charset("UTF-8")
        .data(text)
        .build()
        .map_err(|error| Error::internal("write a mail", error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn senders_are_checked() {
        for (text, is_right) in [
            ("groundwork@example.com", true),
            ("Groundwork <no-reply@example.com>", true),
            ("groundwork@localhost.localdomain", true),
            ("groundwork", false),
            ("@example.com", false),
            ("a@", false),
            ("a@b@c", false),
            ("Groundwork <no-reply@example.com", false),
            ("a@example.com\r\nBcc: b@example.com", false),
            ("a b@example.com", false),
            ("", false),
        ] {
            assert_eq!(text.parse::<Sender>().is_ok(), is_right, "{text:?}");
        }
    }
}
