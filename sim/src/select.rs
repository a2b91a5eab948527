//! From paths on the command line to checked scenarios.

use std::fs;
use std::path::{Path, PathBuf};

use natbed_scenario::{Document, LoadError, Source};

use crate::exit::{Abort, Exit};

/// The embedded default: what `natbed` alone runs.
pub const EMBEDDED: &str = include_str!("../../scenarios/nat-matrix.yaml");
/// Where the embedded default stands in the repository, as diagnostics name it.
pub const EMBEDDED_NAME: &str = "scenarios/nat-matrix.yaml (embedded)";
/// Where the embedded default stands in the repository, as commands name it.
pub const EMBEDDED_PATH: &str = "scenarios/nat-matrix.yaml";

/// A scenario file that was read and checked.
#[derive(Debug)]
pub struct Selected {
    /// The path as it was given or found; `None` for the embedded default.
    pub path: Option<PathBuf>,
    /// What the file says.
    pub document: Document,
}

/// Loads the embedded default.
///
/// # Errors
///
/// Never on a released program; its tests load it.
pub fn embedded() -> Result<Selected, Abort> {
    let source = Source { name: EMBEDDED_NAME.to_owned(), text: EMBEDDED.to_owned() };
    let document = natbed_scenario::load(source)
        .map_err(|diagnostics| Abort::new(Exit::InvalidScenario, diagnostics.render(false)))?;
    Ok(Selected { path: None, document })
}

/// Finds, reads and checks every scenario in `paths`; directories are searched to any depth.
///
/// All files are checked before anything is reported, so that one call shows every error.
///
/// # Errors
///
/// Exit code 2 for a path that does not exist, 4 when directories hold no scenario, 95 with the
/// rendered diagnostics of all files when any is invalid.
pub fn load_all(paths: &[PathBuf], color: bool) -> Result<Vec<Selected>, Abort> {
    let mut files = Vec::new();
    for path in paths {
        find(path, &mut files)?;
    }
    if files.is_empty() {
        let searched = paths.iter().map(|p| p.display().to_string()).collect::<Vec<_>>().join(", ");
        let message = format!("no scenario files (*.yaml, *.yml) in {searched}");
        return Err(Abort::new(Exit::NothingSelected, message));
    }
    let mut selected: Vec<Selected> = Vec::new();
    let mut problems = String::new();
    for path in files {
        match load(&path) {
            Ok(document) => selected.push(Selected { path: Some(path), document }),
            Err(Invalid::Unreadable(error)) => {
                problems.push_str(&format!("error: {:#}\n", anyhow::Error::new(error)));
            }
            Err(Invalid::Wrong(diagnostics)) => problems.push_str(&diagnostics.render(color)),
        }
    }
    if !problems.is_empty() {
        return Err(Abort::new(Exit::InvalidScenario, problems.trim_end()));
    }
    for (index, one) in selected.iter().enumerate() {
        let same = |other: &&Selected| other.document.name() == one.document.name();
        if let Some(first) = selected[..index].iter().find(same) {
            let path = |s: &Selected| s.path.as_ref().map(|p| p.display().to_string());
            let message = format!(
                "two scenarios are called `{}`: {} and {}; results could not be told apart",
                one.document.name(),
                path(first).unwrap_or_default(),
                path(one).unwrap_or_default(),
            );
            return Err(Abort::new(Exit::InvalidScenario, message));
        }
    }
    Ok(selected)
}

enum Invalid {
    Unreadable(LoadError),
    Wrong(natbed_scenario::Diagnostics),
}

fn load(path: &Path) -> Result<Document, Invalid> {
    let source = Source::read(path).map_err(Invalid::Unreadable)?;
    // The traces that it names stand beside it.
    let directory = path.parent().unwrap_or(Path::new(""));
    natbed_scenario::load_beside(source, Vec::new(), directory).map_err(Invalid::Wrong)
}

/// Adds `path` or the scenario files below it, in the order of their names.
fn find(path: &Path, files: &mut Vec<PathBuf>) -> Result<(), Abort> {
    let unreadable = |error: std::io::Error| {
        Abort::new(Exit::Usage, format!("cannot read {}: {error}", path.display()))
    };
    if !fs::metadata(path).map_err(unreadable)?.is_dir() {
        if !files.iter().any(|known| known == path) {
            files.push(path.to_owned());
        }
        return Ok(());
    }
    let mut entries = fs::read_dir(path)
        .map_err(unreadable)?
        .map(|entry| entry.map(|entry| (entry.path(), entry.file_type())))
        .collect::<Result<Vec<_>, _>>()
        .map_err(unreadable)?;
    entries.sort_by(|(a, _), (b, _)| a.cmp(b));
    for (entry, kind) in entries {
        let is_scenario =
            entry.extension().is_some_and(|extension| extension == "yaml" || extension == "yml");
        // Links to directories are not followed: they may lead in circles.
        if kind.is_ok_and(|kind| kind.is_dir()) || is_scenario {
            find(&entry, files)?;
        }
    }
    Ok(())
}
