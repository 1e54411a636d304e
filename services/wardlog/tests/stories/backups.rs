//! Backups of the log and of the key store apart: what they say of somebody who is forgotten, and whom they bring back.

mod embedded;
mod programs;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use access::HeldRole;
use data_encoding::{BASE64_NOPAD, HEXLOWER};
use database::{Logins, Role, connect, migrate_key_store, scratch};
use schema::SchoolId;
use serde_json::{Value, json};
use sqlx::{ConnectOptions, Connection, Executor, PgConnection, postgres::PgConnectOptions};
use vault::KeyFile;
use wardlog::serve::KeyStore;
use web::clock;

use crate::{
    canaries::everywhere::{self, Kept},
    flagged,
    forgetting::{Dsl, nowhere_on_disk},
    operator::{printed, wardlog},
    people::{LEAVE, READ, RECORD, tell},
    town::{Records, Town, temporary},
};
use programs::{dump, empty, restore};

const STAYS: &str = "Somebody who stays";
const CONFIRM: &str = "mutation($id: String!, $input: ForgettingInput!) {
    confirmForgetting(commandId: $id, input: $input) { done { personId } refused { reason } } }";

/// A school that knows two people and its filter's two pupils; one text gives away one of each, who will be forgotten.
struct School {
    log: PgConnectOptions,
    keys: PgConnectOptions,
    /// What wraps the keys, in a directory of its own.
    file: PathBuf,
    id: SchoolId,
    canary: String,
    people: [Value; 2],
    events: [Value; 2],
    pupil: Value,
    /// Somebody at another school.
    elsewhere: (SchoolId, Value),
}

impl School {
    async fn open() -> (Town, Self) {
        let (log, file) = (scratch::database().await, temporary("backups").join("wrapping.keys"));
        let keys = key_store(&log).await;
        fs::create_dir(file.parent().unwrap()).unwrap();
        Records::import(log.clone(), "2026-09-01").await;
        let town = town(&log, &keys, &file).await;
        let school = Self::of(&town, (log, keys, file)).await;
        (town, school)
    }

    async fn of(town: &Town, (log, keys, file): (PgConnectOptions, PgConnectOptions, PathBuf)) -> Self {
        let (id, other) = (town.records.school(100_001).await, town.records.school(100_002).await);
        let canary = format!("canary{}", clock::random_id().simple());
        let person = async |school: SchoolId, command: &str, name: &str| {
            let email = format!("{}@school.example", name.replace(' ', "."));
            let input = json!({ "at": { "schoolId": school }, "category": "EMPLOYEE", "name": name, "email": email });
            tell(town, HeldRole::dsl(school), RECORD, command, input).await["done"]["personId"].clone()
        };
        let people = [person(id, "c-1", &canary).await, person(id, "c-2", STAYS).await];
        let elsewhere = (other, person(other, "c-3", STAYS).await);
        let blocked = |ago, user: &str| {
            let more = json!({ "url": format!("https://bets.example/{user}"), "user": user });
            flagged::event(ago, "blocked", "gambling", &more)
        };
        town.send(&town.records.filter(100_001).await, "b-1", &[blocked(5, &canary), blocked(9, STAYS)]).await;
        let list = json!({ "id": id, "from": flagged::yesterday(), "day": flagged::today(), "first": 2 });
        let seen = town.ask(HeldRole::dsl(id), flagged::LIST, list).await["school"]["flaggedEvents"].clone();
        let (events, pupil) = ([seen[0]["id"].clone(), seen[1]["id"].clone()], seen[0]["user"].clone());
        Self { log, keys, file, id, canary, people, events, pupil, elsewhere }
    }

    /// What wraps the school's keys now: one for each service.
    fn wrapped_by(&self) -> Vec<String> {
        let (file, id) = (fs::read_to_string(&self.file).unwrap(), self.id.to_string());
        let lines: Vec<_> = file.lines().filter(|line| line.contains(&id)).collect();
        assert_eq!(lines.len(), 2, "one of each service");
        lines.iter().map(|line| line.rsplit(' ').next().unwrap().to_owned()).collect()
    }

