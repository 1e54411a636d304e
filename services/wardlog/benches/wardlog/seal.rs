//! `seal` and `open`: what a name costs to seal and to open, once its key is there.

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use anyhow::Result;
use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, RandomizedNonceKey};
use schema::{Sealed, people::Identity};
use uuid::Uuid;
use vault::Place as Bound;
use web::clock;

use crate::{
    options::Effort,
    report::{Limit, Measurement},
    sources::Place,
};

/// What a name may cost, in microseconds.
const PROMISE: f64 = 20.0;

/// How many are done between two looks at the clock.
const AT_ONCE: u32 = 1_000;

/// Measures both in each run, beside the cipher alone over as many bytes.
pub async fn measure(effort: Effort) -> Result<[Measurement; 2]> {
    let place = Place::make().await?;
    let vault = place.vault("directory", database::Role::Directory).await?;
    let key = vault.make(Uuid::from_u128(1), clock::random_id().into()).await?;

    let bound =
        Bound { owner: Uuid::from_u128(1), stream: "person-00000000-0000-4000-8000-00000000e001", field: "identity" };
    let identity = Identity { name: "Alex Example".into(), email: Some("alex.example@school.example".into()) };
    let sealed: Sealed<Identity> = key.seal(bound, &identity)?;
    let alone = RandomizedNonceKey::new(&AES_256_GCM_SIV, &[7; 32])?;
    let (mut seals, mut opens, mut ciphers) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..effort.runs {
        seals.push(each(effort.window, || Ok(key.seal(bound, &identity)?))?);
        opens.push(each(effort.window, || Ok(key.open(bound, &sealed)?))?);
        ciphers.push(each(effort.window, || {
            let mut bytes = vec![b' '; 128];
            alone.seal_in_place_append_tag(Aad::from([0; 108]), &mut bytes)?;
            Ok(bytes)
        })?);
    }
    place.remove().await?;
    let limit = || Limit { what: "the cipher alone, sealing as many bytes", runs: ciphers.clone() };
    Ok([
        Measurement::new("seal", "µs", seals, &limit()).below(PROMISE),
        Measurement::new("open", "µs", opens, &limit()).below(PROMISE),
    ])
}

/// What one costs, in microseconds.
fn each<T>(window: Duration, mut one: impl FnMut() -> Result<T>) -> Result<f64> {
    let (began, mut done) = (Instant::now(), 0_u32);
    while began.elapsed() < window {
        for _ in 0..AT_ONCE {
            black_box(one()?);
        }
        done += AT_ONCE;
    }
    Ok(began.elapsed().as_secs_f64() * 1e6 / f64::from(done))
}
