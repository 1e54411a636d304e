//! SCIM keys: what a school's or trust's own directory shows when it provisions.

use crate::secret_key::secret_key;

secret_key!(
    /// A SCIM key: `wls_` and 43 characters. It is shown once and never stored.
    ScimKey, "wls_", "a SCIM key: wls_ and 43 characters"
);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::IngestKey;

    #[test]
    fn a_key_of_one_kind_is_none_of_the_other() {
        let (scim, ingest) = (ScimKey::from_random([7; 32]), IngestKey::from_random([7; 32]));
        assert_eq!(scim.reveal().parse::<ScimKey>().unwrap(), scim);
        assert!(scim.reveal().parse::<IngestKey>().is_err());
        assert!(ingest.reveal().parse::<ScimKey>().is_err());
        assert_eq!(format!("{scim:?}"), "ScimKey(redacted)");
    }
}
