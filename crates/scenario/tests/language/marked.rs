//! Loading texts in which the expected places of errors are marked.

use natbed_scenario::{Diagnostics, Document, Source, load};

pub(crate) const HOSTS: &str =
    "hosts: { a: { internet: 198.51.100.1 }, b: { internet: 198.51.100.2 } }\n";
pub(crate) const SESSIONS: &str = "sessions: { call: { between: [a, b] } }\n";

/// Puts the head of a scenario before `body`.
pub(crate) fn scenario(body: &str) -> String {
    format!("natbed: 1\nname: test\n{body}")
}

/// A scenario with these LANs.
pub(crate) fn lans(lans: &str) -> String {
    scenario(&format!("lans:\n{lans}\n{HOSTS}{SESSIONS}"))
}

/// A scenario with the LAN `home` that has this gateway.
pub(crate) fn gateway(gateway: &str) -> String {
    lans(&format!("  home: {{ subnet: 192.168.1.0/24, gateway: {gateway} }}"))
}

/// A scenario with these hosts besides `a` and `b`, and two LANs to put them in.
pub(crate) fn hosts(hosts: &str) -> String {
    scenario(&format!(
        "lans:\n  home: {{ subnet: 192.168.1.0/24, gateway: {{ nat: linux-masquerade }} }}\n  \
         closed: {{ subnet: 10.0.0.0/30 }}\nhosts:\n  a: {{ lan: home }}\n  \
         b: {{ internet: 198.51.100.2 }}\n{hosts}\n{SESSIONS}"
    ))
}

/// A scenario with this session, hosts in an isolated LAN and outside of it, and a server.
pub(crate) fn session(session: &str) -> String {
    scenario(&format!(
        "lans:\n  home: {{ subnet: 192.168.1.0/24, gateway: {{ nat: linux-masquerade }} }}\n  \
         cafe: {{ subnet: 192.168.1.0/24, isolate: true }}\nhosts:\n  a: {{ lan: home }}\n  \
         a2: {{ lan: home }}\n  b: {{ internet: 198.51.100.2 }}\n  c: {{ lan: cafe }}\n  \
         c2: {{ lan: cafe }}\n  server: {{ internet: 198.51.100.9, serve: {{ stun: {{}} }} }}\n\
         sessions:\n  call: {session}\n"
    ))
}

pub(crate) fn source(text: &str) -> Source {
    Source { name: "test.yaml".to_owned(), text: text.to_owned() }
}

pub(crate) fn valid(text: &str) -> Document {
    load(source(text)).unwrap_or_else(|diagnostics| panic!("{diagnostics}"))
}

pub(crate) fn invalid(text: &str) -> Diagnostics {
    match load(source(text)) {
        Ok(_) => panic!("this was accepted:\n{text}"),
        Err(diagnostics) => diagnostics,
    }
}

/// Loads `marked` without its marks and asserts that exactly the things between `«` and `»` are
/// wrong, each with the message at its place in `messages`.
pub(crate) fn assert_errors(marked: &str, messages: &[&str]) {
    let text = marked.replace(['«', '»'], "");
    let mut expected = Vec::new();
    let mut clean = String::new();
    let mut open = None;
    for character in marked.chars() {
        match character {
            '«' => open = Some(clean.len()),
            '»' => expected
                .push(open.take().expect("a mark is opened before it is closed")..clean.len()),
            _ => clean.push(character),
        }
    }
    let expected: Vec<_> = expected
        .into_iter()
        .zip(messages)
        .map(|(span, message)| {
            let before = &text[..span.start];
            let line = 1 + before.matches('\n').count();
            let column = 1 + before.chars().rev().take_while(|c| *c != '\n').count();
            (line, column, span, (*message).to_owned())
        })
        .collect();
    assert_eq!(expected.len(), messages.len(), "as many marks as messages");
    let diagnostics = invalid(&text);
    let found: Vec<_> = diagnostics
        .as_slice()
        .iter()
        .map(|found| (found.line, found.column, found.span.clone(), found.message.clone()))
        .collect();
    assert_eq!(found, expected, "\n{diagnostics}");
}
