//! What real filters write, through the same door: Debian's Squid and e2guardian on loopback, for a school of no trust.

use std::{
    fs,
    path::{Path, PathBuf},
};

use access::HeldRole;
use anyhow::{Context, Result};
use filtering::formats::Format;
use schema::{Action, Category, Vocabulary, london_day};
use web::clock;

use super::{
    Asker,
    expected::{Cells, Expected},
    graphql::cells,
    schools::{Directory, SchoolFacts},
    send::{Batch, Counted, DoorClient},
};
use crate::filters::{ASKS_FOR_PASSWORD, Browsed, Origin, RealFilter, browse, ut1_sample};

/// The programs and the packages that bring them.
const PROGRAMS: [(&str, &str); 2] = [("/usr/sbin/squid", "squid"), ("/usr/sbin/e2guardian", "e2guardian")];

/// Hosts that are on no list.
const ALLOWED: [&str; 5] = ["lessons.test", "library.test", "maths.test", "timetable.test", "www.lunch.test"];

/// Lists of the UT1 sample that are browsed, and what each is meant to lead to.
const LISTS: [(&str, Category); 6] = [
    ("gambling", Category::Gambling),
    ("games", Category::Games),
    ("vpn", Category::ProxyBypass),
    ("hacking", Category::ScamsPhishingMalware),
    ("social_networks", Category::Social),
    ("shopping", Category::Shopping),
];

/// How many domains of each list are browsed.
const OF_EACH: usize = 4;

/// Browses through the real filters, sends their logs, and tells whether the school's DSL sees what they did.
pub(super) async fn run(directory: &Directory, http: &reqwest::Client, base: &str, asker: &Asker<'_>) -> Result<bool> {
    let missing: Vec<_> =
        PROGRAMS.iter().filter(|(path, _)| !Path::new(path).exists()).map(|(_, name)| *name).collect();
    if !missing.is_empty() {
        println!("\nReal filters: left out; `apt-get install {}` and run it again to see them.", missing.join(" "));
        return Ok(true);
    }
    let school = directory.school_outside().await?;
    println!(
        "\nReal filters: Squid and e2guardian on 127.0.0.1, for {} (of no trust); their own logs are sent.",
        school.name
    );
    let began = london_day(clock::now());
    let place = Directories::make();
    let mut expected = Expected::default();
    for format in [Format::Squid, Format::E2guardian] {
        let key = directory.issue_keys(std::slice::from_ref(&school), format.as_str(), Vocabulary::Ut1).await?;
        let key = key.first().context("no key was issued")?;
        let (log, browsed) = run_filter(format, &place.0.join(format.as_str())).await?;
        count(&mut expected, format, browsed);
        send(&DoorClient::new(http.clone(), base, key), format, &log, browsed.requests() as u64).await?;
        println!(
            "  {}: {} allowed, {} denied, {} asked for a password",
            format.as_str(),
            browsed.allowed,
            browsed.denied,
            browsed.challenged
        );
    }
    let days = (began, london_day(clock::now()));
    compare(asker, &school, days, &expected.cells).await
}

/// The filters' directories, removed at the end. Not under `.wardlog`: filters run as a user of their own, who must be
/// able to reach them.
struct Directories(PathBuf);

impl Directories {
    fn make() -> Self {
        Self(std::env::temp_dir().join(format!("wardlog-demo-{}", clock::random_id())))
    }
}

impl Drop for Directories {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            tracing::warn!(%error, "the filters' directory stays behind");
        }
    }
}

/// The denied hosts that are browsed.
fn denied() -> Vec<&'static str> {
    let sample = ut1_sample();
    let of = |list| sample.iter().filter(move |(_, of)| *of == list).map(|(domain, _)| *domain).take(OF_EACH);
    LISTS.iter().flat_map(|(list, _)| of(*list)).collect()
}

async fn run_filter(format: Format, place: &Path) -> Result<(String, Browsed)> {
    let origin = Origin::start()?;
    let (sample, port) = (ut1_sample(), origin.port());
    let (filter, extra) = match format {
        Format::Squid => (RealFilter::squid(place, &sample, port).await?, Some(ASKS_FOR_PASSWORD)),
        Format::E2guardian => (RealFilter::e2guardian(place, &sample, port).await?, None),
    };
    let hosts: Vec<&str> = ALLOWED.into_iter().chain(denied()).chain(extra).collect();
    let browsed = browse(&filter.proxy_url(), &hosts).await?;
    let log = filter.stop(browsed.requests()).await?;
    origin.stop().await;
    let log = fs::read_to_string(&log).with_context(|| format!("cannot read {}", log.display()))?;
    Ok((log, browsed))
}

/// What the figures must be, from what the browser was answered: Squid's log has no categories, e2guardian's names the
/// list by which it denied.
fn count(expected: &mut Expected, format: Format, browsed: Browsed) {
    let mut count = |category, action, requests| (0..requests).for_each(|_| expected.count(category, action));
    count(Category::Uncategorised, Action::Allowed, browsed.allowed);
    count(Category::Uncategorised, Action::AuthChallenge, browsed.challenged);
    match format {
        Format::Squid => count(Category::Uncategorised, Action::Blocked, browsed.denied),
        Format::E2guardian => {
            for (_, category) in LISTS {
                count(category, Action::Blocked, OF_EACH);
            }
        }
    }
}

async fn send(door: &DoorClient, format: Format, log: &str, requests: u64) -> Result<()> {
    let (id, path) = (format!("demo-{}", format.as_str()), format!("filter-logs/{}", format.as_str()));
    let zstd = zstd::encode_all(log.as_bytes(), 1)?;
    door.send(&Batch { id: &id, path: &path, media_type: "text/plain", zstd }).await?;
    door.ensure_counted(&id, Counted { counted: requests, duplicates: 0 }).await
}

async fn compare(
    asker: &Asker<'_>,
    school: &SchoolFacts,
    days: (chrono::NaiveDate, chrono::NaiveDate),
    expected: &Cells,
) -> Result<bool> {
    let found =
        asker.school(HeldRole::dsl(school.id), school.id, days).await?.context("its DSL cannot see the school")?;
    let mut sum = Cells::new();
    for (category, cell) in found.days.iter().flatten().flat_map(|day| cells(&day.categories)) {
        let of_category = sum.entry(category).or_default();
        of_category.requests += cell.requests;
        of_category.blocks += cell.blocks;
    }
    if sum == *expected {
        println!(
            "  Its DSL sees exactly that: {} categories, {} requests.",
            sum.len(),
            sum.values().map(|cell| cell.requests).sum::<i64>()
        );
    } else {
        println!("  Its DSL sees something else: expected {expected:?}, found {sum:?}.");
    }
    Ok(sum == *expected)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_list_has_as_many_domains_as_are_counted_for_it() {
        assert_eq!(denied().len(), LISTS.len() * OF_EACH);
        let mut expected = Expected::default();
        let browsed = Browsed { allowed: 5, denied: denied().len(), challenged: 0 };
        count(&mut expected, Format::E2guardian, browsed);
        let requests: i64 = expected.cells.values().map(|cell| cell.requests).sum();
        assert_eq!(usize::try_from(requests).unwrap(), browsed.requests());
    }
}
