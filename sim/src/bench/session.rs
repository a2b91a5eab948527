//! One whole ICE session.

use std::time::Duration;

use natbed_runtime::{run_on_fresh_thread, thread_cpu_time};
use natbed_scenario::Scenario;
use natbed_units::Seed;

use crate::run::run;
use crate::select::embedded;

/// CPU time of one session of the embedded matrix, from building the network to the last task's
/// end: both NATs EIM and APDF, gathering with STUN and TURN, 20 echoes each way, closing.
pub(super) fn ice_session() -> anyhow::Result<Duration> {
    let selected = embedded()?;
    let document = &selected.document;
    let is_wanted = |labels: &[(String, String)]| labels.iter().all(|(_, l)| l == "EIM/APDF");
    let case = (0..document.case_count())
        .find(|case| is_wanted(&document.labels(*case)))
        .ok_or_else(|| anyhow::anyhow!("the embedded matrix has no EIM/APDF pair"))?;
    let scenario: Scenario = document.case(case).scenario;
    run_on_fresh_thread(Seed::new(1), || {
        let start = thread_cpu_time();
        let output = run(&scenario, Seed::new(1), None)?;
        let spent = thread_cpu_time() - start;
        let connected = output.sessions.iter().flatten().all(|s| s.connected().is_some());
        anyhow::ensure!(connected, "the session did not connect");
        anyhow::Ok(spent)
    })?
}
