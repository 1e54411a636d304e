//! The accounts that a school's or trust's own directory keeps of its people: read from the people's streams, found again
//! by marks, opened after a reading is recorded.

use std::collections::BTreeMap;

use eventlog::{Aggregate, CommandError, Owner, StreamError};
use schema::{
    AccountId, DataKeyId, PersonId,
    people::PersonEvent,
    provisioning::{Account, Mark},
};
use sqlx::PgConnection;
use uuid::Uuid;
use vault::{DataKey, Found, Place, Vault, VaultError};
use web::command::{Refusal, unsealed};

use crate::{
    commands::person_stream,
    domain::person::{Known, Person},
};

/// Every account at one place, each with the latest record of its person. Who is forgotten has none.
#[derive(Debug)]
pub struct Accounts {
    owner: Owner,
    all: BTreeMap<AccountId, Known>,
    former: Vec<Known>,
    without: Vec<Known>,
}

/// By what an account is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// The name by which the person logs in at the directory, in any letter case.
    UserName,
    /// The directory's own id, as it is written.
    ExternalId,
}

impl Accounts {
    /// As the log has them. It reads all that is known of the place's people, which nobody's names are in.
    pub async fn load(connection: &mut PgConnection, owner: Owner) -> Result<Self, StreamError> {
        let records = eventlog::load_family::<PersonEvent>(connection, owner).await?;
        let mut accounts = Self { owner, all: BTreeMap::new(), former: Vec::new(), without: Vec::new() };
        for events in records.values() {
            match Person::after(events) {
                Person::Known(known) => accounts.add(known),
                Person::Unknown | Person::Forgotten => {}
            }
        }
        Ok(accounts)
    }

    fn add(&mut self, known: Known) {
        let Some(kept) = &known.account else { return self.without.push(known) };
        let (account, before) = (kept.account, kept.before);
        let latest = self.all.get(&account).and_then(|latest| latest.account.as_ref());
        if latest.is_some_and(|latest| before < latest.before) {
            self.former.push(known);
        } else {
            self.former.extend(self.all.insert(account, known));
        }
    }

    /// The latest record of an account's person.
    pub fn get(&self, account: AccountId) -> Option<&Known> {
        self.all.get(&account)
    }

    /// Every account, in the order of their ids.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (AccountId, &Known)> {
        self.all.iter().map(|(account, known)| (*account, known))
    }

    /// Earlier records of an account's person.
    pub fn former(&self, account: AccountId) -> impl Iterator<Item = PersonId> {
        let is_of = move |known: &&Known| known.account.as_ref().is_some_and(|kept| kept.account == account);
        self.former.iter().filter(is_of).map(|known| known.person)
    }

    /// Who is recorded without an account.
    pub fn without(&self) -> impl Iterator<Item = &Known> {
        self.without.iter()
    }

    /// The account with this user name, or this id of the directory's own. Nothing is opened: each person's mark is made
    /// anew under the person's key, and compared.
    pub async fn named(&self, vault: &Vault, field: Field, text: &str) -> Result<Option<AccountId>, VaultError> {
        let ids: Vec<DataKeyId> = self.all.values().map(|known| known.person.into()).collect();
        if ids.is_empty() {
            return Ok(None);
        }
        let keys = vault.find(self.owner.id(), &ids).await?;
        for (account, known) in self.iter() {
            let key = match keys.get(&known.person.into()) {
                Some(Found::Key(key)) => key,
                Some(Found::Destroyed) => continue,
                None => return Err(VaultError::Lost),
            };
            let kept = known.account.as_ref().and_then(|kept| match field {
                Field::UserName => Some(&kept.user_name),
                Field::ExternalId => kept.external_id.as_ref(),
            });
            if kept == Some(&mark(self.owner, known.person, key, field, text)) {
                return Ok(Some(account));
            }
        }
        Ok(None)
    }
}

/// By what an account is found: it is of one person's account, and of nobody's once their key is destroyed.
pub(crate) fn mark(owner: Owner, person: PersonId, key: &DataKey, field: Field, text: &str) -> Mark {
    let stream = person_stream(person);
    match field {
        Field::UserName => key.mark(place(owner.id(), &stream, "user_name"), &text.to_lowercase()),
        Field::ExternalId => key.mark(place(owner.id(), &stream, "external_id"), text),
    }
}

pub(crate) const fn place<'a>(owner: Uuid, stream: &'a str, field: &'a str) -> Place<'a> {
    Place { owner, stream, field }
}

/// How the directory knows these people; whoever asks has recorded that they read it. Of one whose key was destroyed,
/// nothing.
pub async fn open<R: Refusal>(
    vault: &Vault,
    owner: Owner,
    people: &[&Known],
) -> Result<Vec<Option<Account>>, CommandError<R>> {
    let ids: Vec<DataKeyId> = people.iter().map(|known| known.person.into()).collect();
    let keys = vault.find(owner.id(), &ids).await.map_err(unsealed)?;
    let opened = people.iter().map(|known| {
        let (Some(kept), Some(Found::Key(key))) = (&known.account, keys.get(&known.person.into())) else {
            return Ok(None);
        };
        let stream = person_stream(known.person);
        let opened = key.open(place(owner.id(), &stream, "known_as"), &kept.known_as);
        opened.map(Some).map_err(|unopened| CommandError::Unprepared(Box::new(unopened)))
    });
    opened.collect()
}
