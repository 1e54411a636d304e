//! The roles that a caller holds, and what they let the caller read.

use std::{collections::BTreeSet, fmt, str::FromStr};

use eventlog::Owner;
use schema::{IdError, SchoolId, TrustId, people::StaffRole};

use crate::{Scope, Scopes};

/// A role that somebody holds today.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HeldRole {
    /// The role.
    pub role: StaffRole,
    /// The school or trust at which it is held.
    pub at: Owner,
}

/// All the roles that a caller holds today. Without one, a caller may nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HeldRoles(BTreeSet<HeldRole>);

impl HeldRole {
    /// A school's designated safeguarding lead.
    pub const fn dsl(school: SchoolId) -> Self {
        Self { role: StaffRole::Dsl, at: Owner::School(school) }
    }

    /// One of a school's governors.
    pub const fn governor(school: SchoolId) -> Self {
        Self { role: StaffRole::Governor, at: Owner::School(school) }
    }

    /// A trust's safeguarding lead.
    pub const fn mat_lead(trust: TrustId) -> Self {
        Self { role: StaffRole::MatSafeguardingLead, at: Owner::Trust(trust) }
    }

    /// What its holder may read at all, as row-level security knows it. It is said here and in no policy, so that neither
    /// wall rests on the other.
    pub fn scope(self) -> Option<Scope> {
        match (self.role, self.at) {
            (StaffRole::Dsl | StaffRole::DeputyDsl | StaffRole::Headteacher, Owner::School(school)) => {
                Some(Scope::School(school))
            }
            (
                StaffRole::ChairOfGovernors
                | StaffRole::OnlineSafetyGovernor
                | StaffRole::FilteringGovernor
                | StaffRole::Governor
                | StaffRole::SeniorLeader
                | StaffRole::OnlineSafetyLead
                | StaffRole::OnlineSafetyGroup,
                Owner::School(school),
            ) => Some(Scope::ReviewedSchool(school)),
            (StaffRole::IctManager | StaffRole::ItProvider, Owner::School(school)) => Some(Scope::Filters(school)),
            (StaffRole::Dpo, at) => Some(Scope::People(at)),
            (StaffRole::MatSafeguardingLead, Owner::Trust(trust)) => Some(Scope::Trust(trust)),
            _ => None,
        }
    }
}

impl HeldRoles {
    /// Each of them, always in the same order.
    pub fn iter(&self) -> impl Iterator<Item = HeldRole> {
        self.0.iter().copied()
    }

    /// The roles that are held at a place.
    pub fn at(&self, place: Owner) -> impl Iterator<Item = StaffRole> {
        self.iter().filter(move |held| held.at == place).map(|held| held.role)
    }

    /// What their holder may read, all of them together.
    pub fn scopes(&self) -> Scopes {
        self.iter().filter_map(HeldRole::scope).collect()
    }
}

impl From<HeldRole> for HeldRoles {
    fn from(role: HeldRole) -> Self {
        Self([role].into())
    }
}

impl FromIterator<HeldRole> for HeldRoles {
    fn from_iter<I: IntoIterator<Item = HeldRole>>(roles: I) -> Self {
        Self(roles.into_iter().collect())
    }
}

/// As a token writes it: the role, `@school:` or `@trust:`, and the id.
impl fmt::Display for HeldRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.at {
            Owner::School(id) => write!(f, "{}@school:{id}", self.role),
            Owner::Trust(id) => write!(f, "{}@trust:{id}", self.role),
        }
    }
}

impl FromStr for HeldRole {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let expected = || IdError { expected: "a role, @school: or @trust:, and an id" };
        let (role, at) = text.split_once('@').ok_or_else(expected)?;
        let at = match at.split_once(':') {
            Some(("school", id)) => Owner::School(id.parse()?),
            Some(("trust", id)) => Owner::Trust(id.parse()?),
            _ => return Err(expected()),
        };
        Ok(Self { role: role.parse().map_err(|_| expected())?, at })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What each role lets its holder read, at a school and at a trust.
    #[test]
    fn a_role_shows_what_is_its_own_and_nothing_elsewhere() {
        let (school, trust) = (uuid::Uuid::from_u128(1).into(), uuid::Uuid::from_u128(2).into());
        for &role in StaffRole::ALL {
            let expected = match role.as_str() {
                "dsl" | "deputy-dsl" | "headteacher" => (Some(Scope::School(school)), None),
                "chair-of-governors"
                | "online-safety-governor"
                | "filtering-governor"
                | "governor"
                | "senior-leader"
                | "online-safety-lead"
                | "online-safety-group" => (Some(Scope::ReviewedSchool(school)), None),
                "ict-manager" | "it-provider" => (Some(Scope::Filters(school)), None),
                "dpo" => (Some(Scope::People(Owner::School(school))), Some(Scope::People(Owner::Trust(trust)))),
                "mat-safeguarding-lead" => (None, Some(Scope::Trust(trust))),
                _ => (None, None),
            };
            let scope = |at| HeldRole { role, at }.scope();
            assert_eq!((scope(Owner::School(school)), scope(Owner::Trust(trust))), expected, "{role}");
        }
    }

    #[test]
    fn roles_together_show_what_each_shows() {
        let (school, trust) = (uuid::Uuid::from_u128(1).into(), uuid::Uuid::from_u128(2).into());
        let roles: HeldRoles = [HeldRole::governor(school), HeldRole::mat_lead(trust)].into_iter().collect();
        let scopes: Vec<_> = roles.scopes().iter().collect();
        assert_eq!(scopes, [Scope::Trust(trust), Scope::ReviewedSchool(school)]);
        assert_eq!(HeldRoles::default().scopes(), Scopes::default());
    }

    #[test]
    fn a_held_role_is_written_as_it_is_read() {
        let id = uuid::Uuid::from_u128(7);
        for &role in StaffRole::ALL {
            for at in [Owner::School(id.into()), Owner::Trust(id.into())] {
                let held = HeldRole { role, at };
                assert_eq!(held.to_string().parse(), Ok(held));
            }
        }
        for wrong in
            ["", "dsl", "dsl@", "dsl@school", "dsl@school:1", "DSL@school:00000000-0000-0000-0000-000000000007"]
        {
            assert!(wrong.parse::<HeldRole>().is_err(), "{wrong:?}");
        }
    }
}
