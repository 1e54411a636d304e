//! GraphQL as a client outside sees it: the questions of a MAT lead, a DSL and a governor, and the answers.

use anyhow::{Context, Result, bail};
use chrono::NaiveDate;
use schema::{Month, SchoolId, TrustId};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::expected::{Cell, Cells};

/// What a MAT lead asks: every school of the trust in a month.
pub const COMPARISON: &str = "query($trust: UUID!, $month: String!) { trust(id: $trust) { name schools(month: $month) { \
     school { id name pupils } figures { requests blocks highConcernBlocks blocksPer100Pupils blocksPer1000Requests \
     highConcernBlocksPer1000Requests roundedTo categories { category riskArea requests blocks } } } } }";

/// What a DSL and a governor ask of a school: a month and some days.
const SCHOOL: &str = "query($school: UUID!, $month: String!, $from: NaiveDate!, $to: NaiveDate!) { school(id: $school) { name \
     month(month: $month) { requests blocks highConcernBlocks roundedTo categories { category riskArea requests blocks } } \
     days(from: $from, to: $to) { requests blocks categories { category requests blocks } } \
     unmappedLabels { label requests } } }";

/// The GraphQL address.
#[derive(Debug, Clone)]
pub struct GraphQl {
    http: reqwest::Client,
    /// Where questions are posted.
    pub url: String,
}

/// A trust's month.
#[derive(Debug, Deserialize)]
pub struct TrustMonth {
    /// The trust's name.
    pub name: String,
    /// Its schools.
    pub schools: Vec<SchoolMonth>,
}

/// One school of a trust's month.
#[derive(Debug, Deserialize)]
pub struct SchoolMonth {
    /// The school.
    pub school: SchoolName,
    /// Null when nothing was counted.
    pub figures: Option<Figures>,
}

/// A school as a comparison names it.
#[derive(Debug, Deserialize)]
pub struct SchoolName {
    /// Its id.
    pub id: SchoolId,
    /// Its name.
    pub name: String,
    /// Pupils on roll.
    pub pupils: Option<u32>,
}

/// A month's figures; the rates are asked for by the comparison alone.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Figures {
    pub requests: i64,
    pub blocks: i64,
    pub high_concern_blocks: i64,
    #[serde(rename = "blocksPer100Pupils")]
    pub blocks_per_100_pupils: Option<f64>,
    #[serde(rename = "blocksPer1000Requests")]
    pub blocks_per_1000_requests: Option<f64>,
    #[serde(rename = "highConcernBlocksPer1000Requests")]
    pub high_concern_blocks_per_1000_requests: Option<f64>,
    pub rounded_to: i64,
    pub categories: Vec<CategoryFigures>,
}

/// A category of a month or a day; a day's has no risk area.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CategoryFigures {
    pub category: String,
    pub risk_area: Option<String>,
    pub requests: i64,
    pub blocks: i64,
}

/// A school's own view of itself.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct School {
    /// The month.
    pub month: Option<Figures>,
    /// The days; null for anyone but the school's own staff.
    pub days: Option<Vec<Day>>,
    /// Labels without a category; null for anyone but the school's own staff.
    pub unmapped_labels: Option<Vec<Unmapped>>,
}

/// A day.
#[derive(Debug, Deserialize)]
pub struct Day {
    pub requests: i64,
    pub blocks: i64,
    pub categories: Vec<CategoryFigures>,
}

/// A label without a category.
#[derive(Debug, Deserialize)]
pub struct Unmapped {
    pub label: String,
    pub requests: i64,
}

/// Figures by category, to compare with what was expected.
pub fn cells(categories: &[CategoryFigures]) -> Cells {
    let cell = |c: &CategoryFigures| (c.category.clone(), Cell { requests: c.requests, blocks: c.blocks });
    categories.iter().map(cell).collect()
}

impl GraphQl {
    /// At `url`.
    pub fn new(http: reqwest::Client, url: String) -> Self {
        Self { http, url }
    }

    /// The month of every school of a trust, as its MAT lead.
    pub async fn comparison(&self, token: &str, trust: TrustId, month: Month) -> Result<TrustMonth> {
        let variables = json!({ "trust": trust.to_string(), "month": month.to_string() });
        self.ask(token, COMPARISON, variables, "trust").await?.context("the trust's own MAT lead cannot see it")
    }

    /// A school, its month and its days from one to another; none where it is not the caller's to see.
    pub async fn school(
        &self,
        token: &str,
        school: SchoolId,
        month: Month,
        (from, to): (NaiveDate, NaiveDate),
    ) -> Result<Option<School>> {
        let days = (from.to_string(), to.to_string());
        let variables =
            json!({ "school": school.to_string(), "month": month.to_string(), "from": days.0, "to": days.1 });
        self.ask(token, SCHOOL, variables, "school").await
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        token: &str,
        query: &str,
        variables: Value,
        root: &str,
    ) -> Result<Option<T>> {
        let body = json!({ "query": query, "variables": variables });
        let answer =
            self.http.post(&self.url).bearer_auth(token).json(&body).send().await.context("cannot ask GraphQL")?;
        let status = answer.status();
        let mut answer: Value =
            answer.json().await.with_context(|| format!("GraphQL answered {status} without JSON"))?;
        if !status.is_success() || answer.get("errors").is_some() {
            bail!("GraphQL answered {status}: {answer}");
        }
        serde_json::from_value(answer["data"][root].take()).context("GraphQL answered in another shape")
    }
}
