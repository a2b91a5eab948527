//! Pieces of text for a terminal: colour, escaping, width, times.

use std::borrow::Cow;
use std::collections::BTreeSet;

use anstyle::{AnsiColor, Style};
use natbed_units::SimDuration;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::{Path, RunRecord, Verdict};

/// Whether rendered text carries ANSI colour.
///
/// The caller decides, by its terminal, its user's wish and `NO_COLOR`; in
/// doubt `Never`, in which no escape byte is printed at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Color {
    /// Plain text.
    #[default]
    Never,
    /// ANSI escape sequences of the 16-colour palette.
    Always,
}

impl Color {
    /// Returns `text` in `style`, or as it is.
    pub(crate) fn paint(self, style: Style, text: &str) -> String {
        match self {
            Self::Always if !style.is_plain() && !text.is_empty() => {
                format!("{style}{text}{style:#}")
            }
            _ => text.to_owned(),
        }
    }
}

/// The columns of a terminal that text for people keeps to where it can.
pub(crate) const WIDTH_MAX: usize = 100;

pub(crate) const PLAIN: Style = Style::new();
pub(crate) const HEADER: Style = Style::new().bold();
pub(crate) const QUIET: Style = Style::new().dimmed();
pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
pub(crate) const WARN: Style = AnsiColor::Yellow.on_default();
pub(crate) const BAD: Style = AnsiColor::Red.on_default();
pub(crate) const ALARM: Style = AnsiColor::Red.on_default().bold();

pub(crate) const fn path_style(path: Path) -> Style {
    match path {
        Path::Lan | Path::Direct => GOOD,
        Path::Relay => WARN,
        Path::None => BAD,
    }
}

pub(crate) const fn verdict_style(verdict: Verdict) -> Style {
    match verdict {
        Verdict::Pass => GOOD,
        Verdict::Fail | Verdict::Error => ALARM,
    }
}

/// Escapes what a terminal would act on: control characters, line separators, and the invisible
/// characters that change direction or join (names and reasons may come from anywhere).
pub(crate) fn clean(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if is_unsafe(c) {
            escaped.extend(c.escape_default());
        } else {
            escaped.push(c);
        }
    }
    Cow::Owned(escaped)
}

const fn is_unsafe(c: char) -> bool {
    matches!(c,
        '\0'..='\x1f' | '\x7f'..='\u{9f}' // C0, DEL and C1: the escape sequences
        | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' // line ends, direction
        | '\u{2060}'..='\u{206f}' | '\u{feff}' // direction, invisible joiners
        | '\u{e0000}'..='\u{e007f}') // invisible tags
}

/// Returns the columns that cleaned text takes up in a terminal.
pub(crate) fn width(text: &str) -> usize {
    text.width()
}

/// Shortens cleaned text to `limit` columns; what was cut shows as `…`.
pub(crate) fn shorten(text: &str, limit: usize) -> Cow<'_, str> {
    if width(text) <= limit {
        return Cow::Borrowed(text);
    }
    let mut short = String::new();
    let mut used = 1;
    for c in text.chars() {
        used += c.width().unwrap_or(0);
        if used > limit {
            break;
        }
        short.push(c);
    }
    short.push('…');
    Cow::Owned(short)
}

/// Prints a duration in three significant digits: `1.29s`, `812ms`, `80.4ms`, `250ns`.
///
/// For people: rounded to the nearest, whole seconds from 1000 s on.
#[must_use]
pub fn compact_duration(span: SimDuration) -> String {
    let nanos = span.as_nanos();
    let units = [("us", 1_000_u64), ("ms", 1_000_000), ("s", 1_000_000_000)];
    if nanos < 1_000 {
        return format!("{nanos}ns");
    }
    for (unit, scale) in units {
        for (decimals, parts) in [(2, 100), (1, 10), (0, 1)] {
            let step = scale / parts;
            let rounded = nanos.saturating_add(step / 2) / step;
            if rounded < 1_000 {
                let (whole, fraction) = (rounded / parts, rounded % parts);
                return match decimals {
                    0 => format!("{whole}{unit}"),
                    _ => format!("{whole}.{fraction:0decimals$}{unit}"),
                };
            }
        }
    }
    format!("{}s", nanos.saturating_add(500_000_000) / 1_000_000_000)
}

/// Prints a number of bits per second in three significant digits: `12.3mbit`, `941kbit`.
#[must_use]
pub fn compact_rate(bits_per_second: u64) -> String {
    scaled(bits_per_second, ["bit", "kbit", "mbit", "gbit"])
}

/// Prints a number of bytes in three significant digits: `43.2MB`, `512B`.
#[must_use]
pub fn compact_bytes(bytes: u64) -> String {
    scaled(bytes, ["B", "KB", "MB", "GB"])
}

/// Prints a number in three significant digits, in the unit that leaves one to three of them before
/// the point; each unit is a thousand of the one before it.
fn scaled(number: u64, units: [&str; 4]) -> String {
    if number < 1_000 {
        return format!("{number}{}", units[0]);
    }
    let mut scale = 1_000;
    for unit in &units[1..] {
        for (decimals, parts) in [(2, 100), (1, 10), (0, 1)] {
            let step = scale / parts;
            let rounded = number.saturating_add(step / 2) / step;
            if rounded < 1_000 {
                let (whole, fraction) = (rounded / parts, rounded % parts);
                return match decimals {
                    0 => format!("{whole}{unit}"),
                    _ => format!("{whole}.{fraction:0decimals$}{unit}"),
                };
            }
        }
        scale *= 1_000;
    }
    format!("{}{}", number.saturating_add(500_000_000) / 1_000_000_000, units[3])
}

