//! A tenant with canaries: texts that are nobody else's, told in every place in which something personal can be told.

use access::HeldRole;
use serde_json::{Value, json};

use super::everywhere::Kept;
use crate::{
    places::{At, head},
    town::{STAFF, Town, event},
};

/// What is told, and how it may be found again.
pub struct Tenant {
    pub at: At,
    pub role: HeldRole,
    /// Who somebody is: sealed, shown to their own school, and nowhere else.
    pub name: String,
    pub email: String,
    /// Who logs in, at the issuer.
    pub subject: String,
    /// Who is made by a school's directory, and who by an import.
    pub made: String,
    pub imported: [String; 3],
    /// What a pupil looked for, and who it was.
    pub pupil: String,
    /// What was sent wrongly, whatever it was.
    pub wrong: String,
    /// What its apps write into the ids of commands, whatever it is.
    pub command: String,
    /// No secret: the name of a filter, the host that was asked for; kept, and not another tenant's to see.
    pub public: String,
    /// All that it was answered.
    pub answers: Vec<Kept>,
    person: Value,
}

impl Tenant {
    pub fn new(at: At) -> Self {
        let canary = |kind: &str| format!("canary{kind}{:016x}", rand::random::<u64>());
        Self {
            at,
            role: head(at),
            name: canary("name"),
            email: canary("email"),
            subject: canary("subject"),
            made: canary("made"),
            imported: [canary("first"), canary("second"), canary("third")],
            pupil: canary("pupil"),
            wrong: canary("wrong"),
            command: canary("command"),
            public: canary("public"),
            answers: Vec::new(),
            person: Value::Null,
        }
    }

    /// What nobody may find anywhere, but in answers to the tenant itself.
    pub fn secrets(&self) -> Vec<&str> {
        let told = [&self.name, &self.email, &self.subject, &self.made, &self.pupil, &self.wrong, &self.command];
        told.into_iter().chain(&self.imported).map(String::as_str).collect()
    }

    /// Asks as the tenant's head; the answer is remembered, whatever it is.
    pub async fn ask(&mut self, town: &Town, query: &str, variables: Value) -> Value {
        let request = town.client.post(town.gateway("/graphql")).bearer_auth(town.token(self.role));
        let body = json!({ "query": query, "variables": variables });
        let answer = request.json(&body).send().await.unwrap().text().await.unwrap();
        self.answers.push(Kept::of(query, answer.clone()));
        serde_json::from_str(&answer).unwrap()
    }

