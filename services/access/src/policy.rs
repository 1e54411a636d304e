//! What a caller may do: decided by the policies in `schema/policies`, from the roles that the caller holds, the action, and
//! what it is done to. What no policy permits is forbidden, and so is whatever the policies' schema does not know.

use std::{collections::HashMap, sync::LazyLock};

use cedar_policy::{
    ActionConstraint, Authorizer, Context, Entities, Entity, EntityId, EntityTypeName, EntityUid, Policy, PolicySet,
    Request, RestrictedExpression, Schema,
};
use eventlog::Owner;
use schema::{TrustId, people::StaffRole, policies};
use serde_json::json;
use uuid::Uuid;

use crate::{Caller, HeldRole};

/// What else a decision may rest on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// The trusts whose the school is or was, as far as the caller may know.
    pub trusts: Vec<TrustId>,
    /// What the action is done for.
    pub purpose: Option<&'static str>,
    /// Whether it is done for a matter that the caller is recused from (R130), or that there is not: which of the two, the
    /// caller is not told.
    pub recused: bool,
}

/// What is decided of something that somebody wants to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// The caller may.
    Permitted,
    /// The caller may once they have shown a second factor.
    NeedsSecondFactor,
    /// The caller may not, and is not told that there is anything.
    Forbidden,
}

/// Whether the caller may do `action`, by its name in the policies, at a school or trust.
pub fn decide(caller: &Caller, action: &str, at: Owner, facts: &Facts) -> Decision {
    if permits(caller, caller.second_factor, action, at, facts) {
        Decision::Permitted
    } else if !caller.second_factor && permits(caller, true, action, at, facts) {
        Decision::NeedsSecondFactor
    } else {
        Decision::Forbidden
    }
}

/// Whether the caller may, as they are.
pub fn may(caller: &Caller, action: &str, at: Owner, facts: &Facts) -> bool {
    permits(caller, caller.second_factor, action, at, facts)
}

fn permits(caller: &Caller, second_factor: bool, action: &str, at: Owner, facts: &Facts) -> bool {
    RULES.ask(caller, second_factor, action, at, facts).unwrap_or_else(|error| {
        tracing::error!(action, error = &*error, "not decided, and so refused");
        false
    })
}

#[expect(clippy::expect_used, reason = "a test reads them")]
static RULES: LazyLock<Rules> = LazyLock::new(|| Rules::read().expect("schema/policies can be read"));

type Undecided = Box<dyn std::error::Error + Send + Sync>;

struct Rules {
    /// The policies that speak of each action, each as it is of that one alone. No other can match, and asking them all is most of
    /// what a decision costs.
    policies: HashMap<EntityUid, PolicySet>,
    schema: Schema,
    authorizer: Authorizer,
    types: Types,
}

/// The types of entities.
struct Types {
    action: EntityTypeName,
    person: EntityTypeName,
    role: EntityTypeName,
    school: EntityTypeName,
    trust: EntityTypeName,
}

impl Rules {
    fn read() -> Result<Self, Undecided> {
        let (schema, _) = Schema::from_cedarschema_str(policies::SCHEMA)?;
        if schema.action_groups().next().is_some() {
            return Err("expected every policy to name its actions: a group is not looked into".into());
        }
        let all: PolicySet = policies::POLICIES.parse()?;
        let speaks_of = |policy: &Policy, action: &EntityUid| match policy.action_constraint() {
            ActionConstraint::Any => true,
            ActionConstraint::Eq(one) => one == *action,
            ActionConstraint::In(some) => some.contains(action),
        };
        let of = |action: &EntityUid| {
            let policies = all.policies().filter(|policy| speaks_of(policy, action));
            let policies = policies.map(|policy| of_one(policy, action)).collect::<Result<Vec<_>, _>>()?;
            Ok((action.clone(), PolicySet::from_policies(policies)?))
        };
        Ok(Self {
            policies: schema.actions().map(of).collect::<Result<_, Undecided>>()?,
            schema,
            authorizer: Authorizer::new(),
            types: Types {
                action: "Action".parse()?,
                person: "Person".parse()?,
                role: "StaffRole".parse()?,
                school: "School".parse()?,
                trust: "Trust".parse()?,
            },
        })
    }

