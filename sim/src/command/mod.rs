//! The commands, one file each.

mod bench;
mod check;
mod list;
mod matrix;
mod nat;
mod progress;
mod run;

use std::io::IsTerminal;

use natbed_report::Color;

pub use bench::bench;
pub use check::check;
pub use list::list;
pub use matrix::matrix;
pub use nat::nat;
pub use run::run;

/// Formats an error for standard error; one that brings its own headings is left alone.
#[must_use]
pub fn error_text(message: &str) -> String {
    let has_heading = message.contains("error:") || message.contains("error[");
    if has_heading { message.to_owned() } else { format!("error: {message}") }
}

/// Whether standard output takes colour: a terminal, and nobody said NO_COLOR or the like.
fn stdout_color() -> Color {
    let choice = anstream::AutoStream::choice(&std::io::stdout());
    if choice == anstream::ColorChoice::Never { Color::Never } else { Color::Always }
}

fn stderr_takes_color() -> bool {
    anstream::AutoStream::choice(&std::io::stderr()) != anstream::ColorChoice::Never
}

fn stderr_is_terminal() -> bool {
    std::io::stderr().is_terminal()
}
