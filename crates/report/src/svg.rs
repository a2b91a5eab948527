//! Charts as SVG: goodput against a number that a scenario's matrix varies.

use std::fmt::Write as _;

use crate::text::{clean, family};
use crate::{LoadRecord, Report, RunRecord, nearest_rank};

const WIDTH: u64 = 720;
const HEIGHT: u64 = 400;
const LEFT: u64 = 70;
const RIGHT: u64 = 110;
const TOP: u64 = 56;
const BOTTOM: u64 = 60;
/// Coordinates are tenths of a pixel: whole numbers, the same everywhere.
const SCALE: u64 = 10;
/// More lines than this cannot be told apart.
const LINES_MAX: usize = 6;

/// Draws the goodput of each session against the first axis of a scenario whose labels are all
/// numbers: a line for each label of its other axes and each family of sessions (`pair` of `pair-1`,
/// `pair-2`, ...), with the median, and the range from least to
/// greatest.
///
/// `None` if no scenario of the report has such an axis with at least three labels, and a transfer
/// or call for each of its cases. The bytes depend on the report alone.
#[must_use]
pub fn chart(report: &Report) -> Option<String> {
    let mut names: Vec<&str> = report.runs.iter().map(|record| &*record.scenario).collect();
    names.dedup();
    names.into_iter().find_map(|scenario| {
        let runs = report.runs.iter().filter(|record| record.scenario == scenario);
        Some(Chart::of(scenario, &runs.collect::<Vec<_>>())?.draw())
    })
}

/// What is drawn.
struct Chart<'a> {
    scenario: &'a str,
    axis: &'a str,
    /// The numbers on the axis, ascending.
    numbers: Vec<u64>,
    lines: Vec<Line>,
}

/// One line: at each number of the axis the least, the median and the greatest goodput.
struct Line {
    label: String,
    points: Vec<Option<[u64; 3]>>,
}

