//! How each field is asked, so that the answer tells whoever may from whoever may not, and changes nothing for the next.

use std::collections::BTreeSet;

use chrono::Days;
use serde_json::{Map, Value, json};

use super::rules;
use crate::{
    places::{At, LEFT, LINKED, Place, root},
    town::{STAFF, Town, this_month},
};

const SCHOOL: &[(&str, &str)] = &[
    ("id", ""),
    ("urn", ""),
    ("name", ""),
    ("phase", ""),
    ("status", ""),
    ("pupils", ""),
    ("month", "(month: $month) { roundedTo }"),
    ("days", "(from: $from, to: $to) { day }"),
    ("flaggedEvents", "(from: $from, to: $to) { id }"),
    ("flaggedEventOpenings", "{ reader }"),
    ("nameForgettings", "{ name }"),
    ("sources", "{ id }"),
    ("people", "{ id }"),
    ("dueForDisposal", "{ id }"),
    ("roles", "{ id }"),
    ("dslGaps", "{ from }"),
    ("identityReadings", "{ reader }"),
    ("recusals", "{ matterId }"),
    ("substitutes", "{ role }"),
    ("unmappedLabels", "{ label }"),
    ("quarantine", "{ line }"),
];

const TRUST: &[(&str, &str)] = &[
    ("id", ""),
    ("name", ""),
    ("people", "{ id }"),
    ("dueForDisposal", "{ id }"),
    ("identityReadings", "{ reader }"),
    ("recusals", "{ matterId }"),
    ("substitutes", "{ role }"),
    ("schools", "(month: $month) { month }"),
];

/// A mutation, what to add to its name where it is asked in more than one way, and the type of its input.
pub const MUTATIONS: &[(&str, &str, &str)] = &[
    ("registerSource", "", "RegisterSourceInput"),
    ("issueIngestKey", "", "IssueIngestKeyInput"),
    ("revokeIngestKey", "", "RevokeIngestKeyInput"),
    ("recordPerson", "", "RecordPersonInput"),
    ("amendPerson", "", "AmendPersonInput"),
    ("linkLogin", "", "LinkLoginInput"),
    ("unlinkLogin", "", "UnlinkLoginInput"),
    ("recordLeaving", "", "RecordLeavingInput"),
    ("proposeForgetting", "", "ProposeForgettingInput"),
    ("confirmForgetting", "", "ForgettingInput"),
    ("withdrawForgetting", "", "ForgettingInput"),
    ("placeHold", "", "PlaceHoldInput"),
    ("liftHold", "", "ForgettingInput"),
    ("giveRole", "", "GiveRoleInput"),
    ("endRole", "", "EndRoleInput"),
    ("openFlaggedEvents", "", "OpenFlaggedEventsInput"),
    ("proposeNameForgetting", "", "ProposeNameForgettingInput"),
    ("confirmNameForgetting", "", "NameForgettingInput"),
    ("withdrawNameForgetting", "", "NameForgettingInput"),
    ("placeNameHold", "", "PlaceNameHoldInput"),
    ("liftNameHold", "", "NameForgettingInput"),
    ("discloseName", "", "DiscloseNameInput"),
    ("discloseRecord", "", "DiscloseRecordInput"),
    ("readIdentities", "(STAFFING)", "ReadIdentitiesInput"),
    ("readIdentities", "(DATA_PROTECTION)", "ReadIdentitiesInput"),
    ("recuse", "", "RecuseInput"),
    ("nameSubstitutes", "", "NameSubstitutesInput"),
];

/// Those that are done for a matter, where there is one.
pub const OF_MATTERS: [&str; 3] = ["openFlaggedEvents", "readIdentities", "recuse"];

/// How many mutations one document can pay for.
const AT_ONCE: usize = 6;

/// How many fields, each whole.
const READ_AT_ONCE: usize = 3;

/// The fields that are asked, as `Type.field`.
pub fn fields() -> BTreeSet<String> {
    let of = |kind: &'static str, fields: &'static [(&str, &str)]| {
        fields.iter().map(move |(field, _)| format!("{kind}.{field}"))
    };
    let mutations = MUTATIONS.iter().map(|(name, ..)| format!("Mutation.{name}"));
    of("School", SCHOOL).chain(of("Trust", TRUST)).chain(mutations).collect()
}

/// A document, and the fields that it asks for, each as the rules name it.
pub struct Document {
    pub query: String,
    pub variables: Value,
    fields: Vec<String>,
}

impl Document {
    /// One that asks for nothing that a rule names.
    pub fn of(query: &str, variables: Value) -> Self {
        Self { query: query.to_owned(), variables, fields: Vec::new() }
    }
}

