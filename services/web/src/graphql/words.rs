//! Words of the vocabularies that more than one context has in its part of the schema.

use async_graphql::Enum;
use schema::people as said;

/// A role that a person holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "said::StaffRole")]
pub enum StaffRole {
    /// Designated safeguarding lead: one at a time.
    Dsl,
    /// Deputy DSL.
    DeputyDsl,
    /// Headteacher or principal.
    Headteacher,
    /// Of the senior leadership team.
    SeniorLeader,
    /// Chair of the governing board.
    ChairOfGovernors,
    /// The governor for online safety: one at a time.
    OnlineSafetyGovernor,
    /// The governor responsible for filtering and monitoring.
    FilteringGovernor,
    /// Another governor.
    Governor,
    /// Online safety lead.
    OnlineSafetyLead,
    /// Of the online safety group.
    OnlineSafetyGroup,
    /// Leads a part of the curriculum.
    CurriculumLead,
    /// Head of a department or year.
    HeadOfDepartment,
    /// Teacher or tutor.
    Teacher,
    /// Teaching assistant, office, site.
    SupportStaff,
    /// Answers for other staff.
    LineManager,
    /// Manages the ICT.
    IctManager,
    /// Technical staff, or of the IT provider.
    ItProvider,
    /// Data protection officer.
    Dpo,
    /// May search pupils and their devices.
    AuthorisedSearcher,
    /// Named by the headteacher for a duty.
    NominatedPerson,
    /// Leads safeguarding for a trust's schools; held at the trust.
    MatSafeguardingLead,
}

/// Why somebody is to be forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "said::ForgettingGround")]
pub enum ForgettingGround {
    /// The time for which the record is kept is over.
    RetentionOver,
    /// The person asks for it (UK GDPR Art. 17).
    ErasureRequest,
    /// The record should never have been made.
    RecordedInError,
}

/// Why somebody must not be forgotten yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "said::HoldReason")]
pub enum HoldReason {
    /// An investigation is under way.
    Investigation,
    /// A legal claim is made or expected.
    LegalClaim,
    /// The regulator asks.
    Regulator,
    /// The police or a court ask.
    Police,
}
