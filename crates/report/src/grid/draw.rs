//! A grid on a terminal, told apart by letter and by colour.

use std::borrow::Cow;

use anstyle::{AnsiColor, Style};

use super::{Cell, Grid, MIXED, PathStats, is_alarm, letter, meaning};
use crate::Path;
use crate::table::{Align, Cell as TableCell, Table};
use crate::text::{
    ALARM, Color, HEADER, PLAIN, QUIET, WIDTH_MAX, clean, count, path_style, seeds, shorten, span,
    width,
};

const INDENT: usize = 2;
/// Between the labels of the rows and the first column.
const LABEL_GAP: usize = 2;

impl Grid<'_> {
    /// Renders the grid and below it, for each path, its runs, oracle agreement and times to connect.
    ///
    /// No line is wider than 100 columns. Labels of the form `A/B` head their
    /// column in two lines, and what shares an `A` stands together; where
    /// labels are too wide for that, columns are numbered.
    #[must_use]
    pub fn render(&self, color: Color) -> String {
        let mut out = self.title(color);
        out.push('\n');
        self.draw(&mut out, color);
        out.push('\n');
        out += &self.legend(color);
        out
    }

    fn title(&self, color: Color) -> String {
        let scenario = self.records.first().map_or("", |record| &record.scenario);
        let scenario = color.paint(HEADER, &shorten(&clean(scenario), WIDTH_MAX / 2));
        let about = format!("{}, {}", count(self.records.len() as u64, "run"), seeds(self.records));
        format!("{scenario}  {}\n", color.paint(QUIET, &about))
    }

    fn draw(&self, out: &mut String, color: Color) {
        let layout = Layout::new(self);
        for line in layout.head(self.axes) {
            push_line(out, &color.paint(HEADER, &line));
        }
        for (row, label) in layout.labels.iter().enumerate() {
            if row == 0 || layout.row_breaks[row] {
                out.push('\n');
            }
            let room = layout.label_width - width(label) + LABEL_GAP;
            let mut line = format!("{:INDENT$}{label}{:room$}", "", "");
            for column in 0..self.columns.len() {
                if column > 0 {
                    let gap = layout.gap + usize::from(layout.column_breaks[column]);
                    line.extend(std::iter::repeat_n(' ', gap));
                }
                line += &chip(self.cell(row, column), layout.chip, color);
            }
            push_line(out, &line);
        }
        if layout.needs_key {
            out.push('\n');
            for (column, label) in self.columns.iter().enumerate() {
                let label = shorten(&clean(label), WIDTH_MAX - INDENT - 4).into_owned();
                push_line(out, &format!("{:INDENT$}{:>2}  {label}", "", column + 1));
            }
        }
    }

    /// What each mark means, how often it is there, and how long connecting took.
    fn legend(&self, color: Color) -> String {
        let mut table = Table::new([
            ("", Align::Left),
            ("path", Align::Left),
            ("runs", Align::Right),
            ("oracle agrees", Align::Right),
            ("connect p50", Align::Right),
            ("p95", Align::Right),
            ("max", Align::Right),
        ]);
        for PathStats { path, runs, agreement, times } in self.paths() {
            let style = path_style(path);
            table.push([
                TableCell::new(style, &letter(path).to_string()),
                TableCell::new(style, &format!("{path}, {}", meaning(path))),
                TableCell::plain(&runs.to_string()),
                TableCell::new(
                    if agreement.is_full() { PLAIN } else { ALARM },
                    &format!("{}/{}", agreement.agree, agreement.predicted),
                ),
                TableCell::plain(&span(times.map(|times| times.p50))),
                TableCell::plain(&span(times.map(|times| times.p95))),
                TableCell::plain(&span(times.map(|times| times.max))),
            ]);
        }
        let alarms = self.records.iter().filter(|record| is_alarm(record)).count();
        let mixed = self.cells.values().filter(|cell| cell.path.is_none()).count();
        let missing = self.missing();
        for (style, mark, words, number) in [
            (QUIET, MIXED, "several paths in one cell", mixed),
            (QUIET, MISSING, "not run", missing),
            (ALARM, '!', "not as expected or predicted", alarms),
        ] {
            if number > 0 {
                table.push([
                    TableCell::new(style, &mark.to_string()),
                    TableCell::new(style, words),
                    TableCell::plain(&number.to_string()),
                    TableCell::plain(""),
                    TableCell::plain(""),
                    TableCell::plain(""),
                    TableCell::plain(""),
                ]);
            }
        }
        table.render(INDENT, color)
    }
}

const MISSING: char = '.';

/// A cell as a coloured block `wide` columns wide.
fn chip(cell: Option<&Cell>, wide: usize, color: Color) -> String {
    let (style, mark) = match cell {
        None => (QUIET, format!("{MISSING} ")),
        Some(cell) if cell.alarm => {
            (AnsiColor::BrightWhite.on(AnsiColor::Red).bold(), format!("{}!", cell.letter()))
        }
        Some(cell) => (block_style(cell.path), format!("{} ", cell.letter())),
    };
    let before = (wide - 1) / 2;
    color.paint(style, &format!("{:before$}{mark:<1$}", "", wide - before))
}

fn block_style(path: Option<Path>) -> Style {
    AnsiColor::Black.on(match path {
        Some(Path::Lan | Path::Direct) => AnsiColor::Green,
        Some(Path::Relay) => AnsiColor::Yellow,
        Some(Path::None) => AnsiColor::Red,
        None => AnsiColor::Cyan,
    })
}