    /// Two of its DSLs forget the person, who leaves, and the pupil.
    async fn forget(&self, town: &Town) {
        let [gone, _] = &self.people;
        let leaving = json!({ "at": { "schoolId": self.id }, "personId": gone, "on": "2026-10-01" });
        tell(town, HeldRole::dsl(self.id), LEAVE, "f-1", leaving).await;
        let dsl = |subject| Dsl { town, school: self.id, subject };
        let ground = json!({ "ground": "ERASURE_REQUEST" });
        dsl("one").tell("proposeForgetting", "ProposeForgettingInput", "f-2", gone, ground).await;
        let forgotten = dsl("two").tell("confirmForgetting", "ForgettingInput", "f-3", gone, json!({})).await;
        assert_eq!(forgotten["done"]["personId"], *gone, "{forgotten}");
        let mut input = json!({ "schoolId": self.id, "name": self.pupil });
        let confirm = json!({ "id": "f-5", "input": input });
        input["ground"] = json!("ERASURE_REQUEST");
        let propose = json!({ "id": "f-4", "input": input });
        town.ask_by("one", HeldRole::dsl(self.id), flagged::PROPOSE, propose).await;
        let forgotten = town.ask_by("two", HeldRole::dsl(self.id), flagged::CONFIRM, confirm).await;
        assert_eq!(forgotten["confirmNameForgetting"]["done"]["name"], self.pupil, "{forgotten}");
    }

    /// Who both people are, and what both pupils asked for.
    async fn shows(&self, town: &Town) -> (Value, Value) {
        let opening = json!({ "schoolId": self.id, "eventIds": self.events, "purpose": "DATA_PROTECTION" });
        let opened = shown(town, self.id, flagged::OPEN, opening).await;
        let asked = opened["events"]
            .as_array()
            .map_or(opened.clone(), |events| events.iter().map(|event| json!([event["user"], event["url"]])).collect());
        (names(town, self.id, &[&self.people[0], &self.people[1]]).await, asked)
    }

    fn everybody(&self) -> (Value, Value) {
        (json!([self.canary, STAYS]), json!([asked(&self.canary), asked(STAYS)]))
    }
}

impl Drop for School {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(self.file.parent().unwrap());
    }
}

fn asked(user: &str) -> [String; 2] {
    [user.to_owned(), format!("https://bets.example/{user}")]
}

fn all_but_the_forgotten() -> (Value, Value) {
    (json!([null, STAYS]), json!([[null, null], asked(STAYS)]))
}

/// A new key store with no keys.
async fn key_store(beside: &PgConnectOptions) -> PgConnectOptions {
    let keys = empty(beside).await;
    migrate_key_store(&keys).await.unwrap();
    keys
}

/// A town that finds its log, its keys and what wraps them there.
async fn town(log: &PgConnectOptions, keys: &PgConnectOptions, file: &Path) -> Town {
    let directory = connect(log, Role::Directory, 4).await.unwrap();
    let projections = connect(log, Role::Projections, 4).await.unwrap();
    let key_store =
        KeyStore { database: Logins::of_their_own(keys), wrapping: Arc::new(KeyFile::open(file).unwrap()).into() };
    Town::start_with(Records { database: log.clone(), directory, projections }, key_store).await
}

/// What a mutation shows a DSL: what was done, or the code of why there is no answer.
async fn shown(town: &Town, school: SchoolId, mutation: &str, input: Value) -> Value {
    let body = json!({ "query": mutation, "variables": { "id": clock::random_id(), "input": input } });
    let request = town.client.post(town.gateway("/graphql")).bearer_auth(town.token(HeldRole::dsl(school)));
    let answer: Value = request.json(&body).send().await.unwrap().json().await.unwrap();
    match &answer["errors"][0]["extensions"]["code"] {
        Value::Null => answer["data"].as_object().unwrap().values().next().unwrap()["done"].clone(),
        code => code.clone(),
    }
}

async fn names(town: &Town, school: SchoolId, people: &[&Value]) -> Value {
    let input = json!({ "at": { "schoolId": school }, "personIds": people, "purpose": "DATA_PROTECTION" });
    let shown = shown(town, school, READ, input).await;
    let name = |person: &Value| person["name"].clone();
    shown["people"].as_array().map_or(shown.clone(), |people| people.iter().map(name).collect())
}

/// Where a text stands: as it is, in Base64 after whatever else, or either in hexadecimal, as a dump writes bytes.
fn places(kept: &[Kept], text: &str) -> Vec<String> {
    let whole = |from: usize| &text.as_bytes()[from..from + (text.len() - from) / 3 * 3];
    let forms = (0..3).map(|from| BASE64_NOPAD.encode(whole(from))).chain([text.to_owned()]);
    let forms: Vec<String> = forms.flat_map(|form| [HEXLOWER.encode(form.as_bytes()), form]).collect();
    let found = kept.iter().filter(|kept| forms.iter().any(|form| kept.has(form)));
    found.map(|kept| kept.place.clone()).collect()
}

