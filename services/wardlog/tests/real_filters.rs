//! Squid and e2guardian, Debian's own, filter real requests; what they log is read as what was done.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use filtering::{FilterEvent, formats::Format};
use schema::{Action, UserGroup};
use wardlog::filters::{ASKS_FOR_PASSWORD, Browsed, Origin, RealFilter, browse, ut1_sample};

/// Hosts that are on no list; no name of theirs resolves anywhere.
const ALLOWED: [&str; 3] = ["lessons.test", "library.test", "www.timetable.test"];

/// A directory of the test's own that an ordinary user can reach too, empty.
fn directory(name: &str) -> PathBuf {
    let directory = std::env::temp_dir().join(format!("wardlog-{name}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&directory);
    directory
}

/// The events of a log, which holds nothing that cannot be read.
fn events(format: Format, log: &str) -> Vec<FilterEvent<'_>> {
    log.lines().filter_map(|line| format.parse(line).unwrap_or_else(|refusal| panic!("{refusal}: {line}"))).collect()
}

fn count(events: &[FilterEvent<'_>], action: Action) -> usize {
    events.iter().filter(|event| event.action == action).count()
}

fn read_and_remove(log: &Path, directory: &Path) -> std::io::Result<String> {
    let text = std::fs::read_to_string(log)?;
    std::fs::remove_dir_all(directory)?;
    Ok(text)
}

#[tokio::test]
async fn squid_logs_what_it_allowed_and_denied_and_whom_it_asked_for_a_password() {
    let origin = Origin::start().unwrap();
    let directory = directory("squid");
    let sample = ut1_sample();
    let squid = RealFilter::squid(&directory, &sample, origin.port()).await.unwrap();

    let denied: Vec<String> = sample.iter().step_by(10).map(|(domain, _)| format!("www.{domain}")).collect();
    let hosts: Vec<&str> =
        ALLOWED.into_iter().chain(denied.iter().map(String::as_str)).chain([ASKS_FOR_PASSWORD]).collect();
    let browsed = browse(&squid.proxy_url(), &hosts).await.unwrap();
    assert_eq!(browsed, Browsed { allowed: ALLOWED.len(), denied: denied.len(), challenged: 1 });

    let log = squid.stop(browsed.requests()).await.unwrap();
    origin.stop().await;
    let log = read_and_remove(&log, &directory).unwrap();
    let events = events(Format::Squid, &log);
    assert_eq!(count(&events, Action::Allowed), browsed.allowed);
    assert_eq!(count(&events, Action::Blocked), browsed.denied);
    assert_eq!(count(&events, Action::AuthChallenge), browsed.challenged);
    assert_eq!(events.iter().map(|event| &*event.host).collect::<Vec<_>>(), hosts);
    assert!(events.iter().all(|event| event.address.as_deref() == Some("127.0.0.1") && event.labels.is_empty()));
}

#[tokio::test]
async fn e2guardian_logs_what_it_allowed_and_by_which_list_it_denied() {
    let origin = Origin::start().unwrap();
    let directory = directory("e2guardian");
    let sample = ut1_sample();
    let e2guardian = RealFilter::e2guardian(&directory, &sample, origin.port()).await.unwrap();

    let denied: Vec<(&str, &str)> = sample.iter().copied().step_by(10).collect();
    let hosts: Vec<&str> = ALLOWED.into_iter().chain(denied.iter().map(|(domain, _)| *domain)).collect();
    let browsed = browse(&e2guardian.proxy_url(), &hosts).await.unwrap();
    assert_eq!(browsed, Browsed { allowed: ALLOWED.len(), denied: denied.len(), challenged: 0 });

    let log = e2guardian.stop(browsed.requests()).await.unwrap();
    origin.stop().await;
    let log = read_and_remove(&log, &directory).unwrap();
    let events = events(Format::E2guardian, &log);
    assert_eq!(count(&events, Action::Allowed), browsed.allowed);
    let blocked: BTreeMap<&str, Vec<&str>> = events
        .iter()
        .filter(|event| event.action == Action::Blocked)
        .map(|event| (&*event.host, event.labels.iter().map(|label| &**label).collect()))
        .collect();
    assert_eq!(blocked, denied.iter().map(|&(domain, category)| (domain, vec![category])).collect());
    let group = |event: &FilterEvent<'_>| (event.group, event.policy.as_deref() == Some("learners"));
    assert!(events.iter().all(|event| group(event) == (UserGroup::Learner, true)));
}

#[tokio::test]
async fn a_filter_that_was_asked_less_than_was_said_does_not_pass_for_complete() {
    let origin = Origin::start().unwrap();
    let directory = directory("short");
    let squid = RealFilter::squid(&directory, &[], origin.port()).await.unwrap();
    let browsed = browse(&squid.proxy_url(), &ALLOWED).await.unwrap();
    let outcome = squid.stop(browsed.requests() - 1).await;
    origin.stop().await;
    std::fs::remove_dir_all(&directory).unwrap();
    assert!(outcome.is_err_and(|error| error.to_string().contains("tells of 3 requests, not 2")));
}
