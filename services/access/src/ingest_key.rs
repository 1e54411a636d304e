//! Ingest keys: what a school's filter shows at the door.

mod ring;

use crate::secret_key::secret_key;
pub use ring::{KeyRing, KnownSource};

secret_key!(
    /// An ingest key: `wlk_` and 43 characters. It is shown once and never stored.
    IngestKey, "wlk_", "an ingest key: wlk_ and 43 characters"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_reads_back_as_itself() {
        let key = IngestKey::from_random([0xfb; 32]);
        let text = key.reveal();
        assert_eq!(text, "wlk_-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_s");
        assert_eq!(text.parse::<IngestKey>().unwrap(), key);
        assert_eq!(key.hash().to_string().parse::<crate::KeyHash>().unwrap(), key.hash());
        assert_eq!(crate::KeyHash::from([7; 32]).as_bytes(), &[7; 32]);
    }

    #[test]
    fn a_key_has_one_spelling() {
        let key = IngestKey::from_random([7; 32]).reveal();
        let loose_bits = format!("{}h", &key[..key.len() - 1]);
        for wrong in [
            &loose_bits,
            &format!("{key}="),
            &key[4..],
            &key[..46],
            &format!(" {key}"),
            &key.to_uppercase(),
            "wlk_",
            "",
        ] {
            assert!(wrong.parse::<IngestKey>().is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_key_is_not_in_its_debug_output() {
        assert_eq!(format!("{:?}", IngestKey::from_random([7; 32])), "IngestKey(redacted)");
    }

    #[test]
    fn a_bearer_header_holds_a_key() {
        let key = IngestKey::from_random([1; 32]);
        for header in [format!("Bearer {}", key.reveal()), format!("bearer  {}", key.reveal())] {
            assert_eq!(IngestKey::of_bearer(&header), Some(key.clone()));
        }
        for wrong in
            [key.reveal(), format!("Basic {}", key.reveal()), "Bearer eyJhbGciOiJFZERTQSJ9".into(), "Bearer ".into()]
        {
            assert_eq!(IngestKey::of_bearer(&wrong), None);
        }
    }
}
