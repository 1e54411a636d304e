//! Keys come and go at the issuer, over real HTTP: what is fetched, how often, and what a failure leaves standing.

use std::{
    net::TcpListener,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use access::{
    TokenError, Verifier,
    identity::{MAX_KEYS_AGE, MAX_UNRENEWED, REFETCH_INTERVAL},
};
use actix_web::{App, HttpResponse, HttpServer, http::StatusCode, web};
use serde_json::{Value, json};
use tokio::sync::{Semaphore, watch};

use crate::issuer::{Key, claims, config, jwks_file, now};

/// What the issuer answers, how often it was asked, and a gate that holds answers back while it is shut.
#[derive(Clone)]
struct Issuer {
    answer: Arc<Mutex<(StatusCode, String)>>,
    asked: Arc<watch::Sender<usize>>,
    gate: Arc<Semaphore>,
    url: String,
}

async fn answer(issuer: web::Data<Issuer>) -> HttpResponse {
    issuer.asked.send_modify(|times| *times += 1);
    let _open = issuer.gate.acquire().await.unwrap();
    let (status, body) = issuer.answer.lock().unwrap().clone();
    HttpResponse::build(status).insert_header(("location", format!("{}/moved", issuer.url))).body(body)
}

impl Issuer {
    fn start(keys: &[Value]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let issuer = Self {
            answer: Arc::default(),
            asked: Arc::new(watch::Sender::new(0)),
            gate: Arc::new(Semaphore::new(100)),
            url: format!("http://{}", listener.local_addr().unwrap()),
        };
        issuer.publish(keys);
        let data = web::Data::new(issuer.clone());
        let server = HttpServer::new(move || App::new().app_data(data.clone()).default_service(web::to(answer)))
            .workers(1)
            .disable_signals()
            .listen(listener)
            .unwrap();
        tokio::spawn(server.run());
        issuer
    }

    fn answers(&self, status: StatusCode, body: String) {
        *self.answer.lock().unwrap() = (status, body);
    }

    fn publish(&self, keys: &[Value]) {
        self.answers(StatusCode::OK, json!({ "keys": keys }).to_string());
    }

    fn asked(&self) -> usize {
        *self.asked.borrow()
    }

    fn verifier(&self) -> Verifier {
        let jwks = json!({ "url": format!("{}/jwks.json", self.url) });
        Verifier::new(vec![config("https://id.example", &["EdDSA"], &jwks)]).unwrap()
    }
}

/// Good claims that do not expire within a test.
fn lasting() -> Value {
    let mut claims = claims();
    claims["exp"] = json!(now().timestamp() + 86_400);
    claims
}

#[tokio::test]
async fn a_new_key_is_fetched_when_it_is_first_used() {
    let (old, new) = (Key::ed(), Key::ed());
    let issuer = Issuer::start(&[old.jwk("old")]);
    let verifier = issuer.verifier();
    assert!(verifier.verify(&old.mint("old", &lasting()), now()).await.is_ok());
    assert!(verifier.verify(&old.mint("old", &lasting()), now()).await.is_ok());
    assert_eq!(issuer.asked(), 1);

    issuer.publish(&[old.jwk("old"), new.jwk("new")]);
    let token = new.mint("new", &lasting());
    assert!(verifier.verify(&token, now() + REFETCH_INTERVAL).await.is_ok());
    assert!(verifier.verify(&old.mint("old", &lasting()), now() + REFETCH_INTERVAL).await.is_ok());
    assert_eq!(issuer.asked(), 2);
}

/// Anybody can have the keys fetched, by a token that names one which is made up: what the issuer uses for the first time right
/// after is not refused for it.
#[tokio::test]
async fn a_new_key_that_is_used_right_after_a_fetch_is_waited_for_and_not_refused() {
    let (old, new) = (Key::ed(), Key::ed());
    let issuer = Issuer::start(&[old.jwk("old")]);
    let verifier = issuer.verifier();
    assert_eq!(verifier.verify(&old.mint("made-up", &lasting()), now()).await, Err(TokenError::UnknownKey));
    issuer.publish(&[old.jwk("old"), new.jwk("new")]);
    let (began, token) = (Instant::now(), new.mint("new", &lasting()));
    assert!(verifier.verify(&token, now() + one_second()).await.is_ok());
    assert!(began.elapsed() >= Duration::from_secs(1), "the interval is over");
    assert_eq!(issuer.asked(), 2);
}

/// What is known waits for nobody: it is answered while a thousand others wait.
#[tokio::test]
async fn a_thousand_who_wait_keep_nobody_who_is_known_and_the_next_is_asked_to_come_again() {
    let key = Key::ed();
    let issuer = Issuer::start(&[key.jwk("known")]);
    let verifier = issuer.verifier();
    let (known, unknown) = (key.mint("known", &lasting()), key.mint("made-up", &lasting()));
    assert!(verifier.verify(&known, now()).await.is_ok());
    let shut = issuer.gate.acquire_many(100).await.unwrap();
    let later = now() + REFETCH_INTERVAL;
    let waiting = (0..1_000).map(|_| {
        let (verifier, unknown) = (verifier.clone(), unknown.clone());
        tokio::spawn(async move { verifier.verify(&unknown, later).await })
    });
    let waiting: Vec<_> = waiting.collect();
    issuer.asked.subscribe().wait_for(|times| *times == 2).await.unwrap();
    // They are polled before this, on the one thread of the test.
    assert_eq!(verifier.verify(&unknown, later).await, Err(TokenError::KeysUnavailable));
    assert!(verifier.verify(&known, later).await.is_ok());
    drop(shut);
    for one in waiting {
        assert_eq!(one.await.unwrap(), Err(TokenError::UnknownKey));
    }
    assert_eq!(issuer.asked(), 2);
}

/// A key that was withdrawn is not believed for as long as the issuer is kept from saying so.
#[tokio::test]
async fn keys_that_cannot_be_fetched_anew_are_believed_for_an_hour_and_no_longer() {
    let key = Key::ed();
    let issuer = Issuer::start(&[key.jwk("known")]);
    let verifier = issuer.verifier();
    let token = key.mint("known", &lasting());
    assert!(verifier.verify(&token, now()).await.is_ok());
    issuer.answers(StatusCode::SERVICE_UNAVAILABLE, String::new());
    assert!(verifier.verify(&token, now() + MAX_UNRENEWED).await.is_ok());
    let later = now() + MAX_UNRENEWED + REFETCH_INTERVAL + one_second();
    assert_eq!(verifier.verify(&token, later).await, Err(TokenError::KeysUnavailable));
    issuer.publish(&[key.jwk("known")]);
    assert!(verifier.verify(&token, later + REFETCH_INTERVAL).await.is_ok());
}

#[tokio::test]
async fn a_hundred_unknown_keys_at_once_cause_one_fetch_an_interval() {
    let key = Key::ed();
    let issuer = Issuer::start(&[key.jwk("known")]);
    let verifier = issuer.verifier();
    for (round, time) in [now(), now(), now() + REFETCH_INTERVAL].into_iter().enumerate() {
        let all = (0..100).map(|n| {
            let (verifier, token) = (verifier.clone(), key.mint(&format!("made-up-{round}-{n}"), &lasting()));
            tokio::spawn(async move { verifier.verify(&token, time).await })
        });
        for one in all.collect::<Vec<_>>() {
            assert_eq!(one.await.unwrap(), Err(TokenError::UnknownKey));
        }
    }
    assert_eq!(issuer.asked(), 2);
}

#[tokio::test]
async fn a_failing_fetch_leaves_the_keys_as_they_were() {
    let key = Key::ed();
    let issuer = Issuer::start(&[key.jwk("known")]);
    let verifier = issuer.verifier();
    assert!(verifier.load_keys(now()).await);
    let mut time = now();
    for (status, body) in [
        (StatusCode::INTERNAL_SERVER_ERROR, json!({ "keys": [] }).to_string()),
        (StatusCode::FOUND, json!({ "keys": [] }).to_string()),
        (StatusCode::NO_CONTENT, String::new()),
        (StatusCode::OK, "<html>maintenance</html>".to_owned()),
        (StatusCode::OK, json!({ "keys": [], "pad": "x".repeat(256 * 1024) }).to_string()),
    ] {
        let asked = issuer.asked();
        issuer.answers(status, body);
        time += REFETCH_INTERVAL;
        assert_eq!(verifier.verify(&key.mint("unknown", &lasting()), time).await, Err(TokenError::UnknownKey));
        assert_eq!(issuer.asked(), asked + 1, "asked once, and a redirect is not followed");
        assert!(verifier.verify(&key.mint("known", &lasting()), time).await.is_ok(), "{status}");
    }
}

/// Where the limit is: 256 KiB, wherever the keys are.
#[tokio::test]
async fn a_set_of_keys_may_be_as_large_as_is_read_and_no_larger() {
    let key = Key::ed();
    let padded = |pad: usize| json!({ "keys": [key.jwk("known")], "pad": "x".repeat(pad) }).to_string();
    let largest = 256 * 1024 - padded(0).len();
    let token = key.mint("known", &lasting());
    let too_large = || Err(TokenError::KeysUnavailable);
    // Of the last one everything that is read says what the first one says.
    for (body, outcome) in
        [(padded(largest), Ok(())), (padded(largest + 1), too_large()), (padded(largest) + " ", too_large())]
    {
        let issuer = Issuer::start(&[]);
        issuer.answers(StatusCode::OK, body.clone());
        let file = jwks_file(&[]);
        std::fs::write(&file, body).unwrap();
        let from_file = config("https://id.example", &["EdDSA"], &json!({ "file": file }));
        for verifier in [issuer.verifier(), Verifier::new(vec![from_file]).unwrap()] {
            assert_eq!(verifier.verify(&token, now()).await.map(drop), outcome);
        }
    }
}

#[tokio::test]
async fn an_issuer_that_is_away_at_the_start_is_asked_again_later() {
    let key = Key::ed();
    let issuer = Issuer::start(&[]);
    issuer.answers(StatusCode::SERVICE_UNAVAILABLE, String::new());
    let verifier = issuer.verifier();
    let token = key.mint("known", &lasting());
    assert!(!verifier.load_keys(now()).await);
    assert_eq!(verifier.verify(&token, now()).await, Err(TokenError::KeysUnavailable));
    issuer.publish(&[key.jwk("known")]);
    assert!(verifier.verify(&token, now() + REFETCH_INTERVAL).await.is_ok());
}

#[tokio::test]
async fn a_withdrawn_key_ends_once_the_keys_are_old() {
    let (kept, withdrawn) = (Key::ed(), Key::ed());
    let issuer = Issuer::start(&[kept.jwk("kept"), withdrawn.jwk("withdrawn")]);
    let verifier = issuer.verifier();
    let token = withdrawn.mint("withdrawn", &lasting());
    assert!(verifier.verify(&token, now()).await.is_ok());
    issuer.publish(&[kept.jwk("kept")]);
    assert!(verifier.verify(&token, now() + MAX_KEYS_AGE).await.is_ok());

    // The first use past the age starts a fetch beside it; the key ends when that is back.
    let later = now() + MAX_KEYS_AGE + one_second();
    let ended = async {
        while verifier.verify(&token, later).await != Err(TokenError::UnknownKey) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), ended).await.unwrap();
    assert_eq!(issuer.asked(), 2);
}