/// R276, UK GDPR Art. 17. What opens them is the key file of then alone, which no backup may keep.
#[tokio::test(flavor = "multi_thread")]
async fn who_is_forgotten_stands_in_no_dump_and_none_from_before_says_any_more_who_it_was() {
    let (first, school) = School::open().await;
    let (log, today) = (&school.log, &school.file);
    assert_eq!(school.shows(&first).await, school.everybody());
    let before = [dump(log).await, dump(&school.keys).await];
    let of_then = today.with_file_name("of-then.keys");
    fs::copy(today, &of_then).unwrap();
    let wrapped_then = school.wrapped_by();
    school.forget(&first).await;
    let after = [dump(log).await, dump(&school.keys).await];
    drop(first);

    for (database, public) in [(log, "NORTH TRUST"), (&school.keys, "filtering")] {
        let mut owner = PgConnection::connect_with(database).await.unwrap();
        for secret in wrapped_then.iter().chain([&school.canary]) {
            assert_eq!(nowhere_on_disk(&mut owner, secret).await, Vec::<String>::new());
        }
        assert_ne!(nowhere_on_disk(&mut owner, public).await, Vec::<String>::new(), "what is public is found");
    }
    let mut restored = Vec::new();
    // What is public is found, inflated too: so what is not found is not there.
    let public = [("bets.example", "telemetry.payload"), (school.people[0].as_str().unwrap(), "keys.data_key")];
    for (dump, (public, table)) in before.iter().chain(&after).zip(public.into_iter().cycle()) {
        restored.push(restore(dump, log).await);
        let mut kept = everywhere::database(restored.last().unwrap()).await;
        kept.push(Kept::of("the dump", dump.as_slice()));
        assert_eq!(places(&kept, &school.canary), Vec::<String>::new());
        let public = places(&kept, public);
        assert!(["the dump", table].iter().all(|place| public.iter().any(|at| at.starts_with(place))), "{public:?}");
    }
    let [old_log, old_keys, _, new_keys] = &restored[..] else { panic!("four dumps") };

    // The keys of then open nothing of the school under the key file of today, and all of another.
    let old = town(old_log, old_keys, today).await;
    assert!(printed(&wardlog(&old, &["doctor"])).contains("hash chains"), "the log is whole");
    let doctor_at = |home: &Path, keys: &PgConnectOptions| {
        let home = home.to_str().unwrap();
        let arguments =
            ["doctor", "--home", home, "--vault-database-url", keys.to_url_lossy().as_str()].map(str::to_owned);
        wardlog(&old, &arguments.each_ref().map(String::as_str))
    };
    let doctor = |keys: &PgConnectOptions| doctor_at(today.parent().unwrap(), keys);
    let told = doctor(old_keys);
    let said = String::from_utf8(told.stdout).unwrap();
    assert!(!told.status.success() && said.contains(&format!("{}: the key store is older", school.id)), "{said}");
    assert!(!said.contains(&school.elsewhere.0.to_string()), "{said}");
    assert!(printed(&doctor(new_keys)).contains("keys: directory: those of 2 schools and trusts"));
    // Where there are no wrapping keys it says so, beside all else that it finds, and makes none.
    let nowhere = temporary("nowhere");
    let told = doctor_at(&nowhere, new_keys);
    let said = String::from_utf8(told.stdout).unwrap();
    assert!(!told.status.success() && said.contains("hash chains"), "{said}");
    assert!(said.contains("wrapping.keys: No such file") && !nowhere.join("wrapping.keys").exists(), "{said}");
    // Other services' may be elsewhere.
    let mut owner = PgConnection::connect_with(new_keys).await.unwrap();
    owner
        .execute("UPDATE keys.wrapping SET wrapping_id = gen_random_uuid() WHERE context = 'filtering'")
        .await
        .unwrap();
    let said = printed(&doctor(new_keys));
    assert!(said.contains("warning  keys: filtering: not looked at, for other wrapping keys are"), "{said}");
    owner.execute("UPDATE keys.wrapping SET wrapping_id = (SELECT wrapping_id FROM keys.wrapping WHERE context = 'directory')").await.unwrap();
    fs::remove_dir_all(nowhere).unwrap();
    for person in &school.people {
        assert_eq!(names(&old, school.id, &[person]).await, "UNAVAILABLE");
    }
    assert_eq!(school.shows(&old).await.1, "UNAVAILABLE");
    assert_eq!(names(&old, school.elsewhere.0, &[&school.elsewhere.1]).await, json!([STAYS]));
    drop(old);
    // The log of then does not know that anybody was forgotten; the keys of today do.
    let old = town(old_log, new_keys, today).await;
    assert_eq!(school.shows(&old).await, all_but_the_forgotten());
    drop(old);
    // This store has been used with the key file of today, and takes no older one any more; its dump does.
    let keys_of_then = restore(&before[1], log).await;
    assert_eq!(school.shows(&town(old_log, &keys_of_then, &of_then).await).await, school.everybody());
}

