//! People: who works at a school or trust, in which roles, and who read what of whom.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::{
    AppointmentId, IdError, MatterId, PersonId, Sealed,
    envelope::family,
    provisioning::{PersonDeprovisioned, PersonProvisioned},
    vocabulary::vocabulary,
};

vocabulary!(
    /// What somebody is to a school (R031); training and acceptable-use rules attach to it.
    PersonCategory {
        /// Employed by the school or trust.
        Employee = "employee",
        /// Works for the school under a contract of another's.
        Contractor = "contractor",
        /// Sent by an agency, such as a supply teacher.
        Agency = "agency",
        /// Helps without pay.
        Volunteer = "volunteer",
        /// Of the governing board.
        Governor = "governor",
    }
);

vocabulary!(
    /// A role that a person holds at a school or trust (A18).
    StaffRole {
        /// Designated safeguarding lead: one per school at every instant (R013).
        Dsl = "dsl",
        /// Deputy DSL (R013).
        DeputyDsl = "deputy-dsl",
        /// Headteacher or principal.
        Headteacher = "headteacher",
        /// Of the senior leadership team.
        SeniorLeader = "senior-leader",
        /// Chair of the governing board.
        ChairOfGovernors = "chair-of-governors",
        /// The governor for online safety: one per school (R046).
        OnlineSafetyGovernor = "online-safety-governor",
        /// The governor responsible for filtering and monitoring (R044).
        FilteringGovernor = "filtering-governor",
        /// Another governor.
        Governor = "governor",
        /// Online safety lead.
        OnlineSafetyLead = "online-safety-lead",
        /// Of the online safety group.
        OnlineSafetyGroup = "online-safety-group",
        /// Leads a part of the curriculum.
        CurriculumLead = "curriculum-lead",
        /// Head of a department or year, principal teacher.
        HeadOfDepartment = "head-of-department",
        /// Teacher, tutor or form teacher.
        Teacher = "teacher",
        /// Teaching assistant, office, site.
        SupportStaff = "support-staff",
        /// Answers for other staff.
        LineManager = "line-manager",
        /// Manages the school's ICT (R030).
        IctManager = "ict-manager",
        /// Technical staff, or of the IT provider.
        ItProvider = "it-provider",
        /// Data protection officer.
        Dpo = "dpo",
        /// May search pupils and their devices.
        AuthorisedSearcher = "authorised-searcher",
        /// Named by the headteacher for a duty.
        NominatedPerson = "nominated-person",
        /// Leads safeguarding for a trust's schools.
        MatSafeguardingLead = "mat-safeguarding-lead",
    }
);

vocabulary!(
    /// What somebody reads sealed content for. A closed list: words of the reader's own could name a person.
    ReadingPurpose {
        /// To know and change who works where, as what.
        Staffing = "staffing",
        /// To protect a child.
        Safeguarding = "safeguarding",
        /// To have people trained.
        Training = "training",
        /// To answer a person's or the regulator's request.
        DataProtection = "data-protection",
        /// To review what was done.
        Review = "review",
    }
);

vocabulary!(
    /// Why somebody is to be forgotten. A closed list, as for readings.
    ForgettingGround {
        /// The time for which a record is kept is over (R276).
        RetentionOver = "retention-over",
        /// The person asks for it (UK GDPR Art. 17).
        ErasureRequest = "erasure-request",
        /// The record should never have been made.
        RecordedInError = "recorded-in-error",
    }
);

vocabulary!(
    /// Why somebody must not be forgotten yet (R276).
    HoldReason {
        /// An investigation is under way.
        Investigation = "investigation",
        /// A legal claim is made or expected (UK GDPR Art. 17(3)(e)).
        LegalClaim = "legal-claim",
        /// The regulator asks.
        Regulator = "regulator",
        /// The police or a court ask.
        Police = "police",
    }
);

/// Where a role is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Site {
    /// At a school.
    School,
    /// At a trust.
    Trust,
}

impl StaffRole {
    /// Whether one person alone holds it at a time.
    pub const fn is_sole(self) -> bool {
        matches!(self, Self::Dsl | Self::OnlineSafetyGovernor)
    }