/// Every field of a place, and as much of each as shows whether it is there.
pub fn read(place: &Place) -> Document {
    let (kind, fields) = fields_of(place);
    document(place, kind, fields, |_, rest| rest.to_owned())
}

/// Every field of a place, whole; as few to a document as it can pay for.
pub fn read_whole(place: &Place) -> Vec<Document> {
    let (kind, fields) = fields_of(place);
    let arguments = |rest: &str| rest.split_once(')').map(|(arguments, _)| format!("{arguments})")).unwrap_or_default();
    let selected = |field: &str, rest: &str| arguments(rest) + &rules::whole(kind, field);
    fields.chunks(READ_AT_ONCE).map(|fields| document(place, kind, fields, selected)).collect()
}

fn fields_of(place: &Place) -> (&'static str, &'static [(&'static str, &'static str)]) {
    match place.at {
        At::School(_) => ("School", SCHOOL),
        At::Trust(_) => ("Trust", TRUST),
    }
}

fn document(place: &Place, kind: &str, fields: &[(&str, &str)], selected: impl Fn(&str, &str) -> String) -> Document {
    let selection = fields.iter().map(|(field, rest)| format!("{field} {}", selected(field, rest)));
    let selection = selection.collect::<Vec<_>>().join(" ");
    let today = ::schema::london_day(web::clock::now());
    let all = [
        ("id", "UUID", json!(place.at.id())),
        ("month", "String", json!(this_month())),
        ("from", "NaiveDate", json!(today - Days::new(30))),
        ("to", "NaiveDate", json!(today)),
    ];
    let asked = all.into_iter().filter(|(name, ..)| *name == "id" || selection.contains(&format!("${name}")));
    let (mut declared, mut variables) = (Vec::new(), Map::new());
    for (name, kind, value) in asked {
        declared.push(format!("${name}: {kind}!"));
        variables.insert(name.to_owned(), value);
    }
    let query = format!("query({}) {{ place: {}(id: $id) {{ {selection} }} }}", declared.join(", "), root(place.at));
    let fields = fields.iter().map(|(field, _)| format!("{kind}.{field}")).collect();
    Document { query, variables: Value::Object(variables), fields }
}

/// What somebody reads at a place, by field: null of what they may not.
pub async fn reads(town: &Town, subject: &str, place: &Place) -> Vec<(String, Value)> {
    let Document { query, variables, fields } = read(place);
    let body = json!({ "query": query, "variables": variables });
    let request = town.client.post(town.gateway("/graphql")).bearer_auth(town.staff_token(subject).await).json(&body);
    let answer: Value = request.send().await.unwrap().json().await.unwrap();
    // Policies that permit everything have whoever sees rounded figures alone ask for what their login has no grant to read.
    let are_open = std::env::var("WARDLOG_POLICIES").is_ok_and(|state| state == "open");
    let mut errors = answer["errors"].as_array().into_iter().flatten();
    assert!(errors.all(|error| are_open && error["extensions"]["code"] == "UNAVAILABLE"), "{answer}");
    let found = |field: &String| answer["data"]["place"][field.split_once('.').unwrap().1].clone();
    fields.iter().map(|field| (field.clone(), found(field))).collect()
}

/// What is seen of a field, as the rules write it.
pub fn seen(value: &Value) -> &'static str {
    match value {
        Value::Null => "-",
        Value::Object(month) if month["roundedTo"] == 1 => "exact",
        Value::Object(_) => "rounded",
        _ => "yes",
    }
}

/// Every mutation that can be told of a place, as few to a document as it can pay for. `id` makes a command's id of its name.
pub fn tell(place: &Place, id: impl Fn(&str) -> String) -> Vec<Document> {
    let asked: Vec<_> = MUTATIONS.iter().filter_map(|asked| Some((asked, input(asked.0, asked.1, place)?))).collect();
    let document = |some: &[(&(&str, &str, &str), Value)]| {
        let mut variables = Map::new();
        let (mut declared, mut selection, mut fields) = (Vec::new(), Vec::new(), Vec::new());
        for (n, ((name, way, kind), input)) in some.iter().enumerate() {
            declared.push(format!("$i{n}: {kind}!"));
            let id = id(&format!("{name}{way}"));
            selection.push(format!("m{n}: {name}(commandId: \"{id}\", input: $i{n}) {{ refused {{ reason }} token }}"));
            variables.insert(format!("i{n}"), input.clone());
            fields.push(format!("Mutation.{name}{way}"));
        }
        let query = format!("mutation({}) {{ {} }}", declared.join(" "), selection.join(" "));
        Document { query, variables: Value::Object(variables), fields }
    };
    asked.chunks(AT_ONCE).map(document).collect()
}

