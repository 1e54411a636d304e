//! An issuer for the demo and for tests, on this machine. An installation with real data trusts a real one instead.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicU32, Ordering},
};

use aws_lc_rs::signature::Ed25519KeyPair;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;

use crate::{
    HeldRoles, IssuerName, Subject,
    identity::{IssuerConfig, KeySource, SecondFactor, SignatureAlgorithm},
    signing::{self, Signer},
};

const KEY_FILE: &str = "dev-issuer.pk8";
/// It takes everybody's word for everything, a second factor too.
const ACR: &str = "development";
const JWKS_FILE: &str = "jwks.json";

/// Mints tokens with an Ed25519 key that it keeps in a directory.
#[derive(Debug)]
pub struct DevIssuer {
    issuer: IssuerName,
    audience: String,
    signer: Signer,
    jwks: PathBuf,
}

/// Why the development issuer cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DevIssuerError {
    /// A file could not be read or written.
    #[error("expected to keep the development issuer's key: {0}")]
    Io(#[from] io::Error),
    /// Others than the owner can read the private key.
    #[error("expected the development issuer's key to be readable by its owner alone (mode 0600)")]
    Exposed,
    /// The file holds no Ed25519 key.
    #[error("expected an Ed25519 key as PKCS#8")]
    Key,
}

impl DevIssuer {
    /// Opens the issuer whose key is in `directory`, making the directory and the key the first time.
    ///
    /// Writes its public half to `jwks.json` beside it.
    pub fn open(directory: &Path, issuer: IssuerName, audience: &str) -> Result<Self, DevIssuerError> {
        fs::create_dir_all(directory)?;
        let key = private_key(&directory.join(KEY_FILE))?;
        let signer = Signer::new(key).map_err(|_| DevIssuerError::Key)?;
        let jwks = directory.join(JWKS_FILE);
        replace(&jwks, signer.jwks().as_bytes(), 0o644)?;
        Ok(Self { issuer, audience: audience.to_owned(), signer, jwks })
    }

    /// What a verifier needs to trust this issuer.
    pub fn config(&self) -> IssuerConfig {
        IssuerConfig {
            issuer: self.issuer.clone(),
            audience: self.audience.clone(),
            algorithms: vec![SignatureAlgorithm::EdDSA],
            jwks: KeySource::File(self.jwks.clone()),
            states_roles: true,
            second_factor: Some(SecondFactor { acr: vec![ACR.to_owned()], minutes: 24 * 60 }),
        }
    }

    /// A token for `subject` with `roles`, from `now` for `lifetime`.
    pub fn mint(
        &self,
        subject: &Subject,
        roles: impl Into<HeldRoles>,
        now: DateTime<Utc>,
        lifetime: TimeDelta,
    ) -> String {
        let mut claims = json!({
            "iss": self.issuer.as_str(),
            "aud": self.audience,
            "sub": subject.as_str(),
            "iat": now.timestamp(),
            "exp": (now + lifetime).timestamp(),
            "acr": ACR,
            "auth_time": now.timestamp(),
        });
        signing::state(&mut claims, &roles.into());
        self.signer.sign(&claims)
    }
}

/// The key in the file, made there if there is none. Of two processes that make one at once, the first one's stays.
fn private_key(path: &Path) -> Result<Ed25519KeyPair, DevIssuerError> {
    if !path.try_exists()? {
        let fresh = Ed25519KeyPair::generate().and_then(|key| key.to_pkcs8()).map_err(|_| DevIssuerError::Key)?;
        let draft = write_draft(path, fresh.as_ref(), 0o600)?;
        let linked = fs::hard_link(&draft, path);
        fs::remove_file(&draft)?;
        linked.or_else(|error| if error.kind() == io::ErrorKind::AlreadyExists { Ok(()) } else { Err(error) })?;
    }
    if fs::metadata(path)?.permissions().mode() & 0o077 != 0 {
        return Err(DevIssuerError::Exposed);
    }
    Ed25519KeyPair::from_pkcs8(&fs::read(path)?).map_err(|_| DevIssuerError::Key)
}

