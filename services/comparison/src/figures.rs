//! A month of a school in figures: sums of cells, and rates with their denominators.

use schema::Category;

/// How exact the cells are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precision {
    /// As counted; for the school's own staff.
    Exact,
    /// Each cell (school, month, category) rounded to 5 before anything is added (R048).
    RoundedTo5,
}

/// One category of a school's month.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cell {
    /// The category.
    pub category: Category,
    /// Events, whatever was done with them.
    pub requests: i64,
    /// Those that were blocked.
    pub blocks: i64,
}

/// A school's month.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Figures {
    /// The cells, the gravest category first.
    pub cells: Vec<Cell>,
    /// How exact they are.
    pub precision: Precision,
    /// Pupils on roll, if the register says.
    pub pupils: Option<i32>,
}

impl Figures {
    /// Of cells in any order.
    pub fn new(mut cells: Vec<Cell>, precision: Precision, pupils: Option<i32>) -> Self {
        cells.sort_unstable_by_key(|cell| cell.category);
        Self { cells, precision, pupils }
    }

    /// All events.
    pub fn requests(&self) -> i64 {
        self.cells.iter().map(|cell| cell.requests).sum()
    }

    /// Blocked events.
    pub fn blocks(&self) -> i64 {
        self.cells.iter().map(|cell| cell.blocks).sum()
    }

    /// Blocked events of high concern.
    pub fn high_concern_blocks(&self) -> i64 {
        self.cells.iter().filter(|cell| cell.category.is_high_concern()).map(|cell| cell.blocks).sum()
    }

    /// `count` per 100 pupils; none when the roll is unknown or empty.
    pub fn per_100_pupils(&self, count: i64) -> Option<f64> {
        rate(count, 100, i64::from(self.pupils?))
    }

    /// `count` per 1,000 requests; none when there were none.
    pub fn per_1000_requests(&self, count: i64) -> Option<f64> {
        rate(count, 1_000, self.requests())
    }
}

/// To two decimals: more would be of the rounding's making.
#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
fn rate(count: i64, per: i64, of: i64) -> Option<f64> {
    (of > 0).then(|| (count as f64 * per as f64 / of as f64 * 100.0).round() / 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(pupils: Option<i32>) -> Figures {
        let cell = |category, requests, blocks| Cell { category, requests, blocks };
        Figures::new(
            vec![
                cell(Category::Education, 9_000, 0),
                cell(Category::Gambling, 40, 40),
                cell(Category::SelfHarmSuicide, 15, 10),
            ],
            Precision::RoundedTo5,
            pupils,
        )
    }

    #[test]
    fn high_concern_is_a_part_of_the_blocks() {
        let figures = figures(Some(500));
        assert_eq!((figures.requests(), figures.blocks(), figures.high_concern_blocks()), (9_055, 50, 10));
        assert_eq!(figures.cells[0].category, Category::SelfHarmSuicide);
    }

    #[test]
    fn a_rate_without_a_denominator_is_no_rate() {
        assert_eq!(figures(Some(500)).per_100_pupils(50), Some(10.0));
        assert_eq!(figures(None).per_100_pupils(50), None);
        assert_eq!(figures(Some(0)).per_100_pupils(50), None);
        assert_eq!(figures(None).per_1000_requests(50), Some(5.52));
        assert_eq!(Figures::new(vec![], Precision::Exact, Some(5)).per_1000_requests(0), None);
    }
}
