//! Users: made, found, changed, and gone when they leave.

use schema::{AccountId, PersonId, people::PersonCategory};
use serde_json::Value;

use super::{
    caller::Caller,
    error::{ScimError, ScimType},
    patch::changes,
    path::Equals,
    user::{Said, User, UserResource},
};
use crate::{
    accounts::{self, Accounts, Field},
    commands::{Deprovision, EndAppointment, Provision, ReadingRefusal, RecordLeaving},
    domain::{email::Email, person::Known},
    known::{self, who_they_are},
};

/// Some of all users.
pub(super) struct Page {
    pub(super) of: usize,
    pub(super) users: Vec<UserResource>,
}

impl Caller<'_> {
    /// Makes a user; somebody without an account who is known by the address is taken over with what is known of them.
    pub(super) async fn create_user(&self, body: Value) -> Result<UserResource, ScimError> {
        let said = Said::of_body(body)?;
        let mut user = said.onto(None, PersonCategory::Employee)?;
        let accounts = self.accounts().await?;
        if accounts.named(&self.scim.means.vault, Field::UserName, &user.account.user_name).await?.is_some() {
            return Err(ScimError::taken("userName: another user has it"));
        }
        let person = match self.known_by_address(&accounts, &user).await? {
            None => None,
            Some(known) => {
                user.category = said.onto(None, known.category)?.category;
                let address = known.identity.and_then(|identity| identity.email?.parse().ok());
                user.email = user.email.or(address);
                Some(known.person)
            }
        };
        let account = self.provision(None, person, &user).await?;
        let active = said.active != Some(false);
        if !active {
            let accounts = self.accounts().await?;
            self.leave(known_as(&accounts, account)?).await?;
        }
        Ok(UserResource::new(&self.base, account, user, active))
    }

    /// A user by its id.
    pub(super) async fn user(&self, account: AccountId) -> Result<UserResource, ScimError> {
        let accounts = self.accounts().await?;
        let known = known_as(&accounts, account)?;
        self.shown(&[(account, known)]).await?.pop().ok_or_else(ScimError::not_found)
    }

    /// The users of whom a filter is so, or all: from the `start`th on, counted from 1, and so many at most.
    pub(super) async fn users(&self, filter: Option<&str>, start: usize, count: usize) -> Result<Page, ScimError> {
        let accounts = self.accounts().await?;
        let all: Vec<_> = match filter {
            None => accounts.iter().collect(),
            Some(filter) => {
                let found = self.found(&accounts, filter).await?;
                found.and_then(|account| Some((account, accounts.get(account)?))).into_iter().collect()
            }
        };
        let some: Vec<_> = all.iter().copied().skip(start - 1).take(count).collect();
        Ok(Page { of: all.len(), users: self.shown(&some).await? })
    }

    /// Says of a user what is so from now on, whole.
    pub(super) async fn replace_user(&self, account: AccountId, body: Value) -> Result<UserResource, ScimError> {
        let said = Said::of_body(body)?;
        let accounts = self.accounts().await?;
        let known = known_as(&accounts, account)?;
        let user = said.onto(None, known.category)?;
        let active = self.say(account, known, &user, said.active.unwrap_or(true)).await?;
        Ok(UserResource::new(&self.base, account, user, active))
    }

    /// Changes some of what is so of a user.
    pub(super) async fn change_user(&self, account: AccountId, body: Value) -> Result<(), ScimError> {
        let said = Said::of_changes(changes(body)?)?;
        let accounts = self.accounts().await?;
        let known = known_as(&accounts, account)?;
        let comes_back = said.active == Some(true) && !self.is_there(known);
        if said.is_of_more_than_active() || comes_back {
            let was = self.opened(&[known]).await?.pop().flatten().ok_or_else(ScimError::not_found)?;
            let user = said.onto(Some(&was), was.category)?;
            let active = said.active.unwrap_or_else(|| self.is_there(known));
            self.say(account, known, &user, active).await?;
        } else if said.active == Some(false) && self.is_there(known) {
            self.leave(known).await?;
        }
        Ok(())
    }

    /// The person leaves today, and the directory knows them no more.
    pub(super) async fn delete_user(&self, account: AccountId) -> Result<(), ScimError> {
        let accounts = self.accounts().await?;
        let known = known_as(&accounts, account)?;
        if self.is_there(known) {
            self.leave(known).await?;
        }
        // The latest record last: until then the account is found, and what was cut short is done again.
        for person in accounts.former(account).chain([known.person]) {
            self.tell(Deprovision { at: self.at, person }).await?;
        }
        Ok(())
    }

    /// Whether somebody is there today.
    pub(super) fn is_there(&self, known: &Known) -> bool {
        known.left.is_none_or(|left| self.today() < left)
    }

    /// Says it of whoever is there, who then leaves unless `active`; whoever left comes back by being recorded anew.
    async fn say(&self, account: AccountId, known: &Known, user: &User, active: bool) -> Result<bool, ScimError> {
        let before = known.account.as_ref().map_or(0, |kept| kept.before);
        match (self.is_there(known), active) {
            (true, true) => self.provision(Some((account, before)), Some(known.person), user).await.map(|_| true),
            (true, false) => {
                self.provision(Some((account, before)), Some(known.person), user).await?;
                self.leave(known).await.map(|()| false)
            }
            (false, true) => self.provision(Some((account, before + 1)), None, user).await.map(|_| true),
            (false, false) => {
                let detail = "active: the person has left, and what is known of them stays as it was";
                Err(ScimError::wrong(ScimType::Mutability, detail))
            }
        }
    }

    async fn provision(
        &self,
        account: Option<(AccountId, u32)>,
        person: Option<PersonId>,
        user: &User,
    ) -> Result<AccountId, ScimError> {
        let User { name, email, category, account: known_as } = user.clone();
        self.tell(Provision { at: self.at, person, account, category, name, email, known_as }).await
    }

    /// Today is the first day on which the person is no longer there. A role that one alone can hold ends before, so that the
    /// days without a DSL are told of (R013): whoever was turned away at the directory is not to stay for want of another.
    async fn leave(&self, known: &Known) -> Result<(), ScimError> {
        let today = self.today();
        let staffing = self.staffing().await?;
        let theirs = staffing.appointments.iter().filter(|one| one.person == known.person && one.role.is_sole());
        for one in theirs.filter(|one| one.to.is_none_or(|to| today < to && one.from < to)) {
            let (appointment, to) = (one.appointment, today.max(one.from));
            self.tell(EndAppointment { at: self.at, appointment, to }).await?;
        }
        self.tell(RecordLeaving { at: self.at, person: known.person, on: today }).await.map(drop)
    }

    async fn found(&self, accounts: &Accounts, filter: &str) -> Result<Option<AccountId>, ScimError> {
        let expected = "filter: expected userName, externalId or id eq a text";
        let wrong = || ScimError::wrong(ScimType::InvalidFilter, expected);
        let filter = Equals::read(filter).ok_or_else(wrong)?;
        let vault = &self.scim.means.vault;
        if let Some(name) = filter.text("username") {
            Ok(accounts.named(vault, Field::UserName, name.trim()).await?)
        } else if let Some(id) = filter.text("externalid") {
            Ok(accounts.named(vault, Field::ExternalId, id.trim()).await?)
        } else {
            let id = filter.text("id").ok_or_else(wrong)?;
            Ok(id.parse().ok().filter(|id| accounts.get(*id).is_some()))
        }
    }

    /// Somebody who is there, has no account, and is reached at the address. Who they all are is read for it.
    async fn known_by_address(&self, accounts: &Accounts, user: &User) -> Result<Option<known::Known>, ScimError> {
        let address = user.email.clone().or_else(|| user.account.user_name.parse::<Email>().ok());
        let Some(address) = address.map(|address| address.as_str().to_lowercase()) else { return Ok(None) };
        let without: Vec<_> = accounts.without().filter(|known| self.is_there(known)).collect();
        let known = self.who(&without).await?;
        Ok(known.into_iter().find(|known| known.address().as_ref() == Some(&address)))
    }

    async fn who(&self, people: &[&Known]) -> Result<Vec<known::Known>, ScimError> {
        let known = who_they_are(&self.scim.means, self.at, people, || self.sent(), self.now).await;
        self.scim.wake.all();
        known.map_err(ScimError::of_command)
    }

    /// Who these people are and how the directory knows them; that it was read is recorded first (R133).
    async fn opened(&self, people: &[&Known]) -> Result<Vec<Option<User>>, ScimError> {
        let shown = self.who(people).await?;
        let accounts = accounts::open::<ReadingRefusal>(&self.scim.means.vault, self.at.owner(), people).await;
        let accounts = accounts.map_err(ScimError::of_command)?;
        let users = shown.into_iter().zip(accounts).map(|(known, account)| {
            let identity = known.identity?;
            let (name, email) = (identity.name.parse().ok()?, identity.email.and_then(|email| email.parse().ok()));
            Some(User { name, email, category: known.category, account: account? })
        });
        Ok(users.collect())
    }

    async fn shown(&self, accounts: &[(AccountId, &Known)]) -> Result<Vec<UserResource>, ScimError> {
        let people: Vec<_> = accounts.iter().map(|(_, known)| *known).collect();
        let users = self.opened(&people).await?.into_iter().zip(accounts);
        let resource = |(user, (account, known)): (Option<User>, &(AccountId, &Known))| {
            Some(UserResource::new(&self.base, *account, user?, self.is_there(known)))
        };
        Ok(users.filter_map(resource).collect())
    }
}

fn known_as(accounts: &Accounts, account: AccountId) -> Result<&Known, ScimError> {
    accounts.get(account).ok_or_else(ScimError::not_found)
}