/// What somebody may tell of a place, by mutation: not so where it is answered that there is no such record, and not yet where
/// it needs a second factor. `who` is part of the commands' ids.
pub async fn mutations(town: &Town, token: &str, who: &str, place: &Place) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for Document { query, variables, fields } in tell(place, |name| format!("{who}-{}-{name}", place.name)) {
        let answer = town.ask_with(token, &query, variables, &Value::Null).await;
        for (n, field) in fields.into_iter().enumerate() {
            let outcome = &answer[format!("m{n}")];
            assert!(outcome.is_object(), "{field}: {answer}");
            let seen = match outcome["refused"]["reason"].as_str() {
                Some("NOT_FOUND") => "-",
                Some("SECOND_FACTOR_NEEDED") => "second-factor",
                _ => "yes",
            };
            found.push((field, seen.to_owned()));
        }
    }
    found
}

/// What changes nothing, or is refused by a rule that whoever may not command is not told of; for the place's matter, if it has
/// one.
pub fn input(mutation: &str, way: &str, place: &Place) -> Option<Value> {
    let mut input = apart_from_matters(mutation, way, place)?;
    if OF_MATTERS.contains(&mutation) {
        input["matterId"] = place.matter.clone();
    }
    Some(input)
}

fn apart_from_matters(mutation: &str, way: &str, place: &Place) -> Option<Value> {
    let (at, person) = (place.at.input(), &place.person);
    let filter = || place.filter.as_ref();
    let school = place.at.id();
    Some(match mutation {
        "registerSource" => {
            filter().map(|_| json!({ "schoolId": school, "name": "filter", "vocabulary": "GENERAL" }))?
        }
        "issueIngestKey" => filter().map(|(source, _)| json!({ "schoolId": school, "sourceId": source }))?,
        "revokeIngestKey" => {
            filter().map(|(source, key)| json!({ "schoolId": school, "sourceId": source, "keyId": key }))?
        }
        "openFlaggedEvents" => {
            filter().map(|_| json!({ "schoolId": school, "eventIds": [place.flagged], "purpose": "SAFEGUARDING" }))?
        }
        "proposeNameForgetting" => {
            filter().map(|_| json!({ "schoolId": school, "name": place.pupil, "ground": "ERASURE_REQUEST" }))?
        }
        "confirmNameForgetting" | "withdrawNameForgetting" | "liftNameHold" => {
            filter().map(|_| json!({ "schoolId": school, "name": place.pupil }))?
        }
        "placeNameHold" => {
            filter().map(|_| json!({ "schoolId": school, "name": place.pupil, "reason": "REGULATOR" }))?
        }
        "discloseName" => {
            let (name, known_by) = (&place.pupil, "PSEUDONYM");
            let (from, to) = ("2026-11-01T00:00:00Z", "2026-11-02T00:00:00Z");
            filter()
                .map(|_| json!({ "schoolId": school, "name": name, "knownBy": known_by, "from": from, "to": to }))?
        }
        "recordPerson" => json!({ "at": at, "category": "VOLUNTEER", "name": "One more" }),
        "amendPerson" => {
            json!({ "at": at, "personId": person, "category": "EMPLOYEE", "name": "Nobody in particular" })
        }
        "linkLogin" => json!({ "at": at, "personId": person, "issuer": STAFF, "subject": LINKED }),
        "unlinkLogin" => json!({ "at": at, "personId": person, "login": "f".repeat(32) }),
        "recordLeaving" => json!({ "at": at, "personId": person, "on": LEFT }),
        "proposeForgetting" => json!({ "at": at, "personId": person, "ground": "RETENTION_OVER" }),
        "confirmForgetting" | "withdrawForgetting" | "liftHold" | "discloseRecord" | "recuse" => {
            json!({ "at": at, "personId": person })
        }
        "placeHold" => json!({ "at": at, "personId": person, "reason": "REGULATOR" }),
        "giveRole" => json!({ "at": at, "personId": person, "role": "DPO", "from": "2026-11-01" }),
        "nameSubstitutes" => json!({ "at": at, "role": "DPO", "personIds": [person] }),
        "endRole" => json!({ "at": at, "roleId": place.role, "to": LEFT }),
        "readIdentities" => json!({ "at": at, "personIds": [person], "purpose": way.trim_matches(['(', ')']) }),
        other => panic!("say how {other} is asked"),
    })
}
