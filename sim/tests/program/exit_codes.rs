//! Every way to end that a script can tell by the exit code.

use std::path::Path;

use crate::support::{Folder, natbed, neighbours};

const MATRIX: &str = "scenarios/hairpin.yaml";

#[test]
fn what_passes_ends_with_0() {
    let folder = Folder::new("passes");
    let path = folder.write("lan.yaml", &neighbours("expect: { path: lan }"));
    let ended = natbed("run", &[&path]).with_code(0);
    assert!(ended.stdout.contains("1 passed, 0 failed, 0 errors"), "{}", ended.stdout);
    assert_eq!(ended.stderr, "", "progress is for terminals");
    let checked = natbed("check", &[&path]).with_code(0);
    assert!(
        checked.stdout.contains("lan.yaml: neighbours (1 cases, seeds 1"),
        "{}",
        checked.stdout
    );
    assert_eq!(natbed("list", &[&path]).with_code(0).stdout, "neighbours\n");
}

#[test]
fn a_wrong_command_line_is_2() {
    for arguments in [
        "walk",
        "run",
        "check",
        "list",
        "run scenarios --seed one",
        "run scenarios --seed 9..2",
        "run scenarios --jobs 0",
        "run scenarios --format xml",
        "run scenarios --out report.json",
        "run scenarios --out xml=report.xml",
        "run scenarios --out json=",
        "run scenarios --retry 3",
    ] {
        natbed(arguments, &[]).with_code(2).refused_because(&["error:"]);
    }
}

#[test]
fn a_path_that_is_not_there_is_2_also_among_others_that_are() {
    for arguments in ["run", "check", "list", "run scenarios/same-lan.yaml"] {
        let missing = Path::new("scenarios/no-such.yaml");
        natbed(arguments, &[missing]).with_code(2).refused_because(&["scenarios/no-such.yaml"]);
    }
}

#[test]
fn the_matrix_as_markdown_needs_one_scenario_that_is_a_grid() {
    let folder = Folder::new("no_grid");
    let out = format!("run --out md={}", folder.file("matrix.md").display());
    for paths in ["scenarios/same-lan.yaml", "scenarios/turn-down.yaml", "scenarios"] {
        natbed(&format!("{out} {paths}"), &[]).with_code(2).refused_because(&["two axes"]);
        assert!(!folder.has("matrix.md"), "nothing was begun");
    }
}

#[test]
fn a_folder_without_scenarios_is_4() {
    let folder = Folder::new("no_scenarios");
    folder.write("notes.txt", "natbed: 1\n");
    std::fs::create_dir(folder.file("deeper")).unwrap();
    for arguments in ["run", "check", "list"] {
        natbed(arguments, &[folder.path()])
            .with_code(4)
            .refused_because(&["no scenario files (*.yaml, *.yml)", "no_scenarios"]);
    }
}

#[test]
fn a_filter_that_matches_nothing_is_4() {
    for filter in ["no-such-scenario", "hairpin=exter", "mapping=adm"] {
        for command in ["run", "list"] {
            natbed(&format!("{command} {MATRIX} --filter {filter}"), &[])
                .with_code(4)
                .refused_because(&["the filter matches no case"]);
        }
    }
}

#[test]
fn a_bad_filter_is_94() {
    for (filter, said) in [
        ("=external", "expected TEXT or AXIS=LABEL"),
        ("hairpin=", "expected TEXT or AXIS=LABEL"),
        ("harpin=none", "the filter names the axis `harpin`; the scenarios have: hairpin, mapping"),
    ] {
        for command in ["run", "list"] {
            natbed(&format!("{command} {MATRIX} --filter {filter}"), &[])
                .with_code(94)
                .refused_because(&[said]);
        }
    }
}

#[test]
fn an_output_that_cannot_be_written_is_96_before_anything_runs() {
    let folder = Folder::new("unwritable");
    let lan = folder.write("lan.yaml", &neighbours("expect: { path: lan }"));
    let file = folder.write("file", "");
    let nowhere = folder.file("missing/report.json");
    let inside_a_file = file.join("captures");
    let read_only = Path::new("/proc"); // a folder in which nobody can make files
    for (option, path) in [
        (format!("--out json={}", nowhere.display()), nowhere.as_path()),
        (format!("--out jsonl={}", folder.path().display()), folder.path()),
        (format!("--pcap {}", inside_a_file.display()), inside_a_file.as_path()),
        (format!("--pcap {}", file.display()), file.as_path()),
        (format!("--pcap {}", read_only.display()), read_only),
    ] {
        let path = path.to_str().unwrap();
        natbed(&format!("run {option}"), &[&lan])
            .with_code(96)
            .refused_because(&["cannot write", path]);
    }
}

#[test]
fn the_help_lists_every_exit_code() {
    let help = natbed("--help", &[]).with_code(0).stdout;
    for (exit, meaning) in natbed::exit::Exit::ALL {
        assert!(help.contains(&format!("{:>5}  {meaning}", exit.code())), "{help}");
    }
    let codes = natbed::exit::Exit::ALL.map(|(exit, _)| exit.code());
    assert_eq!(codes, [0, 1, 2, 4, 94, 95, 96, 97, 100, 101, 130]);
}

#[test]
fn a_reader_that_has_had_enough_is_no_error() {
    let command = format!("'{}' list scenarios | head -n 1", env!("CARGO_BIN_EXE_natbed"));
    let shell = ["-o", "pipefail", "-c", &command];
    let output = std::process::Command::new("bash")
        .args(shell)
        .current_dir(crate::support::repository())
        .output();
    let output = output.unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
}
