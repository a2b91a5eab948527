//! `loss:` and `jitter:`: what goes wrong on the wire of a pipe.

use natbed_units::{Ppm, SimDuration};

use crate::decode::{Fields, at_most, boolean, choice, digits, keys, list, parse, quantity, text};
use crate::limits::{MAX_DELAY, MAX_LOSSES};
use crate::problem::{Problem, Problems};
use crate::scenario::{Distribution, Fate, GilbertElliott, Jitter, Loss};
use crate::tree::{Located, Node, Value};

/// A share, or one of the other kinds.
pub(crate) fn loss(node: &Node, problems: &mut Problems) -> Option<Loss> {
    if !matches!(node.value, Value::Mapping(_)) {
        let share: Located<Ppm> = parse(node, "a share, like `1%`", problems)?;
        return Some(if share.value == Ppm::ZERO {
            Loss::None
        } else {
            Loss::Independent(share.value)
        });
    }
    let entry = choice(node, &keys::LOSS, problems)?;
    match &*entry.key.value {
        "gilbert_elliott" => {
            let fields =
                Fields::open(&entry.value, entry.key.span, &keys::GILBERT_ELLIOTT, problems)?;
            gilbert_elliott(&fields, problems)
        }
        "pattern" => pattern(&entry.value, problems),
        _ => packets(&entry.value, problems),
    }
}

fn gilbert_elliott(fields: &Fields<'_>, problems: &mut Problems) -> Option<Loss> {
    let mut turn = |key: &'static str| {
        let entry = fields.required(key, problems)?;
        let least = Ppm::new(1).unwrap_or(Ppm::ONE);
        quantity::within(&entry.value, "the chance of a turn", least..=Ppm::ONE, problems)
    };
    let (good_to_bad, bad_to_good) = (turn("bad"), turn("good"));
    let share = |node: &Node, problems: &mut Problems| {
        parse(node, "a share, like `1%`", problems).map(|share: Located<Ppm>| share.value)
    };
    let loss_bad = fields.optional("loss_bad", problems, share);
    let loss_good = fields.optional("loss_good", problems, share);
    Some(Loss::GilbertElliott(GilbertElliott {
        good_to_bad: good_to_bad?.value,
        bad_to_good: bad_to_good?.value,
        loss_good: loss_good.unwrap_or(Ppm::ZERO),
        loss_bad: loss_bad.unwrap_or(Ppm::ONE),
    }))
}

/// `.` for a packet that goes on, `x` for one that is lost.
fn pattern(node: &Node, problems: &mut Problems) -> Option<Loss> {
    let text = text(node, "a pattern, like `..x`", problems)?;
    let fate = |character| match character {
        '.' => Some(Fate::Keep),
        'x' => Some(Fate::Drop),
        _ => None,
    };
    let fates: Option<Vec<Fate>> = text.value.chars().map(fate).collect();
    let fates = fates.filter(|fates| (1..=MAX_LOSSES).contains(&fates.len()));
    if fates.is_none() {
        problems.push(
            Problem::new(text.span, "a pattern of losses is made of `.` and `x`")
                .label(format!("expected 1 to {MAX_LOSSES} of them")),
        );
    }
    fates.map(|fates| Loss::Pattern(fates.into()))
}

/// The numbers of lost packets, from one on.
fn packets(node: &Node, problems: &mut Problems) -> Option<Loss> {
    let items = list(node, problems)?;
    let items = at_most(items, MAX_LOSSES, "lost packets", |item| item.span, problems);
    let mut numbers = Vec::with_capacity(items.len());
    for item in items {
        let text = text(item, "the number of a packet", problems)?;
        let number = digits::<u64>(text.value).filter(|number| *number > 0);
        let before = numbers.last().copied().unwrap_or(0);
        let Some(number) = number.filter(|number| *number > before) else {
            problems.push(
                Problem::new(item.span, "the numbers of lost packets begin at 1 and grow")
                    .label(format!("expected a whole number above {before}")),
            );
            return None;
        };
        numbers.push(number);
    }
    Some(Loss::Packets(numbers.into()))
}

pub(crate) fn jitter(node: &Node, problems: &mut Problems) -> Option<Jitter> {
    let fields = Fields::open(node, node.span, &keys::JITTER, problems)?;
    let kinds = [
        ("uniform", Distribution::Uniform),
        ("normal", Distribution::Normal),
        ("pareto", Distribution::Pareto),
    ];
    let mut given = kinds.into_iter().filter_map(|(key, kind)| Some((fields.get(key)?, kind)));
    let (Some((entry, distribution)), None) = (given.next(), given.next()) else {
        if fields.has_only_known() {
            problems.push(
                Problem::new(node.span, "jitter has exactly one distribution")
                    .label("expected one of uniform, normal, pareto"),
            );
        }
        return None;
    };
    let range = SimDuration::from_nanos(1)..=MAX_DELAY;
    let spread = quantity::within(&entry.value, "the spread of a delay", range, problems);
    let correlation = fields.optional("correlation", problems, |node, problems| {
        parse(node, "a share, like `25%`", problems).map(|share: Located<Ppm>| share.value)
    });
    let reorder = fields.optional("reorder", problems, boolean).unwrap_or(false);
    let correlation = correlation.unwrap_or(Ppm::ZERO);
    Some(Jitter { spread: spread?.value, distribution, correlation, reorder })
}
