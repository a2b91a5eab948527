//! Texts, names, words, numbers and booleans.

use std::fmt::Display;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::str::FromStr;

use ipnet::{IpNet, Ipv6Net};

use super::Fields;
use crate::limits::MAX_NAME_CHARS;
use crate::problem::{Problem, Problems};
use crate::tree::{Located, Node, Value};

/// A text; `what` says which, with its article.
pub(crate) fn text<'t>(
    node: &'t Node,
    what: &str,
    problems: &mut Problems,
) -> Option<Located<&'t str>> {
    match &node.value {
        Value::Scalar { text, .. } if !node.is_null() => Some(Located::new(text, node.span)),
        _ => {
            problems.expected(node, what);
            None
        }
    }
}

/// Reports a name for `what`, with its article, that is not one.
pub(crate) fn check_name(name: Located<&str>, what: &str, problems: &mut Problems) {
    let text = name.value;
    let fits = text.len() <= MAX_NAME_CHARS
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'));
    if !fits {
        problems.push(
            Problem::new(name.span, format!("`{text}` is not a name for {what}"))
                .label("not a name")
                .help(format!(
                    "a name has letters, digits, `-`, `_` and `.`, starts with a letter or digit \
                     and has at most {MAX_NAME_CHARS} characters"
                )),
        );
    }
}

/// A value in its textual form; the error's own words are the message.
pub(crate) fn parse<T: FromStr<Err: Display>>(
    node: &Node,
    what: &str,
    problems: &mut Problems,
) -> Option<Located<T>> {
    let text = text(node, what, problems)?;
    match text.value.parse() {
        Ok(value) => Some(Located::new(value, node.span)),
        Err(error) => {
            problems
                .push(Problem::new(node.span, error.to_string()).label(format!("expected {what}")));
            None
        }
    }
}

/// One of `words`, which stand for the `values` at the same places.
pub(crate) fn word<T: Copy>(
    node: &Node,
    what: &str,
    values: &[T],
    words: &'static [&'static str],
    problems: &mut Problems,
) -> Option<T> {
    let text = text(node, &format!("one of {}", words.join(", ")), problems)?;
    let found = words.iter().position(|word| *word == text.value);
    if found.is_none() {
        problems.unknown(text.span, what, text.value, words.iter().copied());
    }
    values.get(found?).copied()
}

/// `true` or `false`, without quotes.
pub(crate) fn boolean(node: &Node, problems: &mut Problems) -> Option<bool> {
    match &node.value {
        Value::Scalar { text, plain: true } if &**text == "true" => Some(true),
        Value::Scalar { text, plain: true } if &**text == "false" => Some(false),
        _ => {
            problems.expected(node, "`true` or `false`");
            None
        }
    }
}

/// Parses a number of nothing but digits; the standard parser would take a plus sign.
pub(crate) fn digits<T: FromStr>(text: &str) -> Option<T> {
    Some(text).filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))?.parse().ok()
}

/// An IP address without a port or a prefix length.
pub(crate) fn address(node: &Node, problems: &mut Problems) -> Option<Located<IpAddr>> {
    let text = text(node, "an IP address", problems)?;
    let address = text.value.parse().ok();
    if address.is_none() {
        problems.push(
            Problem::new(text.span, format!("`{}` is not an IP address", text.value))
                .label("expected an address like `192.168.1.77` or `fd00::10`"),
        );
    }
    Some(Located::new(address?, text.span))
}

/// A range of addresses, written as its first one and the prefix length.
pub(crate) fn network(node: &Node, problems: &mut Problems) -> Option<Located<IpNet>> {
    let text = text(node, "a subnet, like `192.168.1.0/24`", problems)?;
    let Ok(network) = text.value.parse::<IpNet>() else {
        problems.push(
            Problem::new(text.span, format!("`{}` is not a subnet", text.value))
                .label("expected an address and a prefix length, like `192.168.1.0/24`"),
        );
        return None;
    };
    if network.trunc() != network {
        problems.push(
            Problem::new(text.span, format!("`{network}` is not the start of a subnet"))
                .label("the bits after the prefix must be zero")
                .help(format!("did you mean `{}`?", network.trunc())),
        );
        return None;
    }
    Some(Located::new(network, text.span))
}

/// A whole number within `range`.
pub(crate) fn number(
    node: &Node,
    what: &str,
    range: RangeInclusive<u32>,
    problems: &mut Problems,
) -> Option<u32> {
    let text = text(node, what, problems)?;
    let number = digits(text.value).filter(|number| range.contains(number));
    if number.is_none() {
        let (least, most) = range.into_inner();
        problems.push(
            Problem::new(text.span, format!("`{}` is not {what}", text.value))
                .label(format!("expected a whole number from {least} to {most}")),
        );
    }
    number
}

/// An IPv6 range of addresses, as [`network`].
pub(crate) fn ipv6_network(node: &Node, problems: &mut Problems) -> Option<Located<Ipv6Net>> {
    let network = network(node, problems)?;
    match network.value {
        IpNet::V6(v6) => Some(Located::new(v6, network.span)),
        IpNet::V4(v4) => {
            problems.push(
                Problem::new(network.span, format!("`{v4}` is not an IPv6 subnet"))
                    .label("expected one like `2001:db8:1::/64`"),
            );
            None
        }
    }
}

/// What `decode` takes, or `none` for that it is not there.
pub(crate) fn none_or<'t, T>(
    decode: impl FnOnce(&'t Node, &mut Problems) -> Option<T>,
) -> impl FnOnce(&'t Node, &mut Problems) -> Option<Option<T>> {
    |node, problems| {
        if node.is_text("none") {
            return Some(None);
        }
        decode(node, problems).map(Some)
    }
}

/// The value of a property that is one of a few words.
pub(crate) fn property<T: Copy>(
    fields: &Fields<'_>,
    key: &'static str,
    values: &[T],
    words: &'static [&'static str],
    problems: &mut Problems,
) -> Option<T> {
    fields.optional(key, problems, |node, problems| {
        word(node, &format!("value of `{key}`:"), values, words, problems)
    })
}
