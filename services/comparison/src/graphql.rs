//! The comparison's part of the public schema.

use async_graphql::{Object, SimpleObject};
use schema::categories::CategoryMap;

use crate::figures::{Cell, Figures, Precision};

/// One category of a school's month.
#[derive(Debug, Clone, SimpleObject)]
pub struct CategoryFigures {
    /// The canonical category, such as `self-harm-suicide`.
    category: &'static str,
    /// The area of online risk it belongs to (content, contact, conduct, commerce); null for one of no concern.
    risk_area: Option<&'static str>,
    /// Whether one event of it already calls for a person's attention.
    high_concern: bool,
    /// Requests, whatever was done with them.
    requests: i64,
    /// Requests that were blocked.
    blocks: i64,
}

impl From<&Cell> for CategoryFigures {
    fn from(cell: &Cell) -> Self {
        Self {
            category: cell.category.as_str(),
            risk_area: CategoryMap::bundled().risk_area(cell.category).map(schema::RiskArea::as_str),
            high_concern: cell.category.is_high_concern(),
            requests: cell.requests,
            blocks: cell.blocks,
        }
    }
}

/// A school's month in figures. Rates are null where their denominator is unknown or zero.
#[Object(name = "Figures")]
impl Figures {
    /// Requests, whatever was done with them.
    #[graphql(name = "requests")]
    async fn all_requests(&self) -> i64 {
        self.requests()
    }

    /// Requests that were blocked.
    #[graphql(name = "blocks")]
    async fn all_blocks(&self) -> i64 {
        self.blocks()
    }

    /// Blocked requests of a category of high concern.
    #[graphql(name = "highConcernBlocks")]
    async fn all_high_concern_blocks(&self) -> i64 {
        self.high_concern_blocks()
    }

    /// Requests per 100 pupils on roll.
    async fn requests_per_100_pupils(&self) -> Option<f64> {
        self.per_100_pupils(self.requests())
    }

    /// Blocks per 100 pupils on roll.
    async fn blocks_per_100_pupils(&self) -> Option<f64> {
        self.per_100_pupils(self.blocks())
    }

    /// Blocks per 1,000 requests.
    async fn blocks_per_1000_requests(&self) -> Option<f64> {
        self.per_1000_requests(self.blocks())
    }

    /// High-concern blocks per 100 pupils on roll.
    async fn high_concern_blocks_per_100_pupils(&self) -> Option<f64> {
        self.per_100_pupils(self.high_concern_blocks())
    }

    /// High-concern blocks per 1,000 requests.
    async fn high_concern_blocks_per_1000_requests(&self) -> Option<f64> {
        self.per_1000_requests(self.high_concern_blocks())
    }

    /// What each category's figures are rounded to before they are added: 1 (exact) or 5.
    async fn rounded_to(&self) -> i32 {
        match self.precision {
            Precision::Exact => 1,
            Precision::RoundedTo5 => 5,
        }
    }

    /// The figures by category, the gravest first; a category of which nothing was counted is absent.
    async fn categories(&self) -> Vec<CategoryFigures> {
        self.cells.iter().map(CategoryFigures::from).collect()
    }
}
