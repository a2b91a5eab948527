//! A scenario that is wrong is refused as a whole, with the place of each error, before anything
//! runs.

use std::path::Path;

use crate::support::{Ended, Folder, natbed, neighbours};

const TOP: &str = "natbed: 1\nname: wrong\n";
const SESSIONS: &str = "sessions: { call: { between: [alice, bob] } }\n";

/// A file with `«` before what is wrong, and what has to be said of it there.
struct Wrong {
    text: String,
    said: &'static [&'static str],
}

fn wrong(text: impl Into<String>, said: &'static [&'static str]) -> Wrong {
    Wrong { text: text.into(), said }
}

/// Splits a marked text into the text and the line and column, from 1, of each mark.
fn unmark(marked: &str) -> (String, Vec<(usize, usize)>) {
    let mut places = Vec::new();
    for (line, text) in marked.lines().enumerate() {
        let before = text.split('«').scan(0, |column, part| {
            *column += part.chars().count();
            Some(*column)
        });
        let marks = text.matches('«').count();
        places.extend(before.take(marks).map(|column| (line + 1, column + 1)));
    }
    (marked.replace('«', ""), places)
}

/// Runs a file and asserts that it is refused at its marks, and that nothing was done.
fn assert_refused(name: &str, wrong: &Wrong) -> Ended {
    let folder = Folder::new(name);
    let (text, places) = unmark(&wrong.text);
    let path = folder.write("wrong.yaml", &text);
    let (captures, report) = (folder.file("captures"), folder.file("report.json"));
    let arguments = format!("run --pcap {} --out json={}", captures.display(), report.display());
    let ended = natbed(&arguments, &[&path]).with_code(95).refused_because(wrong.said);
    for (line, column) in places {
        let place = format!("{}:{line}:{column}\n", path.display());
        assert!(ended.stderr.contains(&place), "no {place:?} in:\n{}", ended.stderr);
    }
    assert!(!captures.exists() && !report.exists(), "something was run");
    let checked = natbed("check", &[&path]).with_code(95).refused_because(wrong.said);
    assert_eq!(checked.stderr, ended.stderr, "`check` says what `run` says");
    ended
}

#[test]
fn wrong_yaml() {
    let text = format!("{TOP}hosts: «{{ alice: {{ internet: 198.51.100.1 }}\n");
    assert_refused("wrong_yaml", &wrong(text, &["invalid YAML: unclosed bracket '{'"]));
}

#[test]
fn an_unknown_key_with_a_suggestion() {
    let text = format!(
        "{TOP}lans: {{ home: {{ subnet: 192.168.1.0/24, «isolated: true }} }}\n\
         hosts: {{ alice: {{ lan: home }}, bob: {{ lan: home }} }}\n{SESSIONS}"
    );
    let said = &["unknown key of a LAN: `isolated`", "did you mean `isolate`?"];
    assert_refused("unknown_key", &wrong(text, said));
}

#[test]
fn an_unknown_host_with_a_suggestion() {
    let text = format!(
        "{TOP}hosts: {{ alice: {{ internet: 198.51.100.1 }}, bob: {{ internet: 198.51.100.2 }} }}\n\
         sessions: {{ call: {{ between: [alice, «bop] }} }}\n"
    );
    assert_refused("unknown_host", &wrong(text, &["unknown host `bop`", "did you mean `bob`?"]));
}

#[test]
fn an_unknown_profile_with_a_suggestion() {
    let text = format!(
        "{TOP}lans: {{ home: {{ subnet: 192.168.1.0/24, gateway: {{ nat: «linux-masquerad }} }} }}\n\
         hosts: {{ alice: {{ lan: home }}, bob: {{ lan: home }} }}\n{SESSIONS}"
    );
    let said = &["`linux-masquerad`", "did you mean `linux-masquerade`?"];
    assert_refused("unknown_profile", &wrong(text, said));
}

#[test]
fn overlapping_addresses_in_one_lan() {
    let text = format!(
        "{TOP}lans: {{ home: {{ subnet: 192.168.1.0/24 }} }}\n\
         hosts:\n  alice: {{ lan: home, address: 192.168.1.20 }}\n  \
         bob: {{ lan: home, address: «192.168.1.20 }}\n{SESSIONS}"
    );
    assert_refused("overlapping_addresses", &wrong(text, &["192.168.1.20"]));
}

#[test]
fn a_session_of_a_host_with_itself() {
    let text = format!(
        "{TOP}hosts: {{ alice: {{ internet: 198.51.100.1 }}, bob: {{ internet: 198.51.100.2 }} }}\n\
         sessions: {{ call: {{ between: [alice, «alice] }} }}\n"
    );
    assert_refused("session_with_itself", &wrong(text, &["itself"]));
}