fn push_line(out: &mut String, line: &str) {
    out.push_str(line.trim_end_matches(' '));
    out.push('\n');
}

/// Where everything of a grid goes.
struct Layout<'a> {
    /// The labels of the rows as printed, none wider than `label_width`.
    labels: Vec<Cow<'a, str>>,
    label_width: usize,
    /// For each column the lines that head it, all of the same number.
    headings: Vec<Vec<Cow<'a, str>>>,
    /// The width of a cell, at least three: a margin, the letter, the alarm.
    chip: usize,
    /// Spaces between two cells.
    gap: usize,
    row_breaks: Vec<bool>,
    column_breaks: Vec<bool>,
    /// Whether the columns are numbered and the rows do not tell what the numbers mean.
    needs_key: bool,
}

impl<'a> Layout<'a> {
    fn new(grid: &Grid<'a>) -> Self {
        let labels: Vec<_> = grid.rows.iter().map(|label| clean(label)).collect();
        let row_breaks = breaks(&grid.rows);
        let column_breaks = breaks(&grid.columns);
        let headings: Vec<Vec<_>> =
            grid.columns.iter().map(|label| label.split('/').map(clean).collect()).collect();
        let depth = headings.first().map_or(0, Vec::len);
        let even = headings.iter().all(|lines| lines.len() == depth);
        let chip = widest(headings.iter().flatten()).max(3);
        let label_width = widest(labels.iter().chain([&clean(grid.axes[0])]));
        let breaks = column_breaks.iter().filter(|&&is_break| is_break).count();
        let cells_width = headings.len() * (chip + 1) - 1 + breaks;
        if even && INDENT + label_width + LABEL_GAP + cells_width <= WIDTH_MAX {
            let needs_key = false;
            return Self {
                labels,
                label_width,
                headings,
                chip,
                gap: 1,
                row_breaks,
                column_breaks,
                needs_key,
            };
        }
        Self::numbered(grid, labels)
    }

    fn numbered(grid: &Grid<'a>, mut labels: Vec<Cow<'a, str>>) -> Self {
        const CHIP: usize = 3;
        let square = grid.rows == grid.columns;
        let room = WIDTH_MAX - INDENT - LABEL_GAP - CHIP * grid.columns.len();
        for (row, label) in labels.iter_mut().enumerate() {
            if square {
                *label = format!("{:>2}  {label}", row + 1).into();
            }
            *label = shorten(label, room).into_owned().into();
        }
        let axis = shorten(&clean(grid.axes[0]), room).into_owned().into();
        Self {
            label_width: widest(labels.iter().chain([&axis])),
            labels,
            headings: (1..=grid.columns.len()).map(|n| vec![format!("{n:>2}").into()]).collect(),
            chip: CHIP,
            gap: 0,
            row_breaks: vec![false; grid.rows.len()],
            column_breaks: vec![false; grid.columns.len()],
            needs_key: !square,
        }
    }

    /// The lines above the cells: the column axis, then the headings, the row axis beside the last.
    fn head(&self, [row_axis, column_axis]: [&str; 2]) -> Vec<String> {
        let before_cells = INDENT + self.label_width + LABEL_GAP;
        let column_axis = shorten(&clean(column_axis), WIDTH_MAX - before_cells).into_owned();
        let mut lines = vec![format!("{:before_cells$}{column_axis}", "")];
        let depth = self.headings.first().map_or(0, Vec::len);
        for level in 0..depth {
            let last = level + 1 == depth;
            let axis = if last { clean(row_axis) } else { Cow::Borrowed("") };
            let axis = shorten(&axis, self.label_width);
            let room = before_cells - INDENT - width(&axis);
            let mut line = format!("{:INDENT$}{axis}{:room$}", "", "");
            for (column, heading) in self.headings.iter().enumerate() {
                if column > 0 {
                    let gap = self.gap + usize::from(self.column_breaks[column]);
                    line.extend(std::iter::repeat_n(' ', gap));
                }
                let repeats =
                    !last && column > 0 && self.headings[column - 1][..=level] == heading[..=level];
                let text = if repeats { "" } else { &heading[level] };
                line.push_str(text);
                line.extend(std::iter::repeat_n(' ', self.chip - width(text)));
            }
            lines.push(line.trim_end_matches(' ').to_owned());
        }
        lines
    }
}

fn widest<'b>(texts: impl IntoIterator<Item = &'b Cow<'b, str>>) -> usize {
    texts.into_iter().map(|text| width(text)).max().unwrap_or(0)
}

/// Says before which labels a group ends: labels `A/x`, `A/y`, `B/x` form the groups A and B.
///
/// No breaks if a label has no group, or if every label would be alone in its own.
fn breaks(labels: &[&str]) -> Vec<bool> {
    let groups: Option<Vec<&str>> =
        labels.iter().map(|label| label.split_once('/').map(|(group, _)| group)).collect();
    let none = vec![false; labels.len()];
    let Some(groups) = groups else { return none };
    let breaks: Vec<bool> =
        (0..groups.len()).map(|index| index > 0 && groups[index] != groups[index - 1]).collect();
    if breaks.iter().skip(1).all(|&is_break| is_break) { none } else { breaks }
}