fn replace(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    fs::rename(write_draft(path, bytes, mode)?, path)
}

/// Writes beside `path`, so that nobody ever reads half a file.
fn write_draft(path: &Path, bytes: &[u8], mode: u32) -> io::Result<PathBuf> {
    static DRAFTS: AtomicU32 = AtomicU32::new(0);
    let number = DRAFTS.fetch_add(1, Ordering::Relaxed);
    let draft = path.with_extension(format!("draft-{}-{number}", process::id()));
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(&draft)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    Ok(draft)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{HeldRole, Verifier};

    /// A directory of its own, removed at the end.
    struct Directory(PathBuf);

    impl Directory {
        fn new() -> Self {
            Self(std::env::temp_dir().join(format!("wardlog-dev-issuer-{:016x}", rand::random::<u64>())))
        }

        fn open(&self) -> Result<DevIssuer, DevIssuerError> {
            DevIssuer::open(&self.0, "https://dev.example".parse().unwrap(), "wardlog")
        }
    }

    impl Drop for Directory {
        fn drop(&mut self) {
            fs::remove_dir_all(&self.0).unwrap();
        }
    }

    fn now() -> DateTime<Utc> {
        "2026-11-20T09:00:00Z".parse().unwrap()
    }

    #[tokio::test]
    async fn its_tokens_are_accepted_with_the_role_that_they_were_minted_for() {
        let directory = Directory::new();
        let issuer = directory.open().unwrap();
        let verifier = Verifier::new(vec![issuer.config()]).unwrap();
        let (trust, school) = (uuid::Uuid::from_u128(1).into(), uuid::Uuid::from_u128(2).into());
        for role in [HeldRole::mat_lead(trust), HeldRole::dsl(school), HeldRole::governor(school)] {
            let token = issuer.mint(&"u-1".parse().unwrap(), role, now(), TimeDelta::minutes(5));
            assert_eq!(verifier.verify(&token, now()).await.unwrap().roles, role.into());
        }
    }

    #[tokio::test]
    async fn it_keeps_its_key_when_it_is_opened_again() {
        let directory = Directory::new();
        let verifier = Verifier::new(vec![directory.open().unwrap().config()]).unwrap();
        let role = HeldRole::dsl(uuid::Uuid::from_u128(2).into());
        let reopened = directory.open().unwrap();
        let token = reopened.mint(&"u-1".parse().unwrap(), role, now(), TimeDelta::minutes(5));
        assert!(verifier.verify(&token, now()).await.is_ok());
        assert_eq!(fs::read_dir(&directory.0).unwrap().count(), 2, "no draft is left behind");
    }

    #[tokio::test]
    async fn when_many_open_it_at_once_they_share_the_one_key() {
        let directory = Directory::new();
        let issuers: Vec<_> = std::thread::scope(|scope| {
            let all: Vec<_> = (0..16).map(|_| scope.spawn(|| directory.open().unwrap())).collect();
            all.into_iter().map(|one| one.join().unwrap()).collect()
        });
        let verifier = Verifier::new(vec![issuers[0].config()]).unwrap();
        for issuer in &issuers {
            let role = HeldRole::dsl(uuid::Uuid::from_u128(2).into());
            let token = issuer.mint(&"u-1".parse().unwrap(), role, now(), TimeDelta::minutes(5));
            assert!(verifier.verify(&token, now()).await.is_ok());
        }
    }

    #[test]
    fn its_private_key_is_readable_by_its_owner_alone_or_not_used() {
        let directory = Directory::new();
        directory.open().unwrap();
        let key = directory.0.join(KEY_FILE);
        assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
        fs::set_permissions(&key, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(directory.open(), Err(DevIssuerError::Exposed)));
    }
}
