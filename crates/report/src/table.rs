//! A table of aligned columns for a terminal.

use anstyle::Style;

use crate::text::{Color, HEADER, PLAIN, clean, shorten, width};

/// Cells wider than this are shortened: a table is for the overview.
const CELL_WIDTH_MAX: usize = 40;

/// Rows under a header; columns in which no row has anything to say are left out.
///
/// A title may have two lines, for columns that are narrower than its words.
pub(crate) struct Table {
    columns: Vec<(&'static str, Align)>,
    rows: Vec<Vec<Cell>>,
}

/// On which side a column is flush.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Align {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

/// Text in a style, already safe to print.
pub(crate) struct Cell {
    text: String,
    style: Style,
}

impl Cell {
    pub(crate) fn new(style: Style, text: &str) -> Self {
        Self { text: shorten(&clean(text), CELL_WIDTH_MAX).into_owned(), style }
    }

    pub(crate) fn plain(text: &str) -> Self {
        Self::new(PLAIN, text)
    }

    /// A number that is quiet when it is zero.
    pub(crate) fn count(style: Style, number: u64) -> Self {
        Self::new(if number == 0 { PLAIN } else { style }, &number.to_string())
    }
}

impl Table {
    pub(crate) fn new<const N: usize>(columns: [(&'static str, Align); N]) -> Self {
        Self { columns: columns.into(), rows: Vec::new() }
    }

    /// Adds a row with one cell for each column.
    pub(crate) fn push(&mut self, row: impl IntoIterator<Item = Cell>) {
        let row: Vec<_> = row.into_iter().collect();
        debug_assert_eq!(row.len(), self.columns.len(), "a row has one cell for each column");
        self.rows.push(row);
    }

    /// Adds a row that has nothing but a cell in the first column.
    pub(crate) fn push_head(&mut self, head: Cell) {
        let rest = (1..self.columns.len()).map(|_| Cell::plain(""));
        self.push(std::iter::once(head).chain(rest));
    }

    /// Renders the header and the rows, each line indented by `indent` and without trailing space.
    pub(crate) fn render(&self, indent: usize, color: Color) -> String {
        let shown: Vec<(usize, usize)> = (0..self.columns.len())
            .filter_map(|column| {
                let cells = self.rows.iter().map(|row| width(&row[column].text));
                let widest = cells.max().filter(|&widest| widest > 0)?;
                let titles = self.columns[column].0.lines().map(width);
                Some((column, widest.max(titles.max().unwrap_or(0))))
            })
            .collect();
        let mut out = String::new();
        let mut line = |cells: Vec<(Style, &str)>| {
            let mut gap = indent;
            for &(column, wide) in &shown {
                let (style, text) = cells[column];
                let room = wide - width(text);
                let before = if self.columns[column].1 == Align::Right { room } else { 0 };
                if text.is_empty() {
                    gap += wide + 2;
                    continue;
                }
                out.extend(std::iter::repeat_n(' ', gap + before));
                out.push_str(&color.paint(style, text));
                gap = room - before + 2;
            }
            out.push('\n');
        };
        let titles = || self.columns.iter().map(|(title, _)| title.split_once('\n'));
        if shown.iter().any(|&(column, _)| self.columns[column].0.contains('\n')) {
            line(titles().map(|title| (HEADER, title.map_or("", |(upper, _)| upper))).collect());
        }
        let lower = titles().zip(&self.columns).map(|(title, (whole, _))| match title {
            Some((_, lower)) => (HEADER, lower),
            None => (HEADER, *whole),
        });
        line(lower.collect());
        for row in &self.rows {
            line(row.iter().map(|cell| (cell.style, cell.text.as_str())).collect());
        }
        out
    }
}
