//! The comparison as a MAT lead sees it, as a table.

use std::cmp::Ordering;

use comfy_table::{Cell, CellAlignment, Table, presets::UTF8_FULL_CONDENSED};

use super::graphql::{Figures, SchoolMonth, TrustMonth};

const HEADER: [&str; 9] = [
    "School",
    "Pupils",
    "Requests",
    "Blocks",
    "Blocks per\n100 pupils",
    "Blocks per\n1,000 requests",
    "High-concern\nblocks",
    "High-concern blocks\nper 1,000 requests",
    "Most blocked\nof concern",
];

/// The schools with the most high-concern blocks per 1,000 requests first, those without data last.
pub fn table(trust: &TrustMonth) -> Table {
    let mut schools: Vec<&SchoolMonth> = trust.schools.iter().collect();
    schools.sort_by(|a, b| order(a, b));
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED).set_header(HEADER);
    for school in schools {
        table.add_row(row(school));
    }
    for column in table.column_iter_mut().take(8).skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn order(a: &SchoolMonth, b: &SchoolMonth) -> Ordering {
    let rate = |school: &SchoolMonth| {
        school.figures.as_ref().map(|figures| figures.high_concern_blocks_per_1000_requests.unwrap_or(0.0))
    };
    match (rate(a), rate(b)) {
        (Some(a), Some(b)) => b.total_cmp(&a),
        (a, b) => b.is_some().cmp(&a.is_some()),
    }
    .then_with(|| a.school.name.cmp(&b.school.name))
}

fn row(SchoolMonth { school, figures }: &SchoolMonth) -> Vec<Cell> {
    let pupils = school.pupils.map_or_else(|| "?".to_owned(), |n| thousands(n.into()));
    let mut row = vec![Cell::new(&school.name), Cell::new(pupils)];
    match figures {
        Some(figures) => row.extend([
            Cell::new(thousands(figures.requests)),
            Cell::new(thousands(figures.blocks)),
            rate(figures.blocks_per_100_pupils),
            rate(figures.blocks_per_1000_requests),
            Cell::new(thousands(figures.high_concern_blocks)),
            rate(figures.high_concern_blocks_per_1000_requests),
            Cell::new(most_blocked_concern(figures)),
        ]),
        None => row.push(Cell::new("no data")),
    }
    row
}

fn rate(rate: Option<f64>) -> Cell {
    Cell::new(rate.map_or_else(|| "?".to_owned(), |rate| format!("{rate:.2}")))
}

/// The category of concern with the most blocks; the gravest of several.
fn most_blocked_concern(figures: &Figures) -> &str {
    let of_concern = figures.categories.iter().filter(|category| category.risk_area.is_some() && category.blocks > 0);
    // The gravest comes first in an answer, and `max_by_key` takes the last of several.
    of_concern.rev().max_by_key(|category| category.blocks).map_or("none", |category| &category.category)
}

/// `12345` as `12,345`.
pub fn thousands(count: i64) -> String {
    let digits = count.to_string();
    let head = digits.len() % 3;
    let (head, rest) = digits.split_at(if head == 0 { 3.min(digits.len()) } else { head });
    let rest = rest.as_bytes().chunks(3).map(String::from_utf8_lossy);
    std::iter::once(head.into()).chain(rest).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn school(name: &str, rate: Option<f64>) -> serde_json::Value {
        let figures = rate.map(|rate| {
            json!({ "requests": 12_345, "blocks": 20, "highConcernBlocks": 5, "blocksPer100Pupils": null,
                    "blocksPer1000Requests": 1.62, "highConcernBlocksPer1000Requests": rate, "roundedTo": 5,
                    "categories": [
                        { "category": "drugs", "riskArea": "content", "requests": 5, "blocks": 5 },
                        { "category": "gambling", "riskArea": "commerce", "requests": 5, "blocks": 5 },
                        { "category": "games", "riskArea": null, "requests": 10, "blocks": 10 } ] })
        });
        json!({ "school": { "id": "00000000-0000-0000-0000-000000000001", "name": name, "pupils": 1256 }, "figures": figures })
    }

    #[test]
    fn the_school_with_the_most_to_look_at_comes_first_and_a_silent_one_says_no_data() {
        let schools = [school("Silent", None), school("Calm", Some(0.1)), school("Busy", Some(2.5))];
        let trust: TrustMonth = serde_json::from_value(json!({ "name": "A trust", "schools": schools })).unwrap();
        let text = table(&trust).to_string();
        let at = |what: &str| text.find(what).unwrap_or_else(|| panic!("{what} is not in\n{text}"));
        assert!(at("Busy") < at("Calm") && at("Calm") < at("Silent") && at("Silent") < at("no data"));
        assert!(at("12,345") < at("1.62") && at("1.62") < at("2.50") && at("2.50") < at("drugs"));
        assert!(!text.contains("gambling") && !text.contains("games"));
    }

    #[test]
    fn thousands_are_set_apart() {
        assert_eq!(
            [0, 7, 999, 1_000, 123_456, 1_234_567].map(thousands),
            ["0", "7", "999", "1,000", "123,456", "1,234,567"]
        );
    }
}
