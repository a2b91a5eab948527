//! How errors look, and how many are shown.

use natbed_scenario::load;

use crate::marked::{HOSTS, SESSIONS, assert_errors, hosts, invalid, scenario, source};

#[test]
fn all_errors_of_a_file_come_at_once_and_in_its_order() {
    assert_errors(
        "natbed: 1\nname: «Test»\nlans:\n  home: { subnet: 10.0.0.0/24, «gatway»: {} }\nhosts:\n  \
         a: { lan: «hoem» }\n  b: { lan: home, address: «10.0.1.7» }\nsessions:\n  \
         call: { between: [a, «c»], stun: [«b»], hold: «1» }\nevents: [{ at: 1s, nat_flush: «home» }]\n",
        &[
            "`Test` is not a name for a scenario",
            "unknown key of a LAN: `gatway`",
            "unknown LAN `hoem`",
            "10.0.1.7 is not in the subnet of `home`",
            "unknown host `c`",
            "`b` does not serve `stun`",
            "`1` is not a duration: expected one of the units h, min, s, ms, us, ns, like `20ms`",
            "the LAN `home` has no NAT",
        ],
    );
}

#[test]
fn an_error_is_shown_with_its_line_and_what_to_do() {
    let diagnostics = invalid(&hosts("  c: { lan: hoem }"));
    let shown = "\
error: unknown LAN `hoem`
 --> test.yaml:9:13
  |
9 |   c: { lan: hoem }
  |             ^^^^ expected one of closed, home
  |
  = help: did you mean `home`?

";
    assert_eq!(diagnostics.to_string(), shown);
    assert_eq!(diagnostics.render(false), shown);
    let colored = diagnostics.render(true);
    assert!(colored.contains("\x1b[") && colored.contains("hoem"), "{colored:?}");
}

#[test]
fn an_error_shows_the_other_place_it_is_about() {
    let diagnostics = invalid(&hosts(
        "  c: { lan: home, address: 192.168.1.7 }\n  d: { lan: home, address: 192.168.1.7 }",
    ));
    assert_eq!(
        diagnostics.to_string(),
        "\
error: 192.168.1.7 is used twice in `home`
  --> test.yaml:10:28
   |
 9 |   c: { lan: home, address: 192.168.1.7 }
   |                            ----------- first used here
10 |   d: { lan: home, address: 192.168.1.7 }
   |                            ^^^^^^^^^^^ used again

"
    );
}

#[test]
fn columns_count_characters_and_hostile_text_is_made_visible() {
    assert_errors(
        &scenario(&format!("{HOSTS}{SESSIONS}description: «[]» # ä\n")),
        &["expected a description, found a list"],
    );
    assert_errors(
        &hosts("  c: { \"«äö»\": 1, lan: home }").replace("\"«äö»\"", "«\"äö\"»"),
        &["unknown key of a host: `äö`"],
    );
    let diagnostics = invalid(&hosts("  \"x\\e[2J\\u202e\": { lan: home }"));
    assert_eq!(
        diagnostics.as_slice()[0].message,
        "`x\\u{1b}[2J\\u{202e}` is not a name for a host"
    );
    let long = "x".repeat(5_000);
    let diagnostics = invalid(&hosts(&format!("  c: {{ lan: {long} }}")));
    assert_eq!(diagnostics.as_slice()[0].message.chars().count(), 301);
}

#[test]
fn a_hundred_errors_are_printed_and_the_rest_is_counted() {
    let many = |count: usize| {
        let hosts: String = (0..count).map(|at| format!("  h{at}: {{ lan: none }}\n")).collect();
        load(source(&scenario(&format!("hosts:\n{hosts}{SESSIONS}")))).unwrap_err()
    };
    let diagnostics = many(149); // and the two hosts of the session
    assert_eq!(diagnostics.as_slice().len(), 151);
    let shown = diagnostics.to_string();
    assert_eq!(shown.matches("error: ").count(), 100);
    assert!(shown.ends_with("… and 51 more\n"));
    let diagnostics = many(5_000);
    assert_eq!(diagnostics.as_slice().len(), 1_000);
    assert!(diagnostics.to_string().ends_with("… and at least 900 more\n"));
}
