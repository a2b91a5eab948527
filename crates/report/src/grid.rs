//! A matrix of two axes as a grid: rows, columns, one letter a cell.

use std::collections::BTreeMap;

use crate::{Agreement, Path, RunRecord, Times, Verdict};

mod draw;

/// More columns than this leave no room for the label of their row.
const COLUMNS_MAX: usize = 24;

/// The runs of one scenario laid out by the first two axes of its matrix.
///
/// Further axes, seeds and sessions are folded: a cell covers all of its runs.
#[derive(Clone, Debug)]
pub struct Grid<'a> {
    records: &'a [RunRecord],
    axes: [&'a str; 2],
    rows: Vec<&'a str>,
    columns: Vec<&'a str>,
    cells: BTreeMap<(usize, usize), Cell>,
}

/// What the runs of one cell came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cell {
    /// The path that all of its runs took, or `None` if they took different ones.
    pub path: Option<Path>,
    /// Whether a run did not pass or did not do what the oracle predicted.
    pub alarm: bool,
    /// Times to connect of those runs that did connect.
    pub connect: Option<Times>,
}

impl Cell {
    fn of(records: &[&RunRecord]) -> Self {
        let first = records.first().map(|record| record.path);
        Self {
            path: first.filter(|&path| records.iter().all(|record| record.path == path)),
            alarm: records.iter().any(|record| is_alarm(record)),
            connect: Times::of(records.iter().filter_map(|record| record.connect_ns)),
        }
    }

    /// Returns the letter of the cell's path: `L`, `D`, `R`, `-` for none, `*` for several.
    #[must_use]
    pub const fn letter(&self) -> char {
        match self.path {
            Some(path) => letter(path),
            None => MIXED,
        }
    }
}

/// Stands for runs of one cell that took different paths.
const MIXED: char = '*';

pub(crate) const fn letter(path: Path) -> char {
    match path {
        Path::Lan => 'L',
        Path::Direct => 'D',
        Path::Relay => 'R',
        Path::None => '-',
    }
}

pub(crate) const fn meaning(path: Path) -> &'static str {
    match path {
        Path::Lan => "never left the LAN",
        Path::Direct => "end to end, no relay",
        Path::Relay => "through a TURN server",
        Path::None => "no connection",
    }
}

/// Counts and times of those runs of a grid that took one path.
pub(crate) struct PathStats {
    pub(crate) path: Path,
    /// At least one.
    pub(crate) runs: u64,
    pub(crate) agreement: Agreement,
    pub(crate) times: Option<Times>,
}

fn is_alarm(record: &RunRecord) -> bool {
    record.verdict != Verdict::Pass || record.oracle_agrees() == Some(false)
}

impl<'a> Grid<'a> {
    /// Lays out the records of one scenario, rows and columns in the order of first appearance.
    ///
    /// `None` if there are no records, if they are of several scenarios or
    /// matrices, if the matrix has fewer than two axes, or if the second axis
    /// has more than 24 labels: a table serves such reports better.
    #[must_use]
    pub fn new(records: &'a [RunRecord]) -> Option<Self> {
        let first = records.first()?;
        let axes_of = |record: &'a RunRecord| record.case.iter().map(|(axis, _)| axis);
        let mut names = axes_of(first);
        let axes = [names.next()?, names.next()?];
        let mut rows = Labels::default();
        let mut columns = Labels::default();
        let mut groups: BTreeMap<_, Vec<&RunRecord>> = BTreeMap::new();
        for record in records {
            if record.scenario != first.scenario || !axes_of(record).eq(axes_of(first)) {
                return None;
            }
            let mut labels = record.case.iter().map(|(_, label)| label);
            let place = (rows.index(labels.next()?), columns.index(labels.next()?));
            if columns.labels.len() > COLUMNS_MAX {
                return None;
            }
            groups.entry(place).or_default().push(record);
        }
        let cells = groups.into_iter().map(|(place, group)| (place, Cell::of(&group))).collect();
        Some(Self { records, axes, rows: rows.labels, columns: columns.labels, cells })
    }

    /// Returns the names of the row axis and of the column axis.
    #[must_use]
    pub const fn axes(&self) -> [&'a str; 2] {
        self.axes
    }

    /// Returns the labels of the rows.
    #[must_use]
    pub fn rows(&self) -> &[&'a str] {
        &self.rows
    }

    /// Returns the labels of the columns.
    #[must_use]
    pub fn columns(&self) -> &[&'a str] {
        &self.columns
    }

    /// Returns the cell at these indices of [`Grid::rows`] and [`Grid::columns`], if a run is in it.
    #[must_use]
    pub fn cell(&self, row: usize, column: usize) -> Option<&Cell> {
        self.cells.get(&(row, column))
    }

    /// Evaluates each path that a run took, best first.
    pub(crate) fn paths(&self) -> impl Iterator<Item = PathStats> {
        Path::ALL.into_iter().filter_map(|path| {
            let runs = || self.records.iter().filter(|record| record.path == path);
            Some(PathStats {
                path,
                runs: Some(runs().count() as u64).filter(|&number| number > 0)?,
                agreement: Agreement::of(runs()),
                times: Times::of(runs().filter_map(|record| record.connect_ns)),
            })
        })
    }

    /// Returns the number of cells without a run.
    pub(crate) fn missing(&self) -> usize {
        self.rows.len() * self.columns.len() - self.cells.len()
    }
}

/// Distinct labels in the order of first appearance.
#[derive(Default)]
struct Labels<'a> {
    labels: Vec<&'a str>,
    index: BTreeMap<&'a str, usize>,
}

impl<'a> Labels<'a> {
    fn index(&mut self, label: &'a str) -> usize {
        *self.index.entry(label).or_insert_with(|| {
            self.labels.push(label);
            self.labels.len() - 1
        })
    }
}
