//! `natbed nat`: what the boxes that have names are like.

mod conformance;
mod list;
mod named;

use std::io::Write;

use crate::cli::NatCommand;
use crate::exit::Exit;

use self::named::Named;

/// Does what `natbed nat` was asked for.
///
/// # Errors
///
/// An [`Abort`](crate::exit::Abort) with exit code 2 for a name that nobody knows; any other error
/// is an output that could not be written.
pub fn nat(command: &NatCommand) -> anyhow::Result<Exit> {
    match command {
        NatCommand::Conformance(args) => conformance::conformance(args),
        NatCommand::List(args) => print(&list::render(&Named::shipped(), args.format)),
    }
}

fn print(text: &str) -> anyhow::Result<Exit> {
    std::io::stdout().lock().write_all(text.as_bytes())?;
    Ok(Exit::Pass)
}