    /// Whether it can be held there.
    pub const fn is_of(self, site: Site) -> bool {
        match site {
            Site::School => !matches!(self, Self::MatSafeguardingLead),
            Site::Trust => matches!(self, Self::MatSafeguardingLead | Self::Dpo | Self::IctManager | Self::ItProvider),
        }
    }
}

/// Who somebody is; written only sealed, under the person's own key.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The name as the person writes it.
    pub name: String,
    /// The address at which the person is reached for work.
    pub email: Option<String>,
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Identity(…)")
    }
}

/// Somebody who logs in, by a name of our own: 32 hex digits that the gateway makes of issuer and subject under its key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct LoginName(String);

impl LoginName {
    /// The 32 hex digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<[u8; 16]> for LoginName {
    fn from(bytes: [u8; 16]) -> Self {
        Self(format!("{:032x}", u128::from_be_bytes(bytes)))
    }
}

impl TryFrom<String> for LoginName {
    type Error = IdError;

    fn try_from(text: String) -> Result<Self, IdError> {
        if text.len() == 32 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
            Ok(Self(text))
        } else {
            Err(IdError { expected: "32 hex digits" })
        }
    }
}

impl From<LoginName> for String {
    fn from(login: LoginName) -> Self {
        login.0
    }
}

/// The stream of what is known of a person, by its name: its owner is whoever records the person.
pub fn person_stream(person: PersonId) -> String {
    format!("person-{person}")
}

family!(
    /// What is known of a person; stream `person-<id>`, owned by the school or trust that records it.
    PersonEvent {
        /// A person is known.
        Recorded(PersonRecorded) = "person-recorded" 1,
        /// The person's category, name or address is another.
        Amended(PersonAmended) = "person-amended" 1,
        /// A directory of the school's or trust's own keeps an account of the person, or says of it something new.
        Provisioned(PersonProvisioned) = "person-provisioned" 1,
        /// The person logs in by this name.
        LoginLinked(LoginLinked) = "person-login-linked" 1,
        /// The person no longer logs in by this name.
        LoginUnlinked(LoginUnlinked) = "person-login-unlinked" 1,
        /// The directory keeps no account of the person any more.
        Deprovisioned(PersonDeprovisioned) = "person-deprovisioned" 1,
        /// The person leaves.
        Left(PersonLeft) = "person-left" 1,
        /// The person must not be forgotten from now on.
        HoldPlaced(HoldPlaced) = "person-hold-placed" 1,
        /// Nothing stands in the way of forgetting the person any more.
        HoldLifted(HoldLifted) = "person-hold-lifted" 1,
        /// Somebody says that the person is to be forgotten; it takes a second one.
        ForgettingProposed(ForgettingProposed) = "person-forgetting-proposed" 1,
        /// The person is not to be forgotten after all.
        ForgettingWithdrawn(ForgettingWithdrawn) = "person-forgetting-withdrawn" 1,
        /// The person is forgotten: the key of who it is, is destroyed.
        Forgotten(PersonForgotten) = "person-forgotten" 1,
    }
);

/// See [`PersonEvent::Recorded`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersonRecorded {
    /// The person.
    pub person: PersonId,
    /// What the person is to the school or trust.
    pub category: PersonCategory,
    /// Who it is.
    pub identity: Sealed<Identity>,
}

/// See [`PersonEvent::Amended`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersonAmended {
    /// What the person is to the school or trust from now on.
    pub category: PersonCategory,
    /// Who it is, as far as is known from now on.
    pub identity: Sealed<Identity>,
}

/// See [`PersonEvent::LoginLinked`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoginLinked {
    /// The name.
    pub login: LoginName,
}

/// See [`PersonEvent::LoginUnlinked`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoginUnlinked {
    /// The name.
    pub login: LoginName,
}

/// See [`PersonEvent::Left`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersonLeft {
    /// The first London day on which the person is no longer there.
    pub on: NaiveDate,
}

/// See [`PersonEvent::HoldPlaced`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HoldPlaced {
    /// Why.
    pub reason: HoldReason,
}

/// See [`PersonEvent::HoldLifted`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HoldLifted {}

