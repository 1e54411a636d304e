//! Why a token was refused.

/// The fact for which a token was refused; for our log. It repeats nothing that the token says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// It is longer than we read.
    #[error("expected a token of at most 8 KiB")]
    TooLong,
    /// It is not three base64url parts, the first two of them JSON objects.
    #[error("expected a compact JWS of JSON objects")]
    Malformed,
    /// `typ` says that it is another kind of token.
    #[error("expected typ JWT or at+jwt")]
    WrongType,
    /// The header demands an extension that we do not know (RFC 7515, section 4.1.11).
    #[error("expected no critical header")]
    CriticalHeader,
    /// The algorithm is none of the three that we know.
    #[error("expected EdDSA, ES256 or RS256")]
    UnsupportedAlgorithm,
    /// The issuer does not sign with this algorithm.
    #[error("expected an algorithm that the issuer uses")]
    AlgorithmNotAllowed,
    /// The header names no key.
    #[error("expected a kid")]
    MissingKeyId,
    /// The issuer is not trusted.
    #[error("expected a trusted issuer")]
    UnknownIssuer,
    /// The issuer has no key of this name.
    #[error("expected a key of the issuer")]
    UnknownKey,
    /// The issuer's key of this name is of another type than the algorithm.
    #[error("expected a key of the algorithm's type")]
    KeyOfOtherType,
    /// The issuer's keys could not be fetched so far.
    #[error("expected the issuer's keys to be within reach")]
    KeysUnavailable,
    /// The signature is not the key's.
    #[error("expected the issuer's signature")]
    BadSignature,
    /// A required claim is not there.
    #[error("expected the claim {0}")]
    MissingClaim(&'static str),
    /// A claim has another shape than its definition.
    #[error("expected the claim {0} in its defined form")]
    MalformedClaim(&'static str),
    /// It is meant for somebody else.
    #[error("expected us among the audience")]
    WrongAudience,
    /// `exp` has passed.
    #[error("expected a token that has not expired")]
    Expired,
    /// `nbf` lies ahead.
    #[error("expected a token that is valid already")]
    NotYetValid,
    /// `iat` lies ahead.
    #[error("expected a token issued in the past")]
    IssuedInTheFuture,
    /// It is one of the gateway's, and says that it holds for longer than those do.
    #[error("expected an exchanged token to live for 60 seconds at most")]
    LivesTooLong,
}