impl<'a> Chart<'a> {
    fn of(scenario: &'a str, runs: &[&'a RunRecord]) -> Option<Self> {
        let first = runs.first()?;
        let number_of = |record: &RunRecord, axis: &str| {
            let mut labels = record.case.iter();
            labels.find(|(name, _)| *name == axis).and_then(|(_, label)| label.parse::<u64>().ok())
        };
        let mut axes = first.case.iter().map(|(axis, _)| axis);
        let axis = axes.find(|axis| runs.iter().all(|record| number_of(record, axis).is_some()))?;
        let mut numbers: Vec<u64> = runs.iter().filter_map(|r| number_of(r, axis)).collect();
        numbers.sort_unstable();
        numbers.dedup();
        if numbers.len() < 3 {
            return None;
        }
        let has_families =
            runs.iter().any(|record| family(&record.session) != family(&first.session));
        let line_of = |record: &RunRecord| {
            let others = record.case.iter().filter(|(name, _)| *name != axis);
            let own = Some(family(&record.session)).filter(|_| has_families);
            let words = others.map(|(_, label)| label).chain(own);
            words.collect::<Vec<_>>().join(" ")
        };
        let mut labels: Vec<String> = Vec::new();
        for record in runs {
            let label = line_of(record);
            if !labels.contains(&label) {
                labels.push(label);
            }
        }
        let line = |label: String| {
            let at = |number: &u64| {
                let here = runs.iter().filter(|record| {
                    number_of(record, axis) == Some(*number) && line_of(record) == label
                });
                let mut goodputs: Vec<u64> = here.flat_map(|record| goodputs(record)).collect();
                goodputs.sort_unstable();
                let at = |percent| nearest_rank(&goodputs, percent);
                Some([at(0)?, at(50)?, at(100)?])
            };
            Line { points: numbers.iter().map(at).collect(), label }
        };
        let lines: Vec<_> = labels.into_iter().take(LINES_MAX).map(line).collect();
        let is_empty = |line: &Line| line.points.iter().all(Option::is_none);
        if lines.iter().any(is_empty) {
            return None;
        }
        Some(Self { scenario, axis, numbers, lines })
    }

    fn draw(&self) -> String {
        let most = self.lines.iter().flat_map(|line| &line.points).flatten().map(|p| p[2]).max();
        let step = step(most.unwrap_or(1));
        let ticks = most.unwrap_or(1).div_ceil(step).max(1);
        let top = ticks * step;
        let x = |place: usize| {
            let gaps = (self.numbers.len() as u64 - 1).max(1);
            (LEFT + 20) * SCALE + place as u64 * (WIDTH - LEFT - RIGHT - 40) * SCALE / gaps
        };
        let y = |bits: u64| {
            let height = (HEIGHT - TOP - BOTTOM) * SCALE;
            let up = u128::from(bits) * u128::from(height) / u128::from(top);
            (HEIGHT - BOTTOM) * SCALE - u64::try_from(up).unwrap_or(height)
        };
        let mut out = String::from(START);
        let title = format!("{}: goodput of each session", self.scenario);
        text(&mut out, [LEFT * SCALE, 26 * SCALE], "title", "start", &title);
        let unit = "Mbit/s that arrive of each; the median, and from least to greatest";
        text(&mut out, [LEFT * SCALE, 44 * SCALE], "", "start", unit);
        for tick in 0..=ticks {
            let at = y(tick * step);
            let (left, right) = (pixels(LEFT * SCALE), pixels((WIDTH - RIGHT) * SCALE));
            let height = pixels(at);
            let _ = writeln!(
                out,
                r#"<line class="grid" x1="{left}" y1="{height}" x2="{right}" y2="{height}"/>"#
            );
            let label = megabits(tick * step);
            text(&mut out, [(LEFT - 8) * SCALE, at + 4 * SCALE], "", "end", &label);
        }
        for (place, number) in self.numbers.iter().enumerate() {
            let at = [x(place), (HEIGHT - BOTTOM + 20) * SCALE];
            text(&mut out, at, "", "middle", &number.to_string());
        }
        let middle = (LEFT + WIDTH - RIGHT) * SCALE / 2;
        text(&mut out, [middle, (HEIGHT - 18) * SCALE], "", "middle", self.axis);
        let mut names: Vec<(u64, usize)> = Vec::new();
        for (number, line) in self.lines.iter().enumerate() {
            let points = line.points.iter().enumerate();
            let points: Vec<_> = points.filter_map(|(place, p)| Some((x(place), (*p)?))).collect();
            let path: Vec<_> = points
                .iter()
                .map(|(x, [_, median, _])| format!("{},{}", pixels(*x), pixels(y(*median))))
                .collect();
            let _ =
                writeln!(out, r#"<polyline class="line c{number}" points="{}"/>"#, path.join(" "));
            for (x, [least, median, most]) in &points {
                let (x, median) = (pixels(*x), pixels(y(*median)));
                let (low, high) = (pixels(y(*least)), pixels(y(*most)));
                if low != high {
                    let _ = writeln!(
                        out,
                        r#"<line class="range c{number}" x1="{x}" y1="{low}" x2="{x}" y2="{high}"/>"#
                    );
                }
                let _ = writeln!(
                    out,
                    r#"<circle class="dot c{number}" cx="{x}" cy="{median}" r="3.5"/>"#
                );
            }
            names.extend(points.last().map(|(_, [_, median, _])| (y(*median), number)));
        }
        // Names stand at the ends of their lines, and not on each other.
        names.sort_unstable();
        let mut free = 0;
        for (height, number) in names {
            let height = height.max(free);
            free = height + 16 * SCALE;
            let at = [(WIDTH - RIGHT + 4) * SCALE, height + 4 * SCALE];
            text(&mut out, at, &format!("name t{number}"), "start", &self.lines[number].label);
        }
        out += "</svg>\n";
        out
    }
}