/// See [`PersonEvent::ForgettingProposed`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForgettingProposed {
    /// Why.
    pub ground: ForgettingGround,
    /// Who says so, as the log knows them.
    pub by: String,
}

/// See [`PersonEvent::ForgettingWithdrawn`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForgettingWithdrawn {}

/// See [`PersonEvent::Forgotten`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersonForgotten {
    /// Why.
    pub ground: ForgettingGround,
}

family!(
    /// The roles held at a school or trust; stream `staffing-<id>`, owned by it. Days are London days, and a role is held up
    /// to, and not including, the last.
    StaffingEvent {
        /// A person holds a role from a day on.
        Appointed(Appointed) = "role-given" 1,
        /// The role ends, or ends earlier than was said.
        Ended(AppointmentEnded) = "role-ended" 1,
        /// A school is without a DSL for some time (R013): somebody must act.
        DslGapFound(DslGap) = "dsl-gap-found" 1,
        /// A gap that was found is no more.
        DslGapClosed(DslGap) = "dsl-gap-closed" 1,
        /// Who stands in for the holder of a role who is recused (R087).
        SubstitutesNamed(SubstitutesNamed) = "substitutes-named" 1,
    }
);

/// See [`StaffingEvent::Appointed`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Appointed {
    /// The role as this person holds it.
    pub appointment: AppointmentId,
    /// The person.
    pub person: PersonId,
    /// The role.
    pub role: StaffRole,
    /// The first day.
    pub from: NaiveDate,
    /// The first day on which it is no longer held; none while no end is known.
    pub to: Option<NaiveDate>,
}

/// See [`StaffingEvent::Ended`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppointmentEnded {
    /// The role as the person holds it.
    pub appointment: AppointmentId,
    /// The first day on which it is no longer held.
    pub to: NaiveDate,
}

/// See [`StaffingEvent::SubstitutesNamed`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubstitutesNamed {
    /// The role.
    pub role: StaffRole,
    /// Who stands in, the first of them who can.
    pub people: Vec<PersonId>,
}

/// Days on which a school has no DSL, after it had one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct DslGap {
    /// The first such day.
    pub from: NaiveDate,
    /// The first day on which there is one again; none if nobody is named to follow.
    pub to: Option<NaiveDate>,
}

family!(
    /// A reading of what is sealed (R133); stream `reading-<id>`, owned by the school or trust whose it is.
    ReadingEvent {
        /// Somebody was shown who people are.
        IdentitiesRead(IdentitiesRead) = "identities-read" 3 from { 2: IdentitiesReadV2, 1: IdentitiesReadV1 },
    }
);

/// See [`ReadingEvent::IdentitiesRead`]. Who read is the event's actor, when its instant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdentitiesRead {
    /// Whose identity, each person once.
    pub people: Vec<PersonId>,
    /// What for.
    pub purpose: ReadingPurpose,
    /// The matter that it was done for, from which some are recused (R130).
    pub matter: Option<MatterId>,
    /// The roles that the reader held there; none if it was no person, but a program or an operator, and where nobody knows.
    pub roles: Vec<StaffRole>,
}

/// An [`IdentitiesRead`] from before it was kept in which roles somebody read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdentitiesReadV2 {
    /// Whose identity, each person once.
    pub people: Vec<PersonId>,
    /// What for.
    pub purpose: ReadingPurpose,
    /// The matter that it was done for, from which some are recused (R130).
    pub matter: Option<MatterId>,
}

/// An [`IdentitiesRead`] from before there were matters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdentitiesReadV1 {
    /// Whose identity, each person once.
    pub people: Vec<PersonId>,
    /// What for.
    pub purpose: ReadingPurpose,
}

impl From<IdentitiesReadV1> for IdentitiesReadV2 {
    fn from(IdentitiesReadV1 { people, purpose }: IdentitiesReadV1) -> Self {
        Self { people, purpose, matter: None }
    }
}

impl From<IdentitiesReadV2> for IdentitiesRead {
    fn from(IdentitiesReadV2 { people, purpose, matter }: IdentitiesReadV2) -> Self {
        Self { people, purpose, matter, roles: vec![] }
    }
}
