//! Whether what GraphQL answers is what was sent: school by school, exactly for its DSL, rounded for everyone else.

use std::collections::BTreeMap;

use schema::Category;

use super::{
    expected::{Cell, Cells, Expected},
    graphql::{Figures, School, SchoolMonth, cells},
};

/// What differs between a school's expected figures and an answer, one line a difference.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Differences(pub Vec<String>);

impl Differences {
    /// These and those.
    pub fn and(mut self, those: Self) -> Self {
        self.0.extend(those.0);
        self
    }

    fn of<T: PartialEq + std::fmt::Debug>(&mut self, what: &str, expected: &T, found: &T) {
        if expected != found {
            self.0.push(format!("{what}: expected {expected:?}, found {found:?}"));
        }
    }

    fn of_figures(&mut self, what: &str, expected: &Cells, rounded_to: i64, found: Option<&Figures>) {
        match found {
            None if expected.is_empty() => {}
            None => self.0.push(format!("{what}: expected figures, found none")),
            Some(_) if expected.is_empty() => self.0.push(format!("{what}: expected none, found figures")),
            Some(found) => {
                self.of(&format!("{what}, cells"), expected, &cells(&found.categories));
                self.of(&format!("{what}, rounded to"), &rounded_to, &found.rounded_to);
                let totals = (found.requests, found.blocks, found.high_concern_blocks);
                self.of(&format!("{what}, requests, blocks and high-concern blocks"), &totals_of(expected), &totals);
            }
        }
    }
}

fn totals_of(cells: &Cells) -> (i64, i64, i64) {
    let high = |category: &str| category.parse().is_ok_and(Category::is_high_concern);
    let sum = |part: &dyn Fn(&str, &Cell) -> i64| cells.iter().map(|(category, cell)| part(category, cell)).sum();
    (sum(&|_, cell| cell.requests), sum(&|_, cell| cell.blocks), sum(&|c, cell| if high(c) { cell.blocks } else { 0 }))
}

/// The school's row in its MAT lead's comparison.
pub fn as_mat_lead(expected: &Expected, found: &SchoolMonth) -> Differences {
    let mut differences = Differences::default();
    differences.of_figures("to the MAT lead", &expected.rounded(), 5, found.figures.as_ref());
    differences
}

/// The school as its own DSL sees it.
pub fn as_dsl(expected: &Expected, found: Option<&School>) -> Differences {
    let mut differences = Differences::default();
    let Some(found) = found else {
        differences.0.push("to its DSL: expected the school, found nothing".to_owned());
        return differences;
    };
    differences.of_figures("to its DSL, the month", &expected.cells, 1, found.month.as_ref());
    let (requests, blocks, _) = totals_of(&expected.cells);
    let days =
        found.days.iter().flatten().map(|day| (day.requests, day.blocks, cells(&day.categories))).collect::<Vec<_>>();
    let one_day = vec![(requests, blocks, expected.cells.clone())];
    differences.of("to its DSL, the day", &if expected.cells.is_empty() { vec![] } else { one_day }, &days);
    let unmapped: BTreeMap<_, _> =
        found.unmapped_labels.iter().flatten().map(|label| (label.label.clone(), label.requests)).collect();
    differences.of("to its DSL, unmapped labels", &expected.unmapped, &unmapped);
    differences
}

/// The school as its governor sees it: the month, rounded, and nothing finer.
pub fn as_governor(expected: &Expected, found: Option<&School>) -> Differences {
    let mut differences = Differences::default();
    let Some(found) = found else {
        differences.0.push("to its governor: expected the school, found nothing".to_owned());
        return differences;
    };
    differences.of_figures("to its governor, the month", &expected.rounded(), 5, found.month.as_ref());
    differences.of(
        "to its governor, a day or unmapped labels",
        &(false, false),
        &(found.days.is_some(), found.unmapped_labels.is_some()),
    );
    differences
}

#[cfg(test)]
mod tests {
    use schema::Action;
    use serde_json::{Value, json};

    use super::*;

    fn expected() -> Expected {
        let mut expected = Expected::default();
        for _ in 0..7 {
            expected.count(Category::Extremism, Action::Blocked);
        }
        expected
    }

    fn month(requests: i64, rounded_to: i64) -> Value {
        json!({ "requests": requests, "blocks": requests, "highConcernBlocks": requests, "roundedTo": rounded_to,
                "categories": [{ "category": "extremism", "requests": requests, "blocks": requests }] })
    }

    fn school(month: &Value, days: &Value) -> School {
        let unmapped = if days.is_null() { Value::Null } else { json!([]) };
        serde_json::from_value(json!({ "month": month, "days": days, "unmappedLabels": unmapped })).unwrap()
    }

    fn row(figures: &Value) -> SchoolMonth {
        let school = json!({ "id": "00000000-0000-0000-0000-000000000001", "name": "A school", "pupils": 5 });
        serde_json::from_value(json!({ "school": school, "figures": figures })).unwrap()
    }

    #[test]
    fn a_dsl_must_see_exact_figures() {
        let days = json!([{ "requests": 7, "blocks": 7, "categories": [{ "category": "extremism", "requests": 7, "blocks": 7 }] }]);
        assert_eq!(as_dsl(&expected(), Some(&school(&month(7, 1), &days))), Differences::default());
        assert_eq!(as_dsl(&expected(), Some(&school(&month(5, 1), &days))).0.len(), 2, "cells and totals");
        assert_eq!(as_dsl(&expected(), Some(&school(&month(7, 1), &json!([])))).0.len(), 1, "the day");
        assert_eq!(as_dsl(&expected(), None).0.len(), 1);
    }

    #[test]
    fn a_mat_lead_and_a_governor_must_see_rounded_figures_and_no_day() {
        assert_eq!(as_mat_lead(&expected(), &row(&month(5, 5))), Differences::default());
        assert_eq!(as_mat_lead(&expected(), &row(&month(7, 1))).0.len(), 3);
        assert_eq!(as_governor(&expected(), Some(&school(&month(5, 5), &Value::Null))), Differences::default());
        assert_eq!(as_governor(&expected(), Some(&school(&month(5, 5), &json!([])))).0.len(), 1);
    }

    #[test]
    fn a_school_that_sent_nothing_must_have_no_figures_rather_than_zeros() {
        let nothing = Expected::default();
        assert_eq!(as_mat_lead(&nothing, &row(&Value::Null)), Differences::default());
        assert_eq!(as_mat_lead(&nothing, &row(&month(0, 5))).0.len(), 1);
        assert_eq!(as_mat_lead(&expected(), &row(&Value::Null)).0.len(), 1);
    }
}