    fn ask(
        &self,
        caller: &Caller,
        second_factor: bool,
        action: &str,
        at: Owner,
        facts: &Facts,
    ) -> Result<bool, Undecided> {
        let person = self.types.person(caller, at)?;
        let place = Entity::new_no_attrs(
            self.types.place(at),
            facts.trusts.iter().map(|&trust| self.types.place(Owner::Trust(trust))).collect(),
        );
        let purpose = facts.purpose.map(|purpose| RestrictedExpression::new_string(purpose.to_owned()));
        let known = |fact| Some(RestrictedExpression::new_bool(fact));
        let context = [("secondFactor", known(second_factor)), ("recused", known(facts.recused)), ("purpose", purpose)];
        let context = context.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
        let action = uid(&self.types.action, action);
        let policies = self.policies.get(&action).ok_or("the policies know no such action")?;
        let request =
            Request::new(person.uid(), action, place.uid(), Context::from_pairs(context)?, Some(&self.schema))?;
        let entities = Entities::from_entities([person, place], None)?;
        let response = self.authorizer.is_authorized(&request, policies, &entities);
        // A policy that fails permits nothing, and a failing one that forbids would forbid nothing.
        if let Some(error) = response.diagnostics().errors().next() {
            return Err(Box::new(error.clone()));
        }
        Ok(response.decision() == cedar_policy::Decision::Allow)
    }
}

/// The policy as it is of this action alone, of which it speaks: a list of actions would be made a set again for each decision,
/// and that takes longer than all the rest.
fn of_one(policy: &Policy, action: &EntityUid) -> Result<Policy, Undecided> {
    let mut said = policy.to_json()?;
    let (kind, id): (&str, &str) = (action.type_name().basename(), action.id().unescaped());
    said["action"] = json!({ "op": "==", "entity": { "type": kind, "id": id } });
    Ok(Policy::from_json(Some(policy.id().clone()), said)?)
}

impl Types {
    /// The caller with the roles that it holds there. It is known by no name: no policy decides by one.
    fn person(&self, caller: &Caller, there: Owner) -> Result<Entity, Undecided> {
        let roles = caller.roles.at(there).map(|role| uid(&self.role, role.as_str()));
        let leads = caller.roles.iter().filter_map(|held| match held {
            HeldRole { role: StaffRole::MatSafeguardingLead, at: at @ Owner::Trust(_) } => Some(self.place(at)),
            _ => None,
        });
        let set = |ids: Vec<EntityUid>| {
            RestrictedExpression::new_set(ids.into_iter().map(RestrictedExpression::new_entity_uid))
        };
        let attributes = [("roles", set(roles.collect())), ("leads", set(leads.collect()))];
        let attributes = attributes.map(|(name, set)| (name.to_owned(), set));
        Ok(Entity::new(uid(&self.person, "caller"), HashMap::from(attributes), [].into())?)
    }

    fn place(&self, at: Owner) -> EntityUid {
        let kind = match at {
            Owner::School(_) => &self.school,
            Owner::Trust(_) => &self.trust,
        };
        let mut buffer = Uuid::encode_buffer();
        uid(kind, at.id().hyphenated().encode_lower(&mut buffer))
    }
}

fn uid(kind: &EntityTypeName, id: &str) -> EntityUid {
    EntityUid::from_type_name_and_id(kind.clone(), EntityId::new(id))
}

#[cfg(test)]
mod tests {
    use cedar_policy::{ValidationMode, Validator};

    use super::*;
    use crate::HeldRoles;

    fn caller(roles: impl Into<HeldRoles>) -> Caller {
        Caller {
            subject: "u-1".parse().unwrap(),
            issuer: "https://id.example".parse().unwrap(),
            roles: roles.into(),
            second_factor: true,
        }
    }

    fn school(n: u128) -> schema::SchoolId {
        Uuid::from_u128(n).into()
    }

    #[test]
    fn the_policies_say_nothing_that_their_schema_does_not_know() {
        let rules = Rules::read().unwrap();
        let found = Validator::new(rules.schema).validate(&policies::POLICIES.parse().unwrap(), ValidationMode::Strict);
        assert!(found.validation_passed_without_warnings(), "{found}");
    }

