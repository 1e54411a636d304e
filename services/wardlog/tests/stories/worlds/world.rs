//! What happens in a world, who must not learn of it, and who may.

use rand::{RngExt, SeedableRng, rngs::Xoshiro256PlusPlus};
use schema::people::{Site, StaffRole};

/// A school, its sibling, and their trust.
pub const PLACES: usize = 3;
pub const TRUST: usize = 2;

/// How many of those whom everything begins with have not left, at each place.
const STAYING: usize = 2;

/// What somebody does at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Act {
    Record,
    Amend,
    Link,
    Give,
    End,
    Leave,
    Hold,
    Propose,
    Read,
    Disclose,
    Register,
    Issue,
    Send,
    Open,
    ProposeName,
    HoldName,
    DiscloseName,
    Substitute,
    Recuse,
}

/// An act, where it is done, and to whom.
#[derive(Debug, Clone, Copy)]
pub struct Step {
    pub act: Act,
    pub place: usize,
    pub person: usize,
}

/// Who asks: somebody in a role at a place, or nobody in particular.
pub type Observer = Option<(StaffRole, usize)>;

/// A history with a secret.
pub struct World {
    pub number: u32,
    /// What happens in any case.
    pub history: Vec<Step>,
    /// What happens in one world alone, and before which step.
    pub secret: Step,
    pub before: usize,
    /// Some who must not learn of it.
    pub observers: Vec<Observer>,
    /// One of them who might, if it were not about themselves.
    pub recused: Option<(StaffRole, usize)>,
}

impl Act {
    pub const ALL: [Self; 19] = [
        Self::Record,
        Self::Amend,
        Self::Link,
        Self::Give,
        Self::End,
        Self::Leave,
        Self::Hold,
        Self::Propose,
        Self::Read,
        Self::Disclose,
        Self::Register,
        Self::Issue,
        Self::Send,
        Self::Open,
        Self::ProposeName,
        Self::HoldName,
        Self::DiscloseName,
        Self::Substitute,
        Self::Recuse,
    ];

    /// What takes nothing away that a secret needs.
    const ANY_TIME: [Self; 7] =
        [Self::Record, Self::Amend, Self::Read, Self::Disclose, Self::Register, Self::Send, Self::Open];

    /// Whether it is of a filter or of what one sent: of a school alone.
    pub const fn is_of_filters(self) -> bool {
        matches!(
            self,
            Self::Register
                | Self::Issue
                | Self::Send
                | Self::Open
                | Self::ProposeName
                | Self::HoldName
                | Self::DiscloseName
        )
    }
}

impl Step {
    /// Whether somebody in a role at a place may learn of it: said here by hand, beside `access-rules.txt`.
    fn is_known_to(self, role: StaffRole, place: usize) -> bool {
        use StaffRole::{
            ChairOfGovernors, DeputyDsl, Dpo, Dsl, FilteringGovernor, Governor, Headteacher, IctManager, ItProvider,
            MatSafeguardingLead, OnlineSafetyGovernor, OnlineSafetyGroup, OnlineSafetyLead, SeniorLeader,
        };
        if place != self.place {
            return self.act == Act::Send && role == MatSafeguardingLead;
        }
        let safeguarding = matches!(role, Dsl | DeputyDsl | Headteacher);
        match self.act {
            Act::Send => {
                safeguarding
                    || matches!(
                        role,
                        ChairOfGovernors
                            | OnlineSafetyGovernor
                            | FilteringGovernor
                            | Governor
                            | SeniorLeader
                            | OnlineSafetyLead
                            | OnlineSafetyGroup
                            | IctManager
                            | ItProvider
                    )
            }
            Act::Register | Act::Issue => safeguarding || matches!(role, IctManager | ItProvider),
            _ if place == TRUST => matches!(role, MatSafeguardingLead | Dpo),
            // Who may recuse is told whether there is somebody of an id.
            Act::Record | Act::Recuse => safeguarding || matches!(role, Dpo | ChairOfGovernors),
            _ => safeguarding || role == Dpo,
        }
    }
}