/// Prints an optional duration as [`compact_duration`], `-` if there is none.
pub(crate) fn span(span: Option<SimDuration>) -> String {
    span.map_or_else(|| "-".to_owned(), compact_duration)
}

/// Prints an optional number of nanoseconds as [`span`] does.
pub(crate) fn nanos(nanos: Option<u64>) -> String {
    span(nanos.map(SimDuration::from_nanos))
}

/// Prints parts per million as a percentage with one digit behind the point: `97.4%`.
pub(crate) fn percent(ppm: u32) -> String {
    let tenths = (ppm + 500) / 1_000;
    format!("{}.{}%", tenths / 10, tenths % 10)
}

/// The name of a session without the number of its copy: `pair` of `pair-12`.
pub(crate) fn family(session: &str) -> &str {
    match session.rsplit_once('-') {
        Some((family, number)) if number.parse::<u32>().is_ok() => family,
        _ => session,
    }
}

/// Lays out items behind a head, commas between them, in lines that fit a terminal.
///
/// Items must be clean; one that is too long for a line has one of its own.
pub(crate) fn wrapped(
    indent: usize,
    head: &str,
    items: impl IntoIterator<Item = String>,
) -> String {
    let hanging = indent + width(head) + 1;
    let mut out = format!("{:indent$}{head}", "");
    let mut used = hanging - 1;
    for (index, item) in items.into_iter().enumerate() {
        let comma = if index == 0 { "" } else { "," };
        let wide = width(&item) + 1; // with the comma that may follow
        out.push_str(comma);
        if index > 0 && used + 1 + wide > WIDTH_MAX {
            out += &format!("\n{:hanging$}{item}", "");
            used = hanging + wide;
        } else {
            out += &format!(" {item}");
            used += 1 + wide;
        }
    }
    out.push('\n');
    out
}

/// Prints a count with its noun: `1 error`, `2 errors`.
pub(crate) fn count(number: u64, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

/// Prints the seeds of some records: `seed 1`, `seeds 1..20`, `5 seeds`.
pub(crate) fn seeds(records: &[RunRecord]) -> String {
    let seeds: BTreeSet<u64> = records.iter().map(|record| record.seed).collect();
    match (seeds.first(), seeds.last()) {
        (Some(first), Some(last)) if first == last => format!("seed {first}"),
        (Some(first), Some(last)) if last - first == seeds.len() as u64 - 1 => {
            format!("seeds {first}..{last}")
        }
        _ => count(seeds.len() as u64, "seed"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_durations_in_three_digits() {
        let expected = [
            (0, "0ns"),
            (999, "999ns"),
            (1_000, "1.00us"),
            (80_400_000, "80.4ms"),
            (812_000_000, "812ms"),
            (999_499_999, "999ms"),
            (999_500_000, "1.00s"),
            (1_294_999_999, "1.29s"),
            (9_995_000_000, "10.0s"),
            (1_049_000_000, "1.05s"),
            (999_499_999_999, "999s"),
            (999_500_000_000, "1000s"),
            (u64::MAX, "18446744073s"),
        ];
        for (nanos, text) in expected {
            assert_eq!(compact_duration(SimDuration::from_nanos(nanos)), text, "{nanos} ns");
        }
    }

    #[test]
    fn prints_rates_and_sizes_in_three_digits() {
        let expected = [
            (0, "0bit"),
            (999, "999bit"),
            (18_000_000, "18.0mbit"),
            (941_234_567, "941mbit"),
            (999_999, "1.00mbit"),
            (12_345_678, "12.3mbit"),
            (1_500_000_000_000, "1500gbit"),
        ];
        for (bits, text) in expected {
            assert_eq!(compact_rate(bits), text);
        }
        assert_eq!(compact_bytes(43_210_000), "43.2MB");
        assert_eq!(compact_bytes(u64::MAX), "18446744073GB");
    }

    #[test]
    fn escapes_what_a_terminal_acts_on_and_nothing_else() {
        assert_eq!(
            clean("a\u{1b}[31m\n\r\u{9b}\u{202e}\u{2028}z"),
            r"a\u{1b}[31m\n\r\u{9b}\u{202e}\u{2028}z"
        );
        assert_eq!(clean(r#"Zoë's "東京" C:\x"#), r#"Zoë's "東京" C:\x"#);
    }

    #[test]
    fn shortens_by_columns_not_by_characters() {
        assert_eq!(shorten("abcdef", 6), "abcdef");
        assert_eq!(shorten("abcdefg", 6), "abcde…");
        assert_eq!(shorten("東京東京", 6), "東京…");
        assert_eq!(shorten("ab", 0), "…");
    }

    #[test]
    fn wraps_between_items_and_only_there() {
        let items = |wide: usize| ["a", "b", "c"].map(|item| item.repeat(wide));
        assert_eq!(wrapped(2, "head", []), "  head\n");
        assert_eq!(wrapped(2, "head", items(3)), "  head aaa, bbb, ccc\n");
        let lines = items(45);
        let expected = format!("  head {}, {},\n       {}\n", lines[0], lines[1], lines[2]);
        assert_eq!(wrapped(2, "head", lines), expected);
        let lines = items(120);
        let expected = format!("  head {},\n       {},\n       {}\n", lines[0], lines[1], lines[2]);
        assert_eq!(wrapped(2, "head", lines), expected);
    }

    #[test]
    fn paints_only_when_asked_to() {
        assert_eq!(Color::Never.paint(ALARM, "x"), "x");
        assert_eq!(Color::Always.paint(PLAIN, "x"), "x");
        assert_eq!(Color::Always.paint(GOOD, "x"), "\u{1b}[32mx\u{1b}[0m");
    }
}
