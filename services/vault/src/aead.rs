//! Sealing bytes: AES-256-GCM-SIV (RFC 8452), which a repeated nonce does not break open.

use std::fmt;

use aws_lc_rs::{
    aead::{AES_256_GCM_SIV, Aad, Nonce, RandomizedNonceKey},
    error::Unspecified,
};

/// The bytes of a nonce, which stand before what is sealed.
const NONCE: usize = 12;

/// A key that seals. Neither it nor its bytes are shown by `Debug`.
pub(crate) struct Aead(RandomizedNonceKey);

impl fmt::Debug for Aead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Aead")
    }
}

impl Aead {
    pub(crate) fn new(key: &[u8; 32]) -> Result<Self, Unspecified> {
        RandomizedNonceKey::new(&AES_256_GCM_SIV, key).map(Self)
    }

    /// Nonce, ciphertext and tag: 28 bytes more than `plain`.
    pub(crate) fn seal(&self, additional: &[u8], mut plain: Vec<u8>) -> Result<Vec<u8>, Unspecified> {
        let nonce = self.0.seal_in_place_append_tag(Aad::from(additional), &mut plain)?;
        Ok([nonce.as_ref().as_slice(), &plain].concat())
    }

    /// What was sealed with the same additional data.
    pub(crate) fn open(&self, additional: &[u8], sealed: &[u8]) -> Result<Vec<u8>, Unspecified> {
        let (nonce, sealed) = sealed.split_at_checked(NONCE).ok_or(Unspecified)?;
        let mut opened = sealed.to_vec();
        let length =
            self.0.open_in_place(Nonce::try_assume_unique_for_key(nonce)?, Aad::from(additional), &mut opened)?.len();
        opened.truncate(length);
        Ok(opened)
    }
}

#[cfg(test)]
mod tests {
    use data_encoding::HEXLOWER;

    use super::*;

    /// RFC 8452, appendix C.2: the example of eight bytes without additional data.
    #[test]
    fn it_opens_what_rfc_8452_sealed() {
        let hex = |text: &str| HEXLOWER.decode(text.as_bytes()).unwrap();
        let key: [u8; 32] = hex("0100000000000000000000000000000000000000000000000000000000000000").try_into().unwrap();
        let sealed =
            [hex("030000000000000000000000"), hex("c2ef328e5c71c83b843122130f7364b761e0b97427e3df28")].concat();
        let opened = Aead::new(&key).unwrap().open(&[], &sealed);
        assert_eq!(opened.unwrap(), hex("0100000000000000"));
    }

    #[test]
    fn the_same_sealed_twice_is_not_the_same() {
        let key = Aead::new(&[7; 32]).unwrap();
        assert_ne!(key.seal(b"a", b"text".to_vec()).unwrap(), key.seal(b"a", b"text".to_vec()).unwrap());
    }

    #[test]
    fn no_changed_byte_opens() {
        let key = Aead::new(&[7; 32]).unwrap();
        let sealed = key.seal(b"a", b"text".to_vec()).unwrap();
        assert_eq!(key.open(b"a", &sealed).unwrap(), b"text");
        assert!(key.open(b"b", &sealed).is_err(), "other additional data");
        assert!(Aead::new(&[8; 32]).unwrap().open(b"a", &sealed).is_err(), "another key");
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(key.open(b"a", &changed).is_err(), "byte {at}");
            assert!(key.open(b"a", &sealed[..at]).is_err(), "cut at {at}");
        }
    }
}
