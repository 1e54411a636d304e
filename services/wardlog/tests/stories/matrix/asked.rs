//! How each field is asked, so that the answer tells whoever may from whoever may not, and changes nothing for the next.

use std::collections::BTreeSet;

use chrono::Days;
use serde_json::{Map, Value, json};

use crate::{
    places::{At, LEFT, LINKED, Place},
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
    ("unmappedLabels", "{ label }"),
    ("quarantine", "{ line }"),
];

const TRUST: &[(&str, &str)] = &[
    ("id", ""),
    ("name", ""),
    ("people", "{ id }"),
    ("dueForDisposal", "{ id }"),
    ("identityReadings", "{ reader }"),
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
    ("discloseRecord", "", "DiscloseRecordInput"),
    ("readIdentities", "(STAFFING)", "ReadIdentitiesInput"),
    ("readIdentities", "(DATA_PROTECTION)", "ReadIdentitiesInput"),
];

/// How many mutations one document can pay for.
const AT_ONCE: usize = 6;

/// The fields that are asked, as `Type.field`.
pub fn fields() -> BTreeSet<String> {
    let of = |kind: &'static str, fields: &'static [(&str, &str)]| {
        fields.iter().map(move |(field, _)| format!("{kind}.{field}"))
    };
    let mutations = MUTATIONS.iter().map(|(name, ..)| format!("Mutation.{name}"));
    of("School", SCHOOL).chain(of("Trust", TRUST)).chain(mutations).collect()
}

/// What somebody reads at a place, by field: null of what they may not.
pub async fn reads(town: &Town, subject: &str, place: &Place) -> Vec<(String, Value)> {
    let (kind, root, fields) = match place.at {
        At::School(_) => ("School", "school", SCHOOL),
        At::Trust(_) => ("Trust", "trust", TRUST),
    };
    let selection = fields.iter().map(|(field, rest)| format!("{field} {rest}")).collect::<Vec<_>>().join(" ");
    let days = if matches!(place.at, At::School(_)) { ", $from: NaiveDate!, $to: NaiveDate!" } else { "" };
    let query = format!("query($id: UUID!, $month: String!{days}) {{ {root}(id: $id) {{ {selection} }} }}");
    let today = ::schema::london_day(web::clock::now());
    let variables = json!({ "id": place.at.id(), "month": this_month(), "from": today - Days::new(30), "to": today });
    let answer = town.ask_as(subject, &query, variables, &Value::Null).await;
    fields.iter().map(|(field, _)| (format!("{kind}.{field}"), answer[root][field].clone())).collect()
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

/// What somebody may tell of a place, by mutation: not so where it is answered that there is no such record, and not yet where
/// it needs a second factor. `who` is part of the commands' ids.
pub async fn mutations(town: &Town, token: &str, who: &str, place: &Place) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let asked: Vec<_> = MUTATIONS.iter().filter_map(|asked| Some((asked, input(asked.0, asked.1, place)?))).collect();
    for some in asked.chunks(AT_ONCE) {
        let mut variables = Map::new();
        let (mut declared, mut selection) = (Vec::new(), Vec::new());
        for (n, ((name, way, kind), input)) in some.iter().enumerate() {
            declared.push(format!("$i{n}: {kind}!"));
            let id = format!("{who}-{}-{name}{way}", place.name);
            selection.push(format!("m{n}: {name}(commandId: \"{id}\", input: $i{n}) {{ refused {{ reason }} }}"));
            variables.insert(format!("i{n}"), input.clone());
        }
        let query = format!("mutation({}) {{ {} }}", declared.join(" "), selection.join(" "));
        let answer = town.ask_with(token, &query, Value::Object(variables), &Value::Null).await;
        for (n, ((name, way, _), _)) in some.iter().enumerate() {
            let outcome = &answer[format!("m{n}")];
            assert!(outcome.is_object(), "{name}: {answer}");
            let seen = match outcome["refused"]["reason"].as_str() {
                Some("NOT_FOUND") => "-",
                Some("SECOND_FACTOR_NEEDED") => "second-factor",
                _ => "yes",
            };
            found.push((format!("Mutation.{name}{way}"), seen.to_owned()));
        }
    }
    found
}

/// What changes nothing, or is refused by a rule that whoever may not command is not told of.
pub fn input(mutation: &str, way: &str, place: &Place) -> Option<Value> {
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
            filter().map(|_| json!({ "schoolId": school, "eventIds": [school], "purpose": "SAFEGUARDING" }))?
        }
        "proposeNameForgetting" => {
            filter().map(|_| json!({ "schoolId": school, "name": "0".repeat(16), "ground": "ERASURE_REQUEST" }))?
        }
        "confirmNameForgetting" | "withdrawNameForgetting" => {
            filter().map(|_| json!({ "schoolId": school, "name": "0".repeat(16) }))?
        }
        "recordPerson" => json!({ "at": at, "category": "VOLUNTEER", "name": "One more" }),
        "amendPerson" => {
            json!({ "at": at, "personId": person, "category": "EMPLOYEE", "name": "Nobody in particular" })
        }
        "linkLogin" => json!({ "at": at, "personId": person, "issuer": STAFF, "subject": LINKED }),
        "unlinkLogin" => json!({ "at": at, "personId": person, "login": "f".repeat(32) }),
        "recordLeaving" => json!({ "at": at, "personId": person, "on": LEFT }),
        "proposeForgetting" => json!({ "at": at, "personId": person, "ground": "RETENTION_OVER" }),
        "confirmForgetting" | "withdrawForgetting" | "liftHold" | "discloseRecord" => {
            json!({ "at": at, "personId": person })
        }
        "placeHold" => json!({ "at": at, "personId": person, "reason": "REGULATOR" }),
        "giveRole" => json!({ "at": at, "personId": person, "role": "DPO", "from": "2026-11-01" }),
        "endRole" => json!({ "at": at, "roleId": place.role, "to": LEFT }),
        "readIdentities" => json!({ "at": at, "personIds": [person], "purpose": way.trim_matches(['(', ')']) }),
        other => panic!("say how {other} is asked"),
    })
}