/// R276: what is lost is not taken for forgotten, and the key store's own dump brings it back.
#[tokio::test(flavor = "multi_thread")]
async fn a_lost_key_store_hides_everybody_until_its_own_dump_is_restored() {
    let (first, school) = School::open().await;
    school.forget(&first).await;
    let (log, [gone, stays]) = (&school.log, &school.people);
    let backup = dump(&school.keys).await;
    programs::run("dropdb", log, &["--force", school.keys.get_database().unwrap()], &[]).await;
    assert_eq!(names(&first, school.id, &[stays]).await, "UNAVAILABLE");
    drop(first);

    let lost = town(log, &key_store(log).await, &school.file).await;
    assert_eq!(names(&lost, school.id, &[stays]).await, "UNAVAILABLE");
    assert_eq!(names(&lost, school.id, &[gone]).await, json!([null]), "the log says who is forgotten");
    assert_eq!(school.shows(&lost).await.1, "UNAVAILABLE");
    drop(lost);
    let found = town(log, &restore(&backup, log).await, &school.file).await;
    assert_eq!(school.shows(&found).await, all_but_the_forgotten());
}

/// R276. A key of later may be all that the newest dump has and this one lacks: no version tells them apart, the log does.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_store_that_lacks_a_key_of_the_log_destroys_none_until_an_operator_gives_it_up() {
    let (first, school) = School::open().await;
    let (log, [gone, stays]) = (&school.log, &school.people);
    let older = dump(&school.keys).await;
    let input = json!({ "at": { "schoolId": school.id }, "category": "EMPLOYEE", "name": "Somebody later" });
    let later = tell(&first, HeldRole::dsl(school.id), RECORD, "c-9", input).await["done"]["personId"].clone();
    drop(first);

    let keys = restore(&older, log).await;
    let town = town(log, &keys, &school.file).await;
    let leaving = json!({ "at": { "schoolId": school.id }, "personId": gone, "on": "2026-10-01" });
    tell(&town, HeldRole::dsl(school.id), LEAVE, "f-1", leaving).await;
    let dsl = |subject| Dsl { town: &town, school: school.id, subject };
    let ground = json!({ "ground": "ERASURE_REQUEST" });
    dsl("one").tell("proposeForgetting", "ProposeForgettingInput", "f-2", gone, ground).await;
    let confirm = async || {
        let input = json!({ "at": { "schoolId": school.id }, "personId": gone });
        shown(&town, school.id, CONFIRM, input).await
    };
    assert_eq!(confirm().await, "UNAVAILABLE");

    let (home, of, url) = (school.file.parent().unwrap(), school.id.to_string(), keys.to_url_lossy());
    let of_keys = ["--home", home.to_str().unwrap(), "--vault-database-url", url.as_str()];
    let operator = |command: &[&str]| wardlog(&town, &[command, &of_keys].concat());
    let said = String::from_utf8(operator(&["doctor"]).stdout).unwrap();
    assert!(said.contains(&format!("{of}: the key store lacks 1 keys")), "{said}");
    let said = ["--by", "an operator", "--reason", "the newest dump is lost"];
    let refused = operator(&[&["give-up-keys", &of], &said[..]].concat());
    assert!(!refused.status.success() && String::from_utf8_lossy(&refused.stderr).contains("--lost-for-good"));
    let given_up = printed(&operator(&[&["give-up-keys", &of, "--lost-for-good"], &said[..]].concat()));
    assert_eq!(given_up, format!("directory: 1 keys of {of} are given up\nfiltering: 0 keys of {of} are given up"));
    assert!(operator(&["doctor"]).status.success());

    assert_eq!(confirm().await["personId"], *gone);
    assert_eq!(names(&town, school.id, &[gone, stays, &later]).await, json!([null, STAYS, null]));
}

#[test]
fn a_text_is_found_in_base64_and_in_hexadecimal_whatever_stands_before_it() {
    for before in ["", "a", "ab"] {
        let base64 = BASE64_NOPAD.encode(format!("{before}canary7f and more").as_bytes());
        for form in [HEXLOWER.encode(base64.as_bytes()), base64, HEXLOWER.encode(b"a canary7f")] {
            assert_eq!(places(&[Kept::of("here", form)], "canary7f"), ["here"]);
        }
    }
    assert!(places(&[Kept::of("here", "a canary8f")], "canary7f").is_empty());
}