    /// Sends a mutation; what was done, if it was.
    pub async fn tell(&mut self, town: &Town, name: &str, done: &str, input: Value) -> Value {
        let kind = format!("{}{}Input", name[..1].to_uppercase(), &name[1..]);
        let query = format!(
            "mutation($id: String!, $input: {kind}!) {{ told: {name}(commandId: $id, input: $input) {{
             done {{ {done} }} refused {{ reason field message }} token }} }}"
        );
        let answer = self
            .ask(town, &query, json!({ "id": format!("{}-{}", self.command, web::clock::random_id()), "input": input }))
            .await;
        answer["data"]["told"]["done"].clone()
    }

    /// Lets somebody be known, linked, given a role, amended and read: every way on which who somebody is goes.
    pub async fn staff(&mut self, town: &Town) {
        let at = self.at.input();
        if let At::School(school) = self.at {
            let filter = json!({ "schoolId": school, "name": self.public, "vocabulary": "GENERAL" });
            assert!(self.tell(town, "registerSource", "sourceId", filter).await.is_object());
        }
        let email = format!("{}@canary.example", self.email);
        let who = json!({ "at": at, "category": "EMPLOYEE", "name": self.name, "email": email });
        self.person = self.tell(town, "recordPerson", "personId", who.clone()).await["personId"].clone();
        assert!(self.person.is_string());
        let person = self.person.clone();
        let of = |more: Value| {
            let mut input = json!({ "at": at, "personId": person });
            input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            input
        };
        let link = of(json!({ "issuer": STAFF, "subject": self.subject }));
        let role = of(json!({ "role": "DPO", "from": "2026-09-01" }));
        let amend =
            of(json!({ "category": "CONTRACTOR", "name": format!("{} the second", self.name), "email": email }));
        let read = json!({ "at": at, "personIds": [person], "purpose": "STAFFING" });
        assert!(self.tell(town, "linkLogin", "personId", link.clone()).await.is_object());
        assert!(self.tell(town, "giveRole", "roleId", role.clone()).await.is_object());
        assert!(self.tell(town, "amendPerson", "personId", amend).await.is_object());
        let shown = self.tell(town, "readIdentities", "people { name email }", read).await;
        assert_eq!(shown["people"][0]["email"], json!(email), "its own are shown who it is");
        let disclosed = self.tell(town, "discloseRecord", "entries { details { value } } page", of(json!({}))).await;
        assert!(disclosed["page"].as_str().unwrap().contains(&email), "and may give it to whoever it is");
        // What is refused by a rule: the role is given already, the person has not left, nothing is proposed.
        for (name, done, input) in [
            ("giveRole", "roleId", role),
            ("proposeForgetting", "personId", of(json!({ "ground": "RETENTION_OVER" }))),
            ("confirmForgetting", "personId", of(json!({}))),
        ] {
            assert!(self.tell(town, name, done, input).await.is_null(), "{name} is refused");
        }
        let logged_in = town.client.post(town.gateway("/graphql")).bearer_auth(town.staff_token(&self.subject).await);
        let roles = logged_in.json(&json!({ "query": "{ viewer { roles { role } } }" })).send().await.unwrap();
        assert!(roles.status().is_success());
    }

    /// Events whose users, devices, addresses, searches and pages are canaries, and lines that cannot be read.
    pub async fn pupils(&mut self, town: &Town, urn: u32) {
        let key = town.records.filter(urn).await;
        let (pupil, public) = (&self.pupil.clone(), &self.public.clone());
        let mut read = event("gambling", "blocked");
        read.as_object_mut().unwrap().remove("host");
        read["url"] = json!(format!("https://{public}.example/{pupil}?q={pupil}#{pupil}"));
        read["user"] = json!(pupil);
        read["device"] = json!(format!("laptop of {pupil}"));
        read["id"] = json!(pupil);
        read["search"] = json!(pupil);
        town.send(&key, "b-1", &[read]).await;
        self.open(town).await;
        let squid = format!(
            "1795424400.123 5 10.0.0.7 TCP_MISS/200 512 GET https://{public}.example/{pupil} {pupil} HIER_DIRECT/1.2.3.4 text/html"
        );
        let bodies = [
            ("/v1/filter-events", "application/x-ndjson", format!("{{\"user\":\"{pupil}\"}}\n{pupil}\n")),
            ("/v1/filter-events", "application/json", format!("[{{\"time\":\"{pupil}\",\"url\":\"{pupil}\"}}]")),
            ("/v1/filter-events", "text/plain", pupil.clone()),
            ("/v1/filter-logs/squid", "text/plain", format!("{squid}\n{pupil} {pupil}\n")),
            ("/v1/filter-logs/e2guardian", "text/plain", format!("{pupil}\n")),
        ];
        for (n, (path, kind, body)) in bodies.into_iter().enumerate() {
            let request = town.client.post(town.door(path)).bearer_auth(&key).header("Content-Type", kind);
            let request = request.header("Idempotency-Key", format!("c-{n}")).header("User-Agent", pupil);
            let answer = request.body(body).send().await.unwrap();
            assert!(!answer.status().is_server_error(), "{path}");
        }
    }

    /// Opens what is flagged: its own are shown who it was.
    async fn open(&mut self, town: &Town) {
        let today = schema::london_day(web::clock::now());
        let list =
            "query($id: UUID!, $day: NaiveDate!) { school(id: $id) { flaggedEvents(from: $day, to: $day) { id } } }";
        let seen = self.ask(town, list, json!({ "id": self.at.id(), "day": today })).await;
        let event = &seen["data"]["school"]["flaggedEvents"][0]["id"];
        let input = json!({ "schoolId": self.at.id(), "eventIds": [event], "purpose": "SAFEGUARDING" });
        let opened = self.tell(town, "openFlaggedEvents", "events { url search user device }", input).await;
        assert_eq!(opened["events"][0]["search"], json!(self.pupil));
    }

    /// Asks for all that is another's, by ids that it should not have.
    pub async fn pry(&mut self, town: &Town, other: At, person: &Value) {
        for query in [
            "query($id: UUID!) { school(id: $id) { name sources { name } people { id } identityReadings { reader } unmappedLabels { label } quarantine { reason } } }",
            "query($id: UUID!) { trust(id: $id) { name people { id logins } identityReadings { reader } } }",
        ] {
            self.ask(town, query, json!({ "id": other.id() })).await;
        }
        for at in [other.input(), self.at.input()] {
            let read = json!({ "at": at, "personIds": [person], "purpose": "DATA_PROTECTION" });
            assert!(self.tell(town, "readIdentities", "people { name email }", read).await.is_null());
            let of_another = json!({ "at": at, "personId": person });
            assert!(self.tell(town, "discloseRecord", "page", of_another).await.is_null());
        }
    }

    pub fn person(&self) -> Value {
        self.person.clone()
    }
}
