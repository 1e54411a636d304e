//! With which login each role connects.

use std::collections::BTreeMap;

use sqlx::postgres::PgConnectOptions;

use crate::Role;

/// A login for each role that a process runs.
///
/// A login of a role's own can be nothing else: whatever SQL is smuggled into the process, it finds what the role may
/// and no more. One login that puts every role on can take it off again.
#[derive(Debug, Clone)]
pub struct Logins {
    shared: Option<PgConnectOptions>,
    own: BTreeMap<Role, PgConnectOptions>,
}

impl Logins {
    /// Every role by the login of its name, on a server that believes whoever reaches it (the private one).
    pub fn of_their_own(database: &PgConnectOptions) -> Self {
        let own = Role::ALL.into_iter().map(|role| (role, database.clone().username(role.as_str()))).collect();
        Self { shared: None, own }
    }

    /// These logins; what they lack, by `shared` if there is one.
    pub fn given(own: BTreeMap<Role, PgConnectOptions>, shared: Option<PgConnectOptions>) -> Self {
        Self { shared, own }
    }

    /// How `role` connects; none if nothing was given for it.
    pub fn of(&self, role: Role) -> Option<&PgConnectOptions> {
        self.own.get(&role).or(self.shared.as_ref())
    }

    /// Whether `role` connects by a login that is more than the role.
    pub fn is_shared(&self, role: Role) -> bool {
        !self.own.contains_key(&role)
    }
}
