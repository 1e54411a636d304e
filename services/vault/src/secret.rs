//! The secret under which texts are hashed that must be found again and not be guessed.

use std::fmt;

use uuid::Uuid;

/// A secret that is kept outside every database; each purpose of each school or source has a key made of it.
#[derive(Clone)]
pub struct Secret([u8; 32]);

/// A key for one purpose of one school or source.
pub struct HashKey([u8; 32]);

impl Secret {
    /// From 256 random bits.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// By which the secret is known again, and which tells nothing of it.
    pub fn fingerprint(&self) -> [u8; 32] {
        blake3::derive_key("Wardlog 2026 fingerprint of the secret", &self.0)
    }

    /// The key for a purpose, a fixed text that no other has, of somebody or something.
    pub fn key(&self, purpose: &'static str, of: Uuid) -> HashKey {
        let mut hasher = blake3::Hasher::new_derive_key(purpose);
        hasher.update(&self.0).update(of.as_bytes());
        HashKey(*hasher.finalize().as_bytes())
    }
}

impl HashKey {
    /// The keyed hash of a text.
    pub fn hash(&self, bytes: &[u8]) -> [u8; 32] {
        *blake3::keyed_hash(&self.0, bytes).as_bytes()
    }

    /// Its first 64 bits.
    pub fn short_hash(&self, bytes: &[u8]) -> [u8; 8] {
        let mut short = [0; 8];
        short.copy_from_slice(&self.hash(bytes)[..8]);
        short
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

impl fmt::Debug for HashKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HashKey")
    }
}
