//! How schools differ: most are usual, and each demo has a few that a trust should notice.

use rand::{SeedableRng, rngs::Xoshiro256PlusPlus, seq::SliceRandom};

/// What a school's day is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Temper {
    /// As most schools' days are.
    Usual,
    /// Many pupils try to get round the filter.
    ManyProxies,
    /// The filter sends next to nothing.
    NearlySilent,
    /// The filter sends nothing: to be shown as no data, not as no danger.
    NoEvents,
}

/// A temper for each of `schools` schools, by seed: one of each kind as far as there are schools, the rest usual.
pub fn tempers(schools: usize, seed: u64) -> Vec<Temper> {
    let first = [Temper::ManyProxies, Temper::Usual, Temper::NoEvents, Temper::NearlySilent];
    let mut tempers: Vec<Temper> = first.into_iter().chain(std::iter::repeat(Temper::Usual)).take(schools).collect();
    tempers.shuffle(&mut Xoshiro256PlusPlus::seed_from_u64(seed));
    tempers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_trust_of_four_schools_or_more_has_one_that_is_silent() {
        for schools in [4, 33] {
            let tempers = tempers(schools, 1);
            let of = |temper| tempers.iter().filter(|&&t| t == temper).count();
            assert_eq!(tempers.len(), schools);
            assert_eq!([Temper::NoEvents, Temper::NearlySilent, Temper::ManyProxies].map(of), [1, 1, 1]);
        }
        assert_eq!(tempers(1, 9), [Temper::ManyProxies]);
        assert_ne!(tempers(33, 1), tempers(33, 2));
    }
}
