//! The table of what was measured.

use std::fmt::Write;

use crate::Case;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../reports/kernel-tcp.md");

/// What was measured of a case, in bits per second.
pub(crate) struct Row {
    pub(crate) case: Case,
    pub(crate) kernel: f64,
    pub(crate) simulated: f64,
}

impl Row {
    pub(crate) fn ratio(&self) -> f64 {
        self.simulated / self.kernel
    }

    /// The row in Markdown.
    pub(crate) fn line(&self) -> String {
        let Case { mbit, burst, limit, window, nat } = self.case;
        let nat = if nat { "masquerade" } else { "none" };
        let (kernel, simulated) = (self.kernel / 1e6, self.simulated / 1e6);
        format!(
            "| {mbit:>3} Mbit/s | {burst:>7} | {limit:>7} | {window:>8} | {nat:<10} | {kernel:>13.3} | \
             {simulated:>13.3} | {:.3} |",
            self.ratio()
        )
    }
}

/// Writes the report.
pub(crate) fn write(rows: &[Row]) {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let kernel = release.split('.').take(2).collect::<Vec<_>>().join(".");
    let mut text = format!(
        "# TCP: natbed and the Linux kernel\n\n\
         The same transfer over the same line, through Linux {kernel} in network namespaces and \
         through natbed in virtual time: three seconds' worth of bytes from a host behind a router \
         to one in front of it, CUBIC on both sides. The router's uplink is a token bucket (`tbf`) \
         with the rate, burst and limit below; `nft` masquerades where it says so. Goodput is \
         measured at the receiver, over all but the first fifth of the bytes.\n\n\
         `tbf` counts Ethernet frames of 1514 bytes, natbed IP packets of 1500: natbed's rate, \
         burst and limit are less by that. Kernel figures vary from run to run.\n\n\
         Where the receiver's window is below the limit nothing is lost, and a test holds the ratio \
         within 5 % of one. Where it is above, the queue overflows, and the ratio is for \
         information: natbed's TCP has no selective retransmission, so that many losses at once cost \
         it a retransmission timeout of a second, which three seconds do not even out.\n\n    \
         NATBED_BLESS=1 cargo test -p natbed --test kernel\n\n\
         | rate       | burst B | limit B | window B | NAT        | kernel Mbit/s | natbed Mbit/s | ratio |\n\
         |------------|---------|---------|----------|------------|---------------|---------------|-------|\n",
    );
    for row in rows {
        writeln!(text, "{}", row.line()).unwrap();
    }
    std::fs::write(FILE, text).unwrap();
}
