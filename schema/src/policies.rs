//! Who may do what, as Cedar policies.

/// The actions, and what they are done to: a Cedar schema.
pub const SCHEMA: &str = include_str!("../policies/wardlog.cedarschema");

/// The policies.
pub const POLICIES: &str = concat!(
    include_str!("../policies/school.cedar"),
    include_str!("../policies/trust.cedar"),
    include_str!("../policies/second_factor.cedar"),
    include_str!("../policies/recusal.cedar"),
);