/// The goodput of everything that a session sends.
fn goodputs(record: &RunRecord) -> Vec<u64> {
    let loads: Vec<&LoadRecord> = match record.loads.is_empty() {
        true => record.load.iter().collect(),
        false => record.loads.values().collect(),
    };
    let of = |load: &LoadRecord| {
        let transfers = load.transfer().into_iter().flat_map(|record| &record.directions);
        let transfers = transfers.map(|direction| direction.goodput_bps);
        let calls = load.call().into_iter().flat_map(|record| &record.directions);
        let calls = calls.map(|direction| direction.goodput_bps);
        transfers.chain(calls).map(Option::unwrap_or_default).collect::<Vec<_>>()
    };
    loads.into_iter().flat_map(of).collect()
}

/// The distance of two ticks: 1, 2 or 5 times a power of ten, so that there are at most six.
fn step(most: u64) -> u64 {
    let mut power = 1_u64;
    loop {
        for factor in [1, 2, 5] {
            let step = power.saturating_mul(factor);
            if most.div_ceil(step) <= 6 {
                return step;
            }
        }
        power = power.saturating_mul(10);
    }
}

fn megabits(bits: u64) -> String {
    let (whole, rest) = (bits / 1_000_000, bits % 1_000_000);
    let text = format!("{whole}.{rest:06}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Tenths of a pixel as pixels.
fn pixels(tenths: u64) -> String {
    format!("{}.{}", tenths / SCALE, tenths % SCALE)
}

fn text(out: &mut String, [x, y]: [u64; 2], class: &str, anchor: &str, text: &str) {
    let (x, y) = (pixels(x), pixels(y));
    let class = if class.is_empty() { String::new() } else { format!(r#" class="{class}""#) };
    let text = escape(text);
    let _ = writeln!(out, r#"<text{class} x="{x}" y="{y}" text-anchor="{anchor}">{text}</text>"#);
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in clean(text).chars() {
        match c {
            '&' => escaped += "&amp;",
            '<' => escaped += "&lt;",
            '>' => escaped += "&gt;",
            '"' => escaped += "&quot;",
            c => escaped.push(c),
        }
    }
    escaped
}

/// Colours that can be told apart, also by those who see red and green alike (Okabe and Ito, 2008),
/// with text and grid as light or dark as the page is not.
const START: &str = r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 720 400" font-family="sans-serif" font-size="13" role="img">
<style>
text { fill: #24292f }
.title { font-size: 15px; font-weight: bold }
.name { font-weight: bold }
.grid { stroke: #d0d7de; stroke-width: 1 }
.line { fill: none; stroke-width: 2 }
.range { stroke-width: 1.5; opacity: 0.6 }
.dot { stroke: none }
.c0 { stroke: #d55e00 } .dot.c0 { fill: #d55e00 } .t0 { fill: #b34f00 }
.c1 { stroke: #0072b2 } .dot.c1 { fill: #0072b2 } .t1 { fill: #005f95 }
.c2 { stroke: #009e73 } .dot.c2 { fill: #009e73 } .t2 { fill: #007a59 }
.c3 { stroke: #cc79a7 } .dot.c3 { fill: #cc79a7 } .t3 { fill: #a8527f }
.c4 { stroke: #e69f00 } .dot.c4 { fill: #e69f00 } .t4 { fill: #966800 }
.c5 { stroke: #56b4e9 } .dot.c5 { fill: #56b4e9 } .t5 { fill: #22739f }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3 }
.grid { stroke: #444c56 }
.t0 { fill: #ff8c42 } .t1 { fill: #5db7f0 } .t2 { fill: #2fd0a2 }
.t3 { fill: #e5a3c8 } .t4 { fill: #f0b840 } .t5 { fill: #8fd0f5 }
.c1 { stroke: #3d9bd6 } .dot.c1 { fill: #3d9bd6 }
}
</style>
"#;
