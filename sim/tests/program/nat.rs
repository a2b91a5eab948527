//! `natbed nat`: what is printed of boxes that have names.

use serde_json::Value;

use crate::support::{Folder, natbed};

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn every_profile_is_listed_and_shown() {
    let listed = natbed("nat list", &[]).with_code(0).stdout;
    let list = json(&natbed("nat list --format json", &[]).with_code(0).stdout);
    let names: Vec<_> = natbed_nat::profiles().iter().map(|profile| profile.name).collect();
    let lines: Vec<_> =
        listed.lines().skip(1).map(|line| line.split_whitespace().next().unwrap()).collect();
    assert_eq!(lines, names);
    let profiles = list["profiles"].as_array().unwrap();
    assert!(profiles.iter().map(|profile| profile["name"].as_str().unwrap()).eq(names.clone()));

    let all = names.join(" ");
    let shown = json(&natbed(&format!("nat show {all} --format json"), &[]).with_code(0).stdout);
    for (profile, shown) in natbed_nat::profiles().iter().zip(shown["profiles"].as_array().unwrap())
    {
        assert_eq!(shown["name"], profile.name);
        assert_eq!(shown["source"], profile.source);
        for (property, shown) in shown["properties"].as_object().unwrap() {
            let (status, _) = profile.basis(property);
            assert_eq!(shown["status"], status.to_string(), "{property} of {}", profile.name);
        }
    }
}

#[test]
fn a_profile_is_shown_with_what_it_means() {
    let shown = natbed("nat show linux-masquerade mobile-cgn-symmetric", &[]).with_code(0).stdout;
    for part in [
        "udp_stream_after          2s",
        "direct link with: eim/eif, eim/adf, eim/apdf\n",
        "relay needed with: eim/apdf, adm/eif",
        "keepalive: a packet in less than 30s (30s until answered, 2min for a stream)",
    ] {
        assert!(shown.contains(part), "no {part:?} in:\n{shown}");
    }
}

#[test]
fn a_probe_says_what_it_saw_beside_what_is_claimed() {
    let ended = natbed("nat probe linux-masquerade --format json", &[]).with_code(0);
    let properties = &json(&ended.stdout)["boxes"][0]["properties"];
    for (property, value) in [
        ("mapping", "eim"),
        ("filtering", "apdf"),
        ("ports", "overload"),
        ("hairpin", "none"),
        ("udp_timeout", "30s"),
        ("udp_stream_timeout", "2min"),
        ("udp_stream_after", "2s"),
        ("wan_input", "drop"),
    ] {
        let expected = serde_json::json!({
            "seen": value, "claim": value, "verdict": "agrees", "note": null,
        });
        assert_eq!(properties[property], expected, "{property}");
    }
    let again = natbed("nat probe linux-masquerade --format json", &[]).with_code(0);
    assert_eq!(ended.stdout, again.stdout);
    let human = natbed("nat probe vpp-nat44-ed", &[]).with_code(0).stdout;
    assert!(human.contains("\n  hairpin                 not visible   none"), "{human}");
}

const OWN: &str = "natbed: 1\nprofiles:\n  my-box:\n    profile: linux-masquerade\n    \
                   udp_timeout: 20s\n  my-wall:\n    summary: a wall\n    firewall: { inbound: drop }\n";

#[test]
fn own_profiles_stand_beside_the_others() {
    let file = Folder::new("own_profiles").write("mine.yaml", OWN);
    let with_file = |command: &str| natbed(&format!("nat {command} --profiles"), &[&file]);
    let listed = with_file("list").with_code(0).stdout;
    let last: Vec<_> = listed.lines().rev().take(2).collect();
    assert!(last[0].starts_with("my-wall ") && last[1].starts_with("my-box "), "{listed}");
    let shown = with_file("show my-box my-wall").with_code(0).stdout;
    assert!(shown.contains("udp_timeout               20s"), "{shown}");
    let probed = with_file("probe my-box my-wall --format json").with_code(0).stdout;
    let boxes = &json(&probed)["boxes"];
    assert_eq!(boxes[0]["properties"]["udp_timeout"]["seen"], "20s");
    assert_eq!(boxes[1]["properties"]["mapping"]["seen"], "none");
    with_file("show my-bx").with_code(2).refused_because(&["did you mean `my-box`?"]);
}

#[test]
fn a_wrong_file_of_profiles_is_95_and_a_missing_one_2() {
    let folder = Folder::new("wrong_profiles");
    let wrong = folder.write("wrong.yaml", &OWN.replace("udp_timeout", "udp_timeuot"));
    natbed("nat list --profiles", &[&wrong])
        .with_code(95)
        .refused_because(&["wrong.yaml", "udp_timeuot"]);
    natbed("nat list --profiles", &[&folder.file("missing.yaml")])
        .with_code(2)
        .refused_because(&["missing.yaml"]);
}

#[test]
fn a_name_that_nobody_knows_is_2_with_the_one_that_was_meant() {
    for command in ["show", "probe"] {
        natbed(&format!("nat {command} linux-maskerade"), &[])
            .with_code(2)
            .refused_because(&["no profile `linux-maskerade`", "did you mean `linux-masquerade`?"]);
        natbed(&format!("nat {command} fritzbox quux"), &[])
            .with_code(2)
            .refused_because(&["no profile `quux`", "natbed nat list"]);
        natbed(&format!("nat {command}"), &[]).with_code(2).refused_because(&["NAME"]);
    }
}