    #[test]
    fn the_policies_know_the_roles_of_the_record_and_no_others() {
        let listed = policies::SCHEMA.split_once("entity StaffRole enum [").unwrap().1.split_once(']').unwrap().0;
        let listed: Vec<&str> = listed.split(',').map(|word| word.trim().trim_matches('"')).collect();
        assert_eq!(listed, StaffRole::ALL.iter().map(|role| role.as_str()).collect::<Vec<_>>());
    }

    #[test]
    fn a_role_counts_where_it_is_held_and_a_leads_where_the_schools_are_the_trusts() {
        let (own, other) = (Owner::School(school(1)), Owner::School(school(2)));
        let dsl = caller(HeldRole::dsl(school(1)));
        let none = Facts::default();
        assert!(may(&dsl, "read-days", own, &none));
        assert!(!may(&dsl, "read-days", other, &none));
        let trust = Uuid::from_u128(3).into();
        let lead = caller(HeldRole::mat_lead(trust));
        let member = Facts { trusts: vec![trust], ..Facts::default() };
        assert!(may(&lead, "read-rounded-months", own, &member));
        assert!(!may(&lead, "read-rounded-months", own, &none));
        assert!(!may(&lead, "read-exact-months", own, &member));
        assert!(may(&lead, "compare-schools", Owner::Trust(trust), &none));
        assert!(!may(&caller(HeldRoles::default()), "view-school", own, &member));
        let lead_of_a_school = caller(HeldRole { role: StaffRole::MatSafeguardingLead, at: own });
        assert!(!may(&lead_of_a_school, "view-school", own, &none), "nobody leads a school's safeguarding for a trust");
    }

    /// R133.
    #[test]
    fn a_dpo_is_shown_who_people_are_for_data_protection_alone() {
        for at in [Owner::School(school(1)), Owner::Trust(Uuid::from_u128(1).into())] {
            let dpo = caller(HeldRole { role: StaffRole::Dpo, at });
            let asked = |purpose| may(&dpo, "read-identities", at, &Facts { purpose, ..Facts::default() });
            assert!(asked(Some("data-protection")));
            assert!(!asked(Some("staffing")));
            assert!(!asked(None), "without the fact nothing is decided");
        }
    }

    /// R130.
    #[test]
    fn whoever_is_recused_may_nothing_and_is_not_told_that_a_second_factor_would_help() {
        let own = Owner::School(school(1));
        let dsl = caller(HeldRole::dsl(school(1)));
        let facts = |recused| Facts { recused, ..Facts::default() };
        for action in ["read-days", "recuse", "open-flagged-events"] {
            assert_eq!(decide(&dsl, action, own, &facts(false)), Decision::Permitted, "{action}");
            let once = Caller { second_factor: false, ..dsl.clone() };
            for caller in [&dsl, &once] {
                assert_eq!(decide(caller, action, own, &facts(true)), Decision::Forbidden, "{action}");
            }
        }
    }

    /// R220.
    #[test]
    fn what_is_sensitive_needs_a_second_factor_of_whoever_may_and_nobody_else_is_told_so() {
        let (own, other) = (Owner::School(school(1)), Owner::School(school(2)));
        let once = Caller { second_factor: false, ..caller(HeldRole::dsl(school(1))) };
        let decided = |action, at| {
            let purpose = (action == "read-identities").then_some("staffing");
            decide(&once, action, at, &Facts { purpose, ..Facts::default() })
        };
        for action in [
            "read-identities",
            "disclose-record",
            "open-flagged-events",
            "change-login",
            "appoint",
            "issue-key",
            "recuse",
            "confirm-forgetting",
            "confirm-name-forgetting",
            "lift-hold",
        ] {
            assert_eq!(decided(action, own), Decision::NeedsSecondFactor, "{action}");
            assert_eq!(decided(action, other), Decision::Forbidden, "{action}");
        }
        for action in ["read-people", "record-person", "propose-forgetting", "revoke-key", "place-hold"] {
            assert_eq!(decided(action, own), Decision::Permitted, "{action}");
        }
    }

    #[test]
    fn what_nobody_has_heard_of_is_refused() {
        let dsl = caller(HeldRole::dsl(school(1)));
        for action in ["", "read-everything", "compare-schools"] {
            assert!(!may(&dsl, action, Owner::School(school(1)), &Facts::default()), "{action}");
        }
    }
}
