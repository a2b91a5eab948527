//! A table of aligned columns for a terminal.

use anstyle::Style;

use crate::text::{Color, HEADER, PLAIN, clean, shorten, width};

/// Cells wider than this are shortened: a table is for the overview.
const CELL_WIDTH_MAX: usize = 40;

/// Rows under a header; columns in which no row has anything to say are left out.
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
    pub(crate) fn push<const N: usize>(&mut self, row: [Cell; N]) {
        debug_assert_eq!(N, self.columns.len(), "a row has one cell for each column");
        self.rows.push(row.into());
    }

    /// Renders the header and the rows, each line indented by `indent` and without trailing space.
    pub(crate) fn render(&self, indent: usize, color: Color) -> String {
        let shown: Vec<(usize, usize)> = (0..self.columns.len())
            .filter_map(|column| {
                let cells = self.rows.iter().map(|row| width(&row[column].text));
                let widest = cells.max().filter(|&widest| widest > 0)?;
                Some((column, widest.max(width(self.columns[column].0))))
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
        line(self.columns.iter().map(|&(title, _)| (HEADER, title)).collect());
        for row in &self.rows {
            line(row.iter().map(|cell| (cell.style, cell.text.as_str())).collect());
        }
        out
    }
}
