//! What a token endpoint answers when it refuses (RFC 6749 §5.2).

/// The code in `error`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Code {
    /// A parameter is missing, stands twice, or does not go with another.
    InvalidRequest,
    /// The client is not known, or did not show that it is the one.
    InvalidClient,
    /// The assertion that is the grant is not valid (RFC 7523 §3.1).
    InvalidGrant,
    /// The endpoint does not know that grant.
    UnsupportedGrantType,
    /// The client may not have that scope.
    InvalidScope,
}

impl Code {
    /// Every code.
    pub const ALL: [Self; 5] = [
        Self::InvalidRequest,
        Self::InvalidClient,
        Self::InvalidGrant,
        Self::UnsupportedGrantType,
        Self::InvalidScope,
    ];

    /// The code as clients read it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::InvalidClient => "invalid_client",
            Self::InvalidGrant => "invalid_grant",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::InvalidScope => "invalid_scope",
        }
    }
}
