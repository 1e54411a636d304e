//! Groups: the roles that can be held at the school or trust, and who is put into one or taken out of it.

use std::collections::{BTreeMap, BTreeSet};

use eventlog::Aggregate;
use schema::{
    AccountId,
    people::{Appointed, AppointmentEnded, StaffRole},
};
use serde_json::Value;
use uuid::Uuid;

use super::{
    caller::Caller,
    error::{ScimError, ScimType},
    group::{self, GroupResource},
    patch::changes,
    path::Equals,
};
use crate::{
    accounts::Accounts,
    commands::{Appoint, EndAppointment, StaffingRefusal},
    domain::staffing::{Staffing, StaffingCommand},
};

/// What is to be done so that a group's members are those whom somebody says: first who no longer holds the role.
#[derive(Default)]
struct Plan {
    ended: Vec<EndAppointment>,
    given: Vec<Appoint>,
}

impl Caller<'_> {
    /// Every group, or the one of which a filter is so.
    pub(super) async fn groups(&self, filter: Option<&str>) -> Result<Vec<GroupResource>, ScimError> {
        let roles: Vec<StaffRole> = match filter {
            None => self.roles().collect(),
            Some(filter) => {
                let expected = "filter: expected displayName or id eq a text";
                let wrong = || ScimError::wrong(ScimType::InvalidFilter, expected);
                let filter = Equals::read(filter).ok_or_else(wrong)?;
                let name = filter.text("displayname").or_else(|| filter.text("id")).ok_or_else(wrong)?;
                group::named(name, self.roles()).into_iter().collect()
            }
        };
        let (accounts, staffing) = (self.accounts().await?, self.staffing().await?);
        let group = |role| GroupResource::new(&self.base, role, self.members(&accounts, &staffing, role).into_keys());
        Ok(roles.into_iter().map(group).collect())
    }

    /// A group by its id.
    pub(super) async fn group(&self, id: &str) -> Result<GroupResource, ScimError> {
        let role = self.role(id)?;
        let (accounts, staffing) = (self.accounts().await?, self.staffing().await?);
        Ok(GroupResource::new(&self.base, role, self.members(&accounts, &staffing, role).into_keys()))
    }

    /// No group is made: those that there can be are there.
    pub(super) fn create_group(&self, body: &Value) -> ScimError {
        let name = body["displayName"].as_str().unwrap_or_default();
        if group::named(name, self.roles()).is_some() {
            return ScimError::taken("displayName: the group of this role is there: find it by its displayName");
        }
        let names = self.roles().map(StaffRole::as_str).collect::<Vec<_>>().join(", ");
        ScimError::value("displayName", format!("expected one of the roles {names}"))
    }

    /// Changes who is in a group.
    pub(super) async fn change_group(&self, id: &str, body: Value) -> Result<(), ScimError> {
        let (role, changes) = (self.role(id)?, changes(body)?);
        let (accounts, staffing) = (self.accounts().await?, self.staffing().await?);
        let members = self.members(&accounts, &staffing, role);
        let wanted = group::after(role, members.keys().copied().collect(), changes)?;
        self.put(role, (&accounts, staffing), &wanted).await
    }

    /// Says who is in a group, whole.
    pub(super) async fn replace_group(&self, id: &str, body: &Value) -> Result<GroupResource, ScimError> {
        let role = self.role(id)?;
        let wanted = group::said(role, body)?;
        let (accounts, staffing) = (self.accounts().await?, self.staffing().await?);
        self.put(role, (&accounts, staffing), &wanted).await?;
        Ok(GroupResource::new(&self.base, role, wanted))
    }

    /// Nobody whom the directory provisions holds the role any more; the group itself stays.
    pub(super) async fn empty_group(&self, id: &str) -> Result<(), ScimError> {
        let role = self.role(id)?;
        let (accounts, staffing) = (self.accounts().await?, self.staffing().await?);
        self.put(role, (&accounts, staffing), &BTreeSet::new()).await
    }

    /// The roles that can be held there.
    fn roles(&self) -> impl Iterator<Item = StaffRole> {
        let site = self.at.site();
        StaffRole::ALL.iter().copied().filter(move |role| role.is_of(site))
    }

    fn role(&self, id: &str) -> Result<StaffRole, ScimError> {
        self.roles().find(|role| role.as_str() == id).ok_or_else(ScimError::not_found)
    }

    /// The users who hold a role today, each with how they hold it. Others hold it too, of whom the directory is not told.
    fn members<'a>(
        &self,
        accounts: &Accounts,
        staffing: &'a Staffing,
        role: StaffRole,
    ) -> BTreeMap<AccountId, &'a Appointed> {
        let today = self.today();
        let held = |one: &&Appointed| one.role == role && one.from <= today && one.to.is_none_or(|to| today < to);
        let there = accounts.iter().filter(|(_, known)| self.is_there(known));
        let held_by = |(account, known): (AccountId, &crate::domain::person::Known)| {
            let theirs = staffing.appointments.iter().filter(held).find(|one| one.person == known.person)?;
            Some((account, theirs))
        };
        there.filter_map(held_by).collect()
    }

    /// Gives and ends a role from today, so that these users hold it; all of it is decided before any of it is done.
    async fn put(
        &self,
        role: StaffRole,
        (accounts, staffing): (&Accounts, Staffing),
        wanted: &BTreeSet<AccountId>,
    ) -> Result<(), ScimError> {
        let plan = self.plan(role, accounts, staffing, wanted)?;
        for ended in plan.ended {
            self.tell(ended).await?;
        }
        for given in plan.given {
            self.tell(given).await?;
        }
        Ok(())
    }

    fn plan(
        &self,
        role: StaffRole,
        accounts: &Accounts,
        mut staffing: Staffing,
        wanted: &BTreeSet<AccountId>,
    ) -> Result<Plan, ScimError> {
        let today = self.today();
        let members = self.members(accounts, &staffing, role);
        let leaving: Vec<_> = members.iter().filter(|(account, _)| !wanted.contains(account)).collect();
        let coming: Vec<_> = wanted.iter().filter(|account| !members.contains_key(account)).collect();
        // Whoever alone can hold it is succeeded, and no day without them is told of that there never was.
        let succeeds = role.is_sole() && !coming.is_empty();
        let ending = leaving.iter().filter(|(_, held)| !(succeeds && held.from < today));
        let ended = ending.map(|(_, held)| EndAppointment { at: self.at, appointment: held.appointment, to: today });
        let mut plan = Plan { ended: ended.collect(), given: Vec::new() };
        let succeeds = succeeds && plan.ended.len() < leaving.len();
        for EndAppointment { appointment, to, .. } in &plan.ended {
            let ended = AppointmentEnded { appointment: *appointment, to: *to };
            staffing = decided(staffing, &StaffingCommand::End(ended))?;
        }
        for (n, account) in coming.into_iter().enumerate() {
            let known =
                accounts.get(*account).ok_or_else(|| ScimError::value("members", "expected the ids of users"))?;
            if !self.is_there(known) {
                return Err(ScimError::value("members", "expected users who are active"));
            }
            let to = known.left.filter(|_| role.is_sole());
            let given = Appoint { at: self.at, person: known.person, role, from: today, to, succeeds };
            let appointment = Uuid::from_u128(n as u128).into();
            let appointed = Appointed { appointment, person: known.person, role, from: today, to };
            staffing =
                decided(staffing, &StaffingCommand::Appoint { site: self.at.site(), today, appointed, succeeds })?;
            plan.given.push(given);
        }
        Ok(plan)
    }
}

/// The roles as they are after a command, by the same rules that will decide on it.
fn decided(staffing: Staffing, command: &StaffingCommand) -> Result<Staffing, ScimError> {
    let refused = |error| ScimError::of_command(eventlog::CommandError::Refused(StaffingRefusal::from(error)));
    let events = staffing.decide(command).map_err(refused)?;
    Ok(events.iter().fold(staffing, Staffing::evolve))
}
