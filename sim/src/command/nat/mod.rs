//! `natbed nat`: what the boxes that have names are like.

mod conformance;
mod list;
mod meaning;
mod named;
mod probe;
mod show;

use std::io::Write;

use crate::cli::{NatArgs, NatCommand};
use crate::exit::Exit;

use self::named::Named;

/// Does what `natbed nat` was asked for.
///
/// # Errors
///
/// An [`Abort`](crate::exit::Abort) with exit code 2 for a name that nobody knows or a file that is
/// not there, 4 if nothing asked for is about the boxes, 95 for an invalid file of profiles; any
/// other error is an output that could not be written.
pub fn nat(args: &NatArgs) -> anyhow::Result<Exit> {
    let own = args.profiles.as_deref().map(named::load).transpose()?.unwrap_or_default();
    let known: Vec<_> = named::shipped().chain(own.iter().map(Named::from)).collect();
    let select = |names: &[String], all| {
        if all { Ok(known.clone()) } else { named::find(&known, names) }
    };
    let (text, exit) = match &args.command {
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
