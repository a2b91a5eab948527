//! From the loads of a scenario to those that are run.

use anyhow::bail;
use natbed_load::{EchoConfig, LoadConfig, PlannedLoad};
use natbed_scenario::{Load, NamedLoad, Session};

/// Returns the loads of a session as they are run.
pub(super) fn planned(session: &Session) -> anyhow::Result<Vec<PlannedLoad>> {
    let plan = |load: &NamedLoad| {
        let config = config(&load.load)?;
        Ok(PlannedLoad { config, after: load.after })
    };
    session.loads.iter().map(plan).collect()
}

fn config(load: &Load) -> anyhow::Result<LoadConfig> {
    Ok(match load {
        Load::Echo { count, interval, size } => {
            let size = usize::try_from(size.bytes()).unwrap_or(0);
            LoadConfig::Echo(EchoConfig { count: *count, interval: *interval, size })
        }
        Load::Quic(_) | Load::Sctp(_) | Load::Tcp(_) | Load::Datagrams(_) => {
            bail!("there is no {} load yet", load.kind())
        }
    })
}
