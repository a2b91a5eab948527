//! `natbed nat`: what the boxes that have names are like.

mod conformance;
mod list;
mod meaning;
mod named;
mod probe;
mod properties;
mod show;

use std::io::Write;

use crate::cli::NatCommand;
use crate::exit::Exit;

/// Does what `natbed nat` was asked for.
///
/// # Errors
///
/// An [`Abort`](crate::exit::Abort) with exit code 2 for a name that nobody knows, 4 if nothing
/// asked for is about the boxes; any other error is an output that could not be written.
pub fn nat(command: &NatCommand) -> anyhow::Result<Exit> {
    let known = named::shipped();
    let select = |names: &[String], all| {
        if all { Ok(known.clone()) } else { named::find(&known, names) }
    };
    let (text, exit) = match command {
        NatCommand::List(args) => (list::render(&known, args.format), Exit::Pass),
        NatCommand::Show(args) => {
            (show::render(&select(&args.names, false)?, args.format), Exit::Pass)
        }
        NatCommand::Probe(args) => probe::probe(&select(&args.names, args.all)?, args)?,
        NatCommand::Conformance(args) => {
            conformance::conformance(&select(&args.names, args.all)?, args)?
        }
    };
    std::io::stdout().lock().write_all(text.as_bytes())?;
    Ok(exit)
}
