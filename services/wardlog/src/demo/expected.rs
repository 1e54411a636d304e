//! What the figures must be, counted from the generated events by what each was meant to be: no code of the door or of
//! the views has a part in it.

use std::collections::BTreeMap;

use schema::{Action, Category};

use super::generate::{Event, is_unmapped};

/// One category of a school's day.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cell {
    /// Requests, whatever was done with them.
    pub requests: i64,
    /// Those that were blocked.
    pub blocks: i64,
}

/// A school's cells by category; a category of which nothing was counted is absent.
pub type Cells = BTreeMap<String, Cell>;

/// What a school's figures must be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Expected {
    /// Exact cells.
    pub cells: Cells,
    /// Requests by the labels that no category is known for.
    pub unmapped: BTreeMap<String, i64>,
}

impl Expected {
    /// Counts an event.
    pub fn add(&mut self, event: &Event) {
        self.count(event.meant, event.action);
        for label in event.labels.iter().filter(|label| is_unmapped(label)) {
            *self.unmapped.entry((*label).to_owned()).or_default() += 1;
        }
    }

    /// Counts one request of `category`.
    pub fn count(&mut self, category: Category, action: Action) {
        let cell = self.cells.entry(category.as_str().to_owned()).or_default();
        cell.requests += 1;
        cell.blocks += i64::from(action == Action::Blocked);
    }

    /// The cells as anyone but the school's own staff sees them: each rounded to 5 for itself, and none that is zero then.
    pub fn rounded(&self) -> Cells {
        let round = |(category, cell): (&String, &Cell)| {
            (category.clone(), Cell { requests: to_5(cell.requests), blocks: to_5(cell.blocks) })
        };
        self.cells.iter().map(round).filter(|(_, cell)| cell.requests > 0).collect()
    }
}

/// To the nearest multiple of 5; there are no halves between whole numbers and multiples of 5.
fn to_5(count: i64) -> i64 {
    (count + 2) / 5 * 5
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_cell_is_rounded_for_itself() {
        assert_eq!([0, 1, 2, 3, 7, 8, 12, 13].map(to_5), [0, 0, 0, 5, 5, 10, 10, 15]);
        let mut expected = Expected::default();
        expected.count(Category::Gambling, Action::Blocked);
        expected.count(Category::Gambling, Action::Warned);
        expected.count(Category::Gambling, Action::Blocked);
        let cell = |requests, blocks| BTreeMap::from([("gambling".to_owned(), Cell { requests, blocks })]);
        assert_eq!((expected.cells.clone(), expected.rounded()), (cell(3, 2), cell(5, 0)));
    }
}