impl World {
    pub fn generate(number: u32) -> Self {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(number.into());
        // In their turn, so that none is left out.
        let act = Act::ALL[number as usize % Act::ALL.len()];
        let secret = step(&mut rng, act);
        let (before, after) = (rng.random_range(0..4), rng.random_range(0..4));
        let early = (0..before).map(|_| *pick(&mut rng, &Act::ANY_TIME)).collect::<Vec<_>>();
        let late = (0..after).map(|_| *pick(&mut rng, &Act::ALL)).collect::<Vec<_>>();
        let history = early.into_iter().chain(late).map(|act| step(&mut rng, act)).collect();
        let mut observers = observers(&mut rng, secret);
        let recused = (act == Act::Recuse).then(|| (recused(&mut rng, secret), secret.place));
        observers.extend(recused.map(Some));
        Self { number, history, secret, before, observers, recused }
    }

    /// Somebody who may know of the secret.
    pub const fn insider(&self) -> (StaffRole, usize) {
        let role = if self.secret.place == TRUST { StaffRole::MatSafeguardingLead } else { StaffRole::Dsl };
        (role, self.secret.place)
    }

    /// How the register numbers its trust, and its schools.
    pub fn trust(&self) -> String {
        trust(self.number)
    }

    /// Of one of its two schools.
    pub const fn school(&self, place: u8) -> u32 {
        school(self.number, place)
    }
}

/// The steps that each place begins with: three people, of whom one has a role and one has left; a filter that has sent.
pub fn beginning() -> impl Iterator<Item = Step> {
    use Act::{Give, Issue, Leave, Record, Register, Send};
    let of = |place| {
        [(Record, 0), (Record, 1), (Record, 2), (Give, 0), (Leave, 2), (Register, 0), (Issue, 0), (Send, 0)]
            .map(|(act, person)| Step { act, place, person })
    };
    (0..PLACES).flat_map(of).filter(|step| step.place != TRUST || !step.act.is_of_filters())
}

/// What is done to whom: a secret finds everything as it needs it.
fn step(rng: &mut Xoshiro256PlusPlus, act: Act) -> Step {
    let place = rng.random_range(0..if act.is_of_filters() { TRUST } else { PLACES });
    let person = match act {
        Act::Link | Act::Give | Act::Leave | Act::Hold => 1,
        Act::Propose => 2,
        _ => rng.random_range(0..STAYING),
    };
    Step { act, place, person }
}

/// Somebody without a role, two at the very place if there are such, and one anywhere.
fn observers(rng: &mut Xoshiro256PlusPlus, secret: Step) -> Vec<Observer> {
    let held = (0..PLACES).flat_map(|place| {
        let site = if place == TRUST { Site::Trust } else { Site::School };
        StaffRole::ALL.iter().filter(move |role| role.is_of(site)).map(move |&role| (role, place))
    });
    let mut held: Vec<_> = held.filter(|&(role, place)| !secret.is_known_to(role, place)).collect();
    let mut observers = vec![None];
    for there in [true, true, false] {
        let among: Vec<_> = held.iter().filter(|(_, place)| !there || *place == secret.place).copied().collect();
        if !among.is_empty() {
            let one = *pick(rng, &among);
            held.retain(|other| *other != one);
            observers.push(Some(one));
        }
    }
    observers
}

/// Who is recused: of those who may know of such a secret, another than the insider.
fn recused(rng: &mut Xoshiro256PlusPlus, secret: Step) -> StaffRole {
    use StaffRole::{DeputyDsl, Dpo, Headteacher};
    if secret.place == TRUST { Dpo } else { *pick(rng, &[DeputyDsl, Headteacher, Dpo]) }
}

fn pick<'a, T>(rng: &mut Xoshiro256PlusPlus, among: &'a [T]) -> &'a T {
    &among[rng.random_range(0..among.len())]
}

/// The trusts and schools of so many worlds, as the government lists them.
pub fn register(worlds: u32) -> String {
    let header = "urn,name,la,phase,type,status,trust_uid,trust_name,pupils\n".to_owned();
    (0..worlds).fold(header, |register, number| {
        let line = |place| {
            let (urn, uid) = (school(number, place), trust(number));
            format!("{urn},School {urn},Leeds,Primary,Academy converter,Open,{uid},TRUST {uid},{}\n", 200 + 40 * place)
        };
        register + &line(0) + &line(1)
    })
}

fn trust(number: u32) -> String {
    (1000 + number).to_string()
}

const fn school(number: u32, place: u8) -> u32 {
    200_000 + 2 * number + place as u32
}
