//! From a filter's own category labels to the canonical categories, and on to the four Cs.
//!
//! The mapping is data, in `schema/categories`; it is part of the program.

use std::{borrow::Cow, collections::HashMap, sync::LazyLock};

use crate::{Category, RiskArea, UnknownWord, Vocabulary};

/// Why a category file cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum CategoryFileError {
    /// A row does not have the two columns.
    #[error("expected two columns: {0}")]
    Row(#[from] csv::Error),
    /// A word is of no vocabulary.
    #[error(transparent)]
    Word(#[from] UnknownWord),
    /// A label or category stands there twice, and might mean two things.
    #[error("expected each label once, but found {0:?} again")]
    Twice(String),
}

/// Every vocabulary's labels, and the risk area of each category of concern.
#[derive(Debug)]
pub struct CategoryMap {
    general: HashMap<String, Category>,
    ut1: HashMap<String, Category>,
    e2guardian: HashMap<String, Category>,
    areas: HashMap<Category, RiskArea>,
}

impl CategoryMap {
    /// The files that are part of the program, read once.
    #[expect(clippy::expect_used, reason = "the files are part of the program, and a test reads them")]
    pub fn bundled() -> &'static Self {
        static BUNDLED: LazyLock<CategoryMap> =
            LazyLock::new(|| CategoryMap::read().expect("the bundled category files read"));
        &BUNDLED
    }

    fn read() -> Result<Self, CategoryFileError> {
        let labels = |file| pairs::<Category>(file);
        let mut areas = HashMap::new();
        for (category, area) in pairs(include_str!("../categories/risk_areas.csv"))? {
            areas.insert(category.parse()?, area);
        }
        Ok(Self {
            general: labels(include_str!("../categories/general.csv"))?,
            ut1: labels(include_str!("../categories/ut1.csv"))?,
            e2guardian: labels(include_str!("../categories/e2guardian.csv"))?,
            areas,
        })
    }

    /// The category that `label` stands for in `vocabulary` or, where that does not have it, in the general one.
    pub fn category(&self, vocabulary: Vocabulary, label: &str) -> Option<Category> {
        let key = key(label);
        let own = match vocabulary {
            Vocabulary::General => None,
            Vocabulary::Ut1 => self.ut1.get(&*key),
            Vocabulary::E2guardian => self.e2guardian.get(&*key),
        };
        own.or_else(|| self.general.get(&*key)).copied()
    }

    /// Which of the four Cs `category` belongs to; `None` where it is without concern.
    pub fn risk_area(&self, category: Category) -> Option<RiskArea> {
        self.areas.get(&category).copied()
    }
}

/// A label as it is compared: trimmed and lower-case, copied only if it is not so already.
fn key(label: &str) -> Cow<'_, str> {
    let label = label.trim();
    if label.bytes().any(|b| b.is_ascii_uppercase() || !b.is_ascii()) {
        Cow::Owned(label.to_lowercase())
    } else {
        Cow::Borrowed(label)
    }
}

/// The rows of a file of two columns, the first by its key.
fn pairs<T: std::str::FromStr<Err = UnknownWord>>(file: &str) -> Result<HashMap<String, T>, CategoryFileError> {
    let mut pairs = HashMap::new();
    for row in csv::Reader::from_reader(file.as_bytes()).deserialize::<(String, String)>() {
        let (label, word) = row?;
        if pairs.insert(key(&label).into_owned(), word.parse()?).is_some() {
            return Err(CategoryFileError::Twice(label));
        }
    }
    Ok(pairs)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether the canonical vocabulary counts the category as a concern.
    fn is_concern(category: Category) -> bool {
        match category {
            Category::CsamIllegal
            | Category::TerrorismIllegal
            | Category::GroomingContact
            | Category::SelfHarmSuicide
            | Category::Extremism
            | Category::Pornography
            | Category::ViolenceWeapons
            | Category::BullyingHate
            | Category::Drugs
            | Category::ProxyBypass
            | Category::ScamsPhishingMalware
            | Category::Gambling
            | Category::Misinformation
            | Category::Piracy => true,
            Category::Social
            | Category::ChatMail
            | Category::Games
            | Category::Streaming
            | Category::Shopping
            | Category::AdvertsTracking
            | Category::News
            | Category::Search
            | Category::Education
            | Category::Other
            | Category::Uncategorised => false,
        }
    }

    #[test]
    fn every_bundled_file_is_read() {
        CategoryMap::read().unwrap();
    }

    #[test]
    fn exactly_the_categories_of_concern_have_a_risk_area() {
        let map = CategoryMap::bundled();
        for &category in Category::ALL {
            assert_eq!(map.risk_area(category).is_some(), is_concern(category), "{category}");
        }
        assert_eq!(map.risk_area(Category::GroomingContact), Some(RiskArea::Contact));
        assert_eq!(map.risk_area(Category::ProxyBypass), Some(RiskArea::Conduct));
        assert_eq!(map.risk_area(Category::Gambling), Some(RiskArea::Commerce));
        assert_eq!(map.risk_area(Category::Piracy), Some(RiskArea::Content));
    }

    #[test]
    fn every_canonical_word_is_its_own_label_in_every_vocabulary() {
        for &vocabulary in Vocabulary::ALL {
            for &category in Category::ALL {
                let word = category.as_str();
                assert_eq!(CategoryMap::bundled().category(vocabulary, word), Some(category), "{vocabulary} {word}");
            }
        }
    }

    #[test]
    fn all_lists_of_ut1_are_mapped() {
        let map = CategoryMap::bundled();
        assert_eq!(map.ut1.len(), 66);
        let domains = csv::Reader::from_reader(&include_bytes!("../categories/ut1_domains_sample.csv")[..])
            .into_deserialize::<(String, String)>()
            .map(|row| row.unwrap().1)
            .collect::<Vec<_>>();
        assert_eq!(domains.len(), 200);
        for list in domains {
            assert!(map.ut1.contains_key(&list), "{list}");
            assert_eq!(map.category(Vocabulary::E2guardian, &list), map.category(Vocabulary::Ut1, &list), "{list}");
        }
    }

    #[test]
    fn a_label_is_found_whatever_its_case_and_falls_back_to_the_general_names() {
        let category = |vocabulary, label| CategoryMap::bundled().category(vocabulary, label);
        assert_eq!(category(Vocabulary::Ut1, " Drogue "), Some(Category::Drugs));
        assert_eq!(category(Vocabulary::General, "PROXY AVOIDANCE"), Some(Category::ProxyBypass));
        assert_eq!(category(Vocabulary::E2guardian, "Illegal Drugs (Portuguese)"), Some(Category::Drugs));
        assert_eq!(category(Vocabulary::Ut1, "Search Engines"), Some(Category::Search));
        assert_eq!(category(Vocabulary::General, "drogue"), None);
        assert_eq!(category(Vocabulary::General, ""), None);
    }

    #[test]
    fn a_label_may_not_stand_in_a_file_twice() {
        let twice = pairs::<Category>("label,category\nGambling,gambling\n gambling,games\n");
        assert!(matches!(twice, Err(CategoryFileError::Twice(label)) if label == " gambling"));
        assert!(matches!(pairs::<Category>("label,category\na,vice\n"), Err(CategoryFileError::Word(_))));
    }
}
