//! Reading one's writes: the tokens that mutations return and queries wait for.
//!
//! A token stands for a position in the domain log. It is sealed, and always of the same length: positions of one's own
//! commands, seen one after another, would tell how much happened in between that one may not see.

use std::{fmt, sync::Arc};

use access::exchange::GatewaySecret;
use aws_lc_rs::{
    aead::{AES_256_GCM_SIV, Aad, NONCE_LEN, Nonce, RandomizedNonceKey},
    error::Unspecified,
};
use data_encoding::BASE64URL_NOPAD;
use eventlog::{Offset, PARTITIONS, Partition, Position};

/// What a token's plaintext begins with, so that another shape can follow.
const SHAPE: u8 = 1;

/// The bytes of a plaintext: the shape, the partition, the offset.
const LENGTH: usize = 1 + 2 + 8;

/// The bytes of an AES-GCM-SIV tag (RFC 8452).
const TAG_LEN: usize = 16;

/// The characters of a token.
const LONGEST: usize = (NONCE_LEN + LENGTH + TAG_LEN).div_ceil(3) * 4;

/// Seals and opens tokens; cheap to clone.
#[derive(Clone)]
pub struct ReadTokens(Arc<RandomizedNonceKey>);

impl ReadTokens {
    /// With a key derived from the gateway's secret, so that any of its processes opens another's tokens.
    pub fn new(secret: &GatewaySecret) -> Result<Self, Unspecified> {
        let key = secret.key("Wardlog 2026 tokens for reading one's writes");
        Ok(Self(Arc::new(RandomizedNonceKey::new(&AES_256_GCM_SIV, &key)?)))
    }

    /// A token for a position: another text each time, of the same length.
    #[expect(clippy::expect_used, clippy::missing_panics_doc, reason = "sealing fails for texts of gigabytes alone")]
    pub fn seal(&self, position: Position) -> String {
        let mut bytes = Vec::with_capacity(NONCE_LEN + LENGTH + TAG_LEN);
        bytes.push(SHAPE);
        bytes.extend_from_slice(&position.partition.number().to_be_bytes());
        bytes.extend_from_slice(&position.offset.number().to_be_bytes());
        let nonce = self.0.seal_in_place_append_tag(Aad::empty(), &mut bytes).expect("eleven bytes can be sealed");
        BASE64URL_NOPAD.encode(&[nonce.as_ref().as_slice(), bytes.as_slice()].concat())
    }

    /// The position that a token stands for, if it is one of ours.
    pub fn open(&self, token: &str) -> Option<Position> {
        if token.len() > LONGEST {
            return None;
        }
        let bytes = BASE64URL_NOPAD.decode(token.as_bytes()).ok()?;
        let (nonce, sealed) = bytes.split_first_chunk::<NONCE_LEN>()?;
        let mut sealed = sealed.to_vec();
        let opened = self.0.open_in_place(Nonce::from(nonce), Aad::empty(), &mut sealed).ok()?;
        let (&[SHAPE, high, low], offset) = opened.split_first_chunk()? else { return None };
        let (partition, offset) = (i16::from_be_bytes([high, low]), i64::from_be_bytes(offset.try_into().ok()?));
        (0..PARTITIONS)
            .contains(&partition)
            .then(|| Position { partition: Partition::of_row(partition), offset: Offset::of_row(offset) })
    }
}

impl fmt::Debug for ReadTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReadTokens")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn tokens(secret: u8) -> ReadTokens {
        ReadTokens::new(&GatewaySecret::new([secret; 32])).unwrap()
    }

    fn position(partition: i16, offset: i64) -> Position {
        Position { partition: Partition::of_row(partition), offset: Offset::of_row(offset) }
    }

    #[test]
    fn a_token_is_opened_by_every_process_of_the_installation_and_by_no_other() {
        let token = tokens(1).seal(position(63, 7));
        assert_eq!(tokens(1).open(&token), Some(position(63, 7)));
        assert_eq!(tokens(2).open(&token), None);
    }

    #[test]
    fn tokens_tell_nothing_apart_by_length_or_repetition() {
        let tokens = tokens(1);
        let positions = [position(0, 0), position(63, i64::MAX), position(7, 1), position(7, 1)];
        let sealed = positions.map(|position| tokens.seal(position));
        assert!(sealed.iter().all(|token| token.len() == LONGEST), "{sealed:?}");
        assert_eq!(sealed.iter().collect::<HashSet<_>>().len(), sealed.len());
    }

    #[test]
    fn what_is_no_token_of_ours_is_none() {
        let tokens = tokens(1);
        let good = tokens.seal(position(1, 2));
        for end in 0..good.len() {
            assert_eq!(tokens.open(&good[..end]), None, "cut to {end}");
            let mut changed = good.clone().into_bytes();
            changed[end] = if changed[end] == b'A' { b'B' } else { b'A' };
            assert_eq!(tokens.open(std::str::from_utf8(&changed).unwrap()), None, "changed at {end}");
        }
        assert_eq!(tokens.open(&format!("{good}A")), None);
        assert_eq!(tokens.open("é"), None);
    }
}
