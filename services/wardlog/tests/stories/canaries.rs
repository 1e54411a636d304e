//! Canaries: names, addresses, searches and mistakes that are nobody else's are told to every part of Wardlog, and then
//! looked for everywhere. They are found where they belong, and nowhere else.

mod collector;
mod directory;
pub mod everywhere;
mod tenant;
mod wrong;

use database::scratch;
use serde_json::Value;

use crate::{
    places::At,
    town::{Records, Town, apart::Apart, issuer},
};
use collector::Collector;
use everywhere::Kept;
use tenant::Tenant;

/// R133, R216: in another tenant's answers, in logs and files, in traces, in what health says, and in both databases.
#[tokio::test(flavor = "multi_thread")]
async fn nobodys_name_is_found_in_logs_traces_databases_or_anothers_answers() {
    let collector = Collector::start();
    let (records, issuer) = (Records::import(scratch::database().await, "2026-09-01").await, issuer());
    let variables = vec![("WARDLOG_LOG", "debug".to_owned()), ("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url())];
    let apart = Apart::start(&records.database, &issuer, variables).await;
    let mut town = Town::of(records, issuer, apart);
    let (tenants, shown) = used(&town).await;

    let mut kept = shown;
    for path in ["/health/live", "/health/ready", "/metrics"] {
        for url in [town.gateway(path), town.door(path)] {
            let said = town.client.get(&url).send().await.unwrap().text().await.unwrap();
            kept.push(Kept::of(url, said));
        }
    }
    kept.extend(everywhere::database(&town.records.database).await);
    let files = everywhere::files(town.stop());
    let log = files.iter().find(|file| file.place.ends_with("wardlog.log")).unwrap();
    assert!(log.has("answered") && log.has("DEBUG"), "the log is there, and tells much");
    kept.extend(files);
    kept.push(Kept::of("traces", collector.sent()));
    assert!(kept.last().unwrap().has("POST /graphql"), "traces are collected");

    for tenant in &tenants {
        // What is no secret is found, in the log of events and in the inflated telemetry: so what is not found is not there.
        let public: Vec<_> = kept.iter().filter(|kept| kept.has(&tenant.public)).map(|kept| &kept.place).collect();
        if matches!(tenant.at, At::School(_)) {
            for log in ["log.event", "telemetry.payload"] {
                assert!(public.iter().any(|place| place.starts_with(log)), "{log} is not among {public:?}");
            }
        }
        let person = tenant.person().as_str().unwrap().to_owned();
        assert!(kept.iter().any(|kept| kept.place.starts_with("log.event") && kept.has(&person)), "by an id they are");
        for secret in tenant.secrets() {
            let found: Vec<_> = kept.iter().filter(|kept| kept.has(secret)).map(|kept| &kept.place).collect();
            assert!(found.is_empty(), "{secret} is in {found:?}");
        }
    }
    not_in_anothers_answers(&tenants);
}

/// Two schools of two trusts, and the trusts, all of whom told and asked what they can; and what an operator is shown.
async fn used(town: &Town) -> (Vec<Tenant>, Vec<Kept>) {
    let (mut tenants, mut shown) = (Vec::new(), Vec::new());
    for (urn, uid) in [(100_001, "11"), (100_003, "22")] {
        let mut school = Tenant::new(At::School(town.records.school(urn).await));
        school.pupils(town, urn).await;
        let trust = Tenant::new(At::Trust(town.records.trust(uid).await));
        shown.push(directory::imports(town, &school, ["--urn", &urn.to_string()]));
        shown.push(directory::imports(town, &trust, ["--trust", uid]));
        tenants.extend([school, trust]);
    }
    for tenant in &mut tenants {
        tenant.staff(town).await;
        directory::provisions(town, tenant).await;
        wrong::documents(town, tenant).await;
        wrong::requests(town, tenant).await;
    }
    let others: Vec<(At, Value)> = tenants.iter().map(|tenant| (tenant.at, tenant.person())).collect();
    for tenant in &mut tenants {
        let own = tenant.at.id();
        for (at, person) in others.iter().filter(|(at, _)| at.id() != own) {
            tenant.pry(town, *at, person).await;
        }
    }
    (tenants, shown)
}

fn not_in_anothers_answers(tenants: &[Tenant]) {
    for tenant in tenants {
        let own = tenant.answers.iter().any(|answer| answer.has(&tenant.name));
        assert!(own, "who is a tenant's own is in its own answers");
        for other in tenants.iter().filter(|other| other.at.id() != tenant.at.id()) {
            for canary in tenant.secrets().into_iter().chain([tenant.public.as_str()]) {
                let found = other.answers.iter().find(|answer| answer.has(canary));
                assert!(found.is_none(), "{canary} is in another's answer to {}", found.unwrap().place);
            }
        }
    }
}
