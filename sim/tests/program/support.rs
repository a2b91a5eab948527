//! The program as its user meets it: the real binary, what it prints, files for it to read.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::LazyLock;

use natbed_report::{Report, RunRecord};

/// What an invocation of the program came to.
#[derive(Clone, Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    /// Asserts the exit code; the message shows everything that was printed.
    #[track_caller]
    pub(crate) fn with_code(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:#?}");
        self
    }

    /// Asserts that nothing but standard error was written, with each of `parts` in it.
    #[track_caller]
    pub(crate) fn refused_because(self, parts: &[&str]) -> Self {
        assert_eq!(self.stdout, "");
        for part in parts {
            assert!(self.stderr.contains(part), "no {part:?} in:\n{}", self.stderr);
        }
        self
    }

    /// The report on standard output.
    #[track_caller]
    pub(crate) fn report(&self) -> Report {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:#?}"))
    }
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("natbed prints UTF-8");
        Self {
            code: output.status.code(),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }
}

/// The program, to be run where its user stands: at the top of the repository.
pub(crate) fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_natbed"));
    command.current_dir(repository());
    command
}

pub(crate) fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package is in a folder of it")
}

/// Runs the program with `arguments`, separated by spaces, and then `paths`.
pub(crate) fn natbed(arguments: &str, paths: &[&Path]) -> Ended {
    let output = program().args(arguments.split_whitespace()).args(paths).output();
    output.expect("the program was built").into()
}

/// A folder of a test's own, empty.
pub(crate) struct Folder(PathBuf);

impl Folder {
    /// Makes the folder called `name`; each test takes a name of its own.
    pub(crate) fn new(name: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("program").join(name);
        if path.exists() {
            fs::remove_dir_all(&path).unwrap();
        }
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// The path of a file in it, which may not be there.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Writes a file and returns its path.
    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.file(name);
        fs::write(&path, text).unwrap();
        path
    }

    /// Says whether the file is there.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.file(name).exists()
    }
}

/// Two hosts on one LAN: connected 52 ms after the start, the fastest session there is.
pub(crate) fn neighbours(session: &str) -> String {
    format!(
        "natbed: 1\nname: neighbours\n\
         lans: {{ home: {{ subnet: 192.168.1.0/24 }} }}\n\
         hosts: {{ alice: {{ lan: home }}, bob: {{ lan: home }} }}\n\
         sessions: {{ call: {{ between: [alice, bob], {session} }} }}\n\
         internet: none\n"
    )
}

/// The paths of all scenarios that ship but the claims and discoveries, which take longer and have
/// tests of their own, as arguments.
pub(crate) fn shipped() -> String {
    let entries = fs::read_dir(repository().join("scenarios")).unwrap();
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.retain(|name| name != "claims" && name != "discovery");
    names.sort_unstable();
    let paths: Vec<_> = names.iter().map(|name| format!("scenarios/{name}")).collect();
    paths.join(" ")
}

/// Every scenario that ships, but for the claims, run once with seed 1, in all forms of output at
/// once.
///
/// It takes a while, so the tests of this program share it.
pub(crate) static EVERYTHING: LazyLock<Everything> = LazyLock::new(|| {
    let folder = Folder::new("everything");
    let outputs = ["json", "jsonl"].map(|form| format!("{form}={}", folder.file(form).display()));
    let (paths, outputs) = (shipped(), outputs.join(" --out "));
    let arguments = format!("run {paths} --seed 1 --format json --out {outputs}");
    let ended = natbed(&arguments, &[]);
    let read = |form| fs::read_to_string(folder.file(form)).unwrap_or_default();
    Everything { json_file: read("json"), jsonl_file: read("jsonl"), ended }
});

pub(crate) struct Everything {
    pub(crate) ended: Ended,
    pub(crate) json_file: String,
    pub(crate) jsonl_file: String,
}

/// The name of a record's run, as `natbed list` prints it.
pub(crate) fn case_name(record: &RunRecord) -> String {
    let labels: Vec<_> =
        record.case.iter().map(|(axis, label)| (axis.to_owned(), label.to_owned())).collect();
    natbed::filter::case_name(&record.scenario, &labels)
}
