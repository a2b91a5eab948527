//! The `natbed` program.

use std::process::ExitCode;

use clap::Parser;
use natbed::cli::{Cli, Command};
use natbed::command;
use natbed::exit::{Abort, Exit};

/// Stacks of async code allocate some ninety times for each datagram that they relay, and the C
/// library's allocator is slow above 1 KB, where its caches for threads end.
///
/// Nothing in a run depends on addresses. On a simulation thread the allocator too reads virtual
/// time, by which it only decides when free memory goes back to the system.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let result = match &cli.command {
        None => command::matrix(),
        Some(Command::Run(args)) => command::run(args),
        Some(Command::Check(args)) => command::check(args),
        Some(Command::List(args)) => command::list(args),
        Some(Command::Bench(args)) => command::bench(args),
        Some(Command::Nat(args)) => command::nat(args),
    };
    match result {
        Ok(exit) => exit.into(),
        Err(error) => {
            if is_broken_pipe(&error) {
                return Exit::Pass.into(); // the reader had enough, as in `natbed list … | head`
            }
            match error.downcast_ref::<Abort>() {
                Some(abort) => {
                    anstream::eprintln!("{}", command::error_text(&abort.message));
                    abort.exit.into()
                }
                None => {
                    anstream::eprintln!("error: {error:#}");
                    Exit::Internal.into()
                }
            }
        }
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<std::io::Error>())
        .any(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}
