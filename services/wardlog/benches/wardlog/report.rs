//! Medians of alternated runs, as a table and as `target/bench.json`.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use comfy_table::{Cell, CellAlignment, Table, presets::UTF8_FULL_CONDENSED};
use serde::Serialize;

/// A value beside its limit.
#[derive(Debug, Serialize)]
pub struct Measurement {
    name: &'static str,
    value: f64,
    unit: &'static str,
    limit: &'static str,
    limit_value: f64,
    ratio: f64,
    runs: Vec<f64>,
    #[serde(skip)]
    targets: Vec<(String, bool)>,
}

/// What a value is measured against.
pub struct Limit {
    /// What it is.
    pub what: &'static str,
    /// What it measured; one number where it is a promise and not a measurement.
    pub runs: Vec<f64>,
}

impl Measurement {
    /// The medians of `runs` and of the limit's.
    pub fn new(name: &'static str, unit: &'static str, runs: Vec<f64>, limit: &Limit) -> Self {
        let (value, limit_value) = (median(&runs), median(&limit.runs));
        Self {
            name,
            value,
            unit,
            limit: limit.what,
            limit_value,
            ratio: value / limit_value,
            runs,
            targets: Vec::new(),
        }
    }

    /// The value is to be at least `target`.
    pub fn at_least(mut self, target: f64) -> Self {
        self.targets.push((format!("≥ {}", shown(target)), self.value >= target));
        self
    }

    /// The value is to be below `target`.
    pub fn below(mut self, target: f64) -> Self {
        self.targets.push((format!("< {}", shown(target)), self.value < target));
        self
    }

    /// The same of each of `runs` and of the limit's.
    pub fn of<T>(
        (name, unit): (&'static str, &'static str),
        (runs, limit): (&[T], &[T]),
        what: &'static str,
        of: impl Fn(&T) -> f64,
    ) -> Self {
        let limit = Limit { what, runs: limit.iter().map(&of).collect() };
        Self::new(name, unit, runs.iter().map(of).collect(), &limit)
    }

    /// The ratio is to be at least `target`.
    pub fn ratio_at_least(mut self, target: f64) -> Self {
        self.targets.push((format!("ratio ≥ {target:.2}"), self.ratio >= target));
        self
    }

    fn targets(&self) -> String {
        let lines = self.targets.iter().map(|(text, met)| format!("{text} {}", if *met { "met" } else { "MISSED" }));
        lines.collect::<Vec<_>>().join("\n")
    }
}

/// Runs value and limit in turn, so that whatever else the machine does meets both.
pub async fn alternate<V, L>(
    runs: usize,
    mut value: impl AsyncFnMut() -> Result<V>,
    mut limit: impl AsyncFnMut() -> Result<L>,
) -> Result<(Vec<V>, Vec<L>)> {
    let mut both = (Vec::with_capacity(runs), Vec::with_capacity(runs));
    for _ in 0..runs {
        both.0.push(value().await?);
        both.1.push(limit().await?);
    }
    Ok(both)
}

/// All that was measured.
#[derive(Default)]
pub struct Report(Vec<Measurement>);

impl Report {
    /// Adds a measurement, and says so: the whole takes minutes.
    pub fn add(&mut self, measured: Measurement) {
        eprintln!("{}: {} {}", measured.name, shown(measured.value), measured.unit);
        self.0.push(measured);
    }

    /// As a table.
    pub fn table(&self) -> Table {
        let mut table = Table::new();
        table
            .load_style(UTF8_FULL_CONDENSED)
            .set_header(["Measured", "Median", "Unit", "Limit", "Limit is", "Ratio", "Target", "Lowest", "Highest"]);
        for row in &self.0 {
            let number = |number| Cell::new(shown(number)).set_alignment(CellAlignment::Right);
            table.add_row([
                Cell::new(row.name),
                number(row.value),
                Cell::new(row.unit),
                number(row.limit_value),
                Cell::new(row.limit),
                Cell::new(format!("{:.*}", if row.ratio < 0.1 { 4 } else { 2 }, row.ratio))
                    .set_alignment(CellAlignment::Right),
                Cell::new(row.targets()),
                number(row.runs.iter().copied().fold(f64::INFINITY, f64::min)),
                number(row.runs.iter().copied().fold(f64::NEG_INFINITY, f64::max)),
            ]);
        }
        table
    }

    /// As JSON, in the workspace's target directory; the file's path.
    pub fn write(&self) -> Result<PathBuf> {
        let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target");
        fs::create_dir_all(&target).with_context(|| format!("cannot make {}", target.display()))?;
        let path = target.canonicalize()?.join("bench.json");
        let text = serde_json::to_string_pretty(&self.0)?;
        fs::write(&path, text + "\n").with_context(|| format!("cannot write {}", path.display()))?;
        Ok(path)
    }
}

/// The middle of `runs`; of an even number of them, the middle of the middle two.
fn median(runs: &[f64]) -> f64 {
    let mut sorted = runs.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    match sorted.as_slice() {
        [] => f64::NAN,
        sorted => f64::midpoint(sorted[(sorted.len() - 1) / 2], sorted[sorted.len() / 2]),
    }
}

/// `1234567.8` as `1,234,568`; small numbers keep two decimals.
fn shown(number: f64) -> String {
    if number.abs() < 100.0 {
        return format!("{number:.2}");
    }
    let digits = format!("{number:.0}");
    let groups = digits.as_bytes().rchunks(3).rev().map(String::from_utf8_lossy);
    groups.collect::<Vec<_>>().join(",")
}
