//! From the loads of a scenario to those that are run.

use anyhow::bail;
use natbed_load::quic::{Congestion, QuicConfig};
use natbed_load::{
    Amount, CallConfig, Direction, EchoConfig, LoadConfig, PlannedLoad, SctpConfig, TcpTransfer,
    TransferConfig,
};
use natbed_scenario as scenario;
use natbed_scenario::{CongestionControl, Load, NamedLoad, Sender, Session, Transfer};

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
        Load::Quic(quic) => LoadConfig::Quic(QuicConfig {
            transfer: transfer(&quic.transfer),
            streams: quic.streams,
            congestion: match quic.congestion {
                CongestionControl::Cubic => Congestion::Cubic,
                CongestionControl::NewReno => Congestion::NewReno,
                CongestionControl::Bbr => Congestion::Bbr,
                CongestionControl::None => bail!("QUIC does not go without congestion control"),
            },
            window: quic.window,
        }),
        Load::Sctp(sctp) => LoadConfig::Sctp(SctpConfig {
            transfer: transfer(&sctp.transfer),
            streams: sctp.streams,
            ordered: sctp.ordered,
            window: sctp.window,
        }),
        Load::Datagrams(call) => LoadConfig::Call(CallConfig {
            direction: direction(call.from),
            rate: call.rate,
            size: call.size,
            duration: call.duration,
            freeze_after: call.freeze_after,
            sample: call.sample,
        }),
        Load::Tcp(tcp) => LoadConfig::Tcp(TcpTransfer {
            transfer: transfer(&tcp.transfer),
            congestion: match tcp.congestion {
                CongestionControl::Cubic => natbed_runtime::Congestion::Cubic,
                CongestionControl::NewReno => natbed_runtime::Congestion::Reno,
                CongestionControl::None => natbed_runtime::Congestion::None,
                CongestionControl::Bbr => bail!("TCP has no BBR here"),
            },
            window: tcp.window,
        }),
    })
}

fn transfer(transfer: &Transfer) -> TransferConfig {
    TransferConfig {
        direction: direction(transfer.from),
        amount: match transfer.amount {
            scenario::Amount::Bytes(bytes) => Amount::Bytes(bytes),
            scenario::Amount::For(span) => Amount::For(span),
        },
        sample: transfer.sample,
    }
}

const fn direction(from: Sender) -> Direction {
    match from {
        Sender::First => Direction::Forward,
        Sender::Second => Direction::Backward,
        Sender::Both => Direction::Both,
    }
}