/// After a fetch that had begun at their age, the unknown one would begin another.
#[tokio::test]
async fn keys_of_just_that_age_are_not_old() {
    let key = Key::ed();
    let issuer = Issuer::start(&[key.jwk("known")]);
    let verifier = issuer.verifier();
    let of_that_age = now() + MAX_KEYS_AGE;
    for time in [now(), of_that_age] {
        assert!(verifier.verify(&key.mint("known", &lasting()), time).await.is_ok());
    }
    let right_after = of_that_age + one_second();
    assert_eq!(verifier.verify(&key.mint("unknown", &lasting()), right_after).await, Err(TokenError::UnknownKey));
    assert_eq!(issuer.asked(), 2);
}

#[tokio::test]
async fn a_caller_that_goes_away_does_not_stop_the_fetch_for_the_others() {
    let key = Key::ed();
    let issuer = Issuer::start(&[key.jwk("known")]);
    let verifier = issuer.verifier();
    let token = key.mint("known", &lasting());
    let shut = issuer.gate.acquire_many(100).await.unwrap();
    let leaving = tokio::spawn({
        let (verifier, token) = (verifier.clone(), token.clone());
        async move { verifier.verify(&token, now()).await }
    });
    issuer.asked.subscribe().wait_for(|times| *times == 1).await.unwrap();
    leaving.abort();
    assert!(leaving.await.unwrap_err().is_cancelled());
    drop(shut);
    assert!(verifier.verify(&token, now()).await.is_ok());
    assert_eq!(issuer.asked(), 1);
}

/// Else whoever shows keys that nobody knows and hangs up would keep everybody else from theirs.
#[tokio::test]
async fn a_caller_that_goes_away_does_not_stop_the_wait_for_the_others() {
    let (old, new) = (Key::ed(), Key::ed());
    let issuer = Issuer::start(&[old.jwk("old")]);
    let verifier = issuer.verifier();
    assert!(verifier.verify(&old.mint("old", &lasting()), now()).await.is_ok());
    let leaving = tokio::spawn({
        let (verifier, token) = (verifier.clone(), new.mint("new", &lasting()));
        async move { verifier.verify(&token, now() + one_second()).await }
    });
    // On the one thread that there is, it comes as far as its wait.
    tokio::task::yield_now().await;
    leaving.abort();
    assert!(leaving.await.unwrap_err().is_cancelled());
    issuer.asked.subscribe().wait_for(|times| *times == 2).await.unwrap();
}

fn one_second() -> chrono::TimeDelta {
    chrono::TimeDelta::seconds(1)
}