#[test]
fn a_matrix_that_explodes() {
    let axis = |name: &str| {
        let values: Vec<_> = (1..=30).map(|delay| format!("{delay}ms")).collect();
        format!("  {name}: [{}]\n", values.join(", "))
    };
    let text = format!(
        "{TOP}«matrix:\n{}{}{}\
         lans: {{ home: {{ subnet: 192.168.1.0/24, link: {{ delay: \"${{a}}\" }} }} }}\n\
         hosts:\n  alice: {{ lan: home, uplink: {{ delay: \"${{b}}\" }} }}\n  \
         bob: {{ lan: home, uplink: {{ delay: \"${{c}}\" }} }}\n{SESSIONS}",
        axis("a"),
        axis("b"),
        axis("c")
    );
    assert_refused(
        "exploding_matrix",
        &wrong(text, &["the matrix has more than 20000 cases", "has 27000"]),
    );
}

#[test]
fn a_matrix_that_explodes_past_all_counting() {
    let values = (0..1_000).map(|n| n.to_string()).collect::<Vec<_>>().join(", ");
    let axes: String = (0..8).map(|axis| format!("  axis-{axis}: [{values}]\n")).collect();
    let text = neighbours("stack: webrtc-ice") + "«matrix:\n" + &axes;
    assert_refused("matrix_past_counting", &wrong(text, &["cases", "20000"]));
}

#[test]
fn a_matrix_in_which_one_case_is_wrong() {
    let text = format!(
        "{TOP}matrix: {{ where: [192.168.1.7, «192.168.2.7] }}\n\
         lans: {{ home: {{ subnet: 192.168.1.0/24 }} }}\n\
         hosts: {{ alice: {{ lan: home, address: \"${{where}}\" }}, bob: {{ lan: home }} }}\n{SESSIONS}"
    );
    let said = &["192.168.2.7", "in 1 of 2 cases, first in where=192.168.2.7"];
    assert_refused("one_wrong_case", &wrong(text, said));
}

#[test]
fn all_errors_of_all_files_at_once() {
    let folder = Folder::new("all_errors");
    let first = format!(
        "{TOP}lans: {{ home: {{ subnet: 192.168.1.1/24 }} }}\n\
         hosts: {{ alice: {{ lan: hom }}, bob: {{ lan: home }} }}\n\
         sessions: {{ call: {{ between: [alice, carol], lode: {{ echo: {{}} }} }} }}\n"
    );
    folder.write("a.yaml", &first);
    folder.write("b.yaml", "natbed: 1\nname: Bad Name\n");
    folder.write("c.yaml", &neighbours("expect: { path: lan }"));
    let ended = natbed("run", &[folder.path()]).with_code(95).refused_because(&[
        "a.yaml:3:",
        "a.yaml:4:",
        "a.yaml:5:",
        "the bits after the prefix",
        "did you mean `home`?",
        "unknown key of a session: `lode`",
        "b.yaml:2:",
        "`Bad Name`",
    ]);
    assert!(ended.stderr.matches("error").count() >= 5, "{}", ended.stderr);
    assert!(!ended.stderr.contains("c.yaml"), "{}", ended.stderr);
}

#[test]
fn errors_show_the_line_and_mark_the_place() {
    let folder = Folder::new("marked_line");
    let path = folder.write("loss.yaml", &neighbours("expect: { loss: { at_most: 5 } }"));
    let ended = natbed("check", &[&path]).with_code(95);
    let line = ended.stderr.lines().position(|line| line.contains("at_most: 5")).unwrap();
    let marks = ended.stderr.lines().nth(line + 1).unwrap();
    let shown = ended.stderr.lines().nth(line).unwrap();
    assert_eq!(marks.find('^'), shown.find("5 }"), "{}", ended.stderr);
    assert!(!ended.stderr.contains('\u{1b}'), "no colour where there is no terminal");
}

#[test]
fn two_scenarios_of_one_name() {
    let folder = Folder::new("one_name");
    for name in ["first.yaml", "second.yaml"] {
        folder.write(name, &neighbours("expect: { path: lan }"));
    }
    natbed("run", &[folder.path()]).with_code(95).refused_because(&[
        "`neighbours`",
        "first.yaml",
        "second.yaml",
    ]);
}

#[test]
fn a_file_that_is_not_text() {
    let folder = Folder::new("not_text");
    let path = folder.file("binary.yaml");
    std::fs::write(&path, b"natbed: 1\nname: \xff\xfe\n").unwrap();
    natbed("run", &[&path]).with_code(95).refused_because(&["binary.yaml", "UTF-8", "offset 16"]);
}

#[test]
fn a_file_that_is_too_large() {
    let folder = Folder::new("too_large");
    let path = folder.write("large.yaml", &"# filler\n".repeat(120_000));
    natbed("run", &[&path]).with_code(95).refused_because(&["large.yaml", "1048576 bytes"]);
}

#[test]
fn a_file_that_cannot_be_read_says_why() {
    let path = Path::new("/proc/self/mem"); // opens, and then reading it is an error
    natbed("run", &[path]).with_code(95).refused_because(&["/proc/self/mem", "os error"]);
}
