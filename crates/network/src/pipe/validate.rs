//! Which pipes cannot be.

use natbed_units::{ByteCount, Ppm, Rate, SimDuration};
use thiserror::Error;

use super::config::{
    Codel, FqCodel, GilbertElliott, Line, Loss, PipeConfig, Queue, QueueLimit, RateSchedule, Red,
    Shaper,
};

/// What a full packet is where no MTU is given, in bytes: what Ethernet carries.
pub(crate) const FULL_PACKET: u64 = 1_500;

/// The most flows that FQ-CoDel tells apart.
const FLOWS_MAX: u32 = 65_536;

/// Why a pipe cannot be as it is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PipeConfigError {
    /// A rate is zero: nothing would ever leave. A link that is cut is another thing.
    #[error("a rate of zero sends nothing")]
    ZeroRate,
    /// The peak rate of a shaper is less than its rate.
    #[error("the peak rate {peak} is less than the rate {rate}")]
    PeakBelowRate {
        /// The rate of the shaper.
        rate: Rate,
        /// Its peak rate.
        peak: Rate,
    },
    /// The bucket of a shaper does not hold one full packet.
    #[error("a burst of {burst} is less than one packet of {packet}")]
    BurstBelowPacket {
        /// What the bucket holds.
        burst: ByteCount,
        /// A full packet: the MTU, or 1500 bytes.
        packet: ByteCount,
    },
    /// A queue does not hold one full packet.
    #[error("a queue of {bytes} is less than one packet of {packet}")]
    QueueBelowPacket {
        /// What the queue holds.
        bytes: ByteCount,
        /// A full packet: the MTU, or 1500 bytes.
        packet: ByteCount,
    },
    /// A queue holds no packet.
    #[error("a queue of no packets takes none")]
    QueueWithoutPackets,
    /// A queue has neither a limit in bytes nor one in packets.
    #[error("a queue needs a limit in bytes or packets")]
    QueueWithoutLimit,
    /// A schedule of rates has no steps, or not the first from zero and the others in order.
    #[error("the times of a schedule begin at zero and grow; step {step} does not")]
    ScheduleOrder {
        /// The first step that breaks the rule, from one.
        step: usize,
    },
    /// A schedule begins anew before its last step.
    #[error("a schedule that repeats after {repeat} never comes to its step at {last}")]
    ScheduleRepeat {
        /// After how long it begins anew.
        repeat: SimDuration,
        /// When the last step begins.
        last: SimDuration,
    },
    /// CoDel has a target of zero, or an interval shorter than the target.
    #[error(
        "CoDel needs a target above zero, not {target}, and an interval from there, not {interval}"
    )]
    CodelTimes {
        /// The target.
        target: SimDuration,
        /// The interval.
        interval: SimDuration,
    },
    /// FQ-CoDel has no flows, or too many.
    #[error("FQ-CoDel tells 1 to {FLOWS_MAX} flows apart, not {0}")]
    Flows(u32),
    /// The quantum of FQ-CoDel is too small: it would go round for long before a packet went.
    #[error("a quantum of {0} is less than 64B")]
    Quantum(ByteCount),
    /// The thresholds of RED are not in order.
    #[error("RED needs thresholds in order, not {min} and {max}")]
    RedThresholds {
        /// The lower one.
        min: ByteCount,
        /// The upper one.
        max: ByteCount,
    },
    /// RED would drop nothing below its upper threshold.
    #[error("RED needs a share above zero")]
    RedShare,
    /// The weight of RED is out of range.
    #[error("the weight of RED is a power of two from 1 to 24, not {0}")]
    RedWeight(u8),
    /// A pattern of losses has no entries.
    #[error("a loss pattern needs an entry")]
    EmptyPattern,
    /// A list of lost packets has a number that is zero or not above the one before it.
    #[error("the numbers of lost packets begin at one and grow; entry {entry} does not")]
    LossOrder {
        /// The first entry that breaks the rule, from one.
        entry: usize,
    },
    /// A wire that can turn bad never turns good again, or neither.
    #[error("a Gilbert-Elliott wire needs a way into the bad state and one out of it")]
    GilbertElliott,
    /// An MTU of zero takes no packet.
    #[error("an MTU of zero takes no packet")]
    ZeroMtu,
}

impl PipeConfig {
    /// Says why a pipe cannot be like this, if it cannot.
    ///
    /// # Errors
    ///
    /// The first rule that it breaks.
    pub fn validate(&self) -> Result<(), PipeConfigError> {
        if self.mtu == Some(ByteCount::ZERO) {
            return Err(PipeConfigError::ZeroMtu);
        }
        let packet = self.mtu.unwrap_or(ByteCount::new(FULL_PACKET));
        self.line.validate(packet)?;
        self.queue.validate(packet)?;
        self.loss.validate()
    }
}

impl Line {
    fn validate(&self, packet: ByteCount) -> Result<(), PipeConfigError> {
        match self {
            // A trace that was parsed has something to say.
            Self::Unlimited | Self::Trace(_) => Ok(()),
            Self::Rate(rate) => nonzero(*rate),
            Self::Shaper(Shaper { rate, burst, peak }) => {
                nonzero(*rate)?;
                if let Some(peak) = peak.filter(|peak| peak < rate) {
                    return Err(PipeConfigError::PeakBelowRate { rate: *rate, peak });
                }
                if *burst < packet {
                    return Err(PipeConfigError::BurstBelowPacket { burst: *burst, packet });
                }
                Ok(())
            }
            Self::Schedule(schedule) => schedule.validate(),
        }
    }
}

fn nonzero(rate: Rate) -> Result<(), PipeConfigError> {
    if rate.bits_per_second() == 0 { Err(PipeConfigError::ZeroRate) } else { Ok(()) }
}

impl RateSchedule {
    fn validate(&self) -> Result<(), PipeConfigError> {
        let times = self.steps.iter().map(|(from, _)| *from);
        let mut floor = None;
        for (n, from) in times.enumerate() {
            let in_order = floor.map_or(from.is_zero(), |floor| from > floor);
            if !in_order {
                return Err(PipeConfigError::ScheduleOrder { step: n + 1 });
            }
            floor = Some(from);
        }
        let Some(last) = floor else { return Err(PipeConfigError::ScheduleOrder { step: 1 }) };
        let mut rates = self.steps.iter().map(|(_, rate)| rate.bits_per_second());
        match self.repeat {
            Some(repeat) if repeat <= last => Err(PipeConfigError::ScheduleRepeat { repeat, last }),
            // What waits would wait for ever.
            Some(_) if rates.all(|rate| rate == 0) => Err(PipeConfigError::ZeroRate),
            None if rates.next_back() == Some(0) => Err(PipeConfigError::ZeroRate),
            _ => Ok(()),
        }
    }
}

impl Queue {
    fn validate(&self, packet: ByteCount) -> Result<(), PipeConfigError> {
        match self {
            Self::DropTail(limit) => limit.validate(packet),
            Self::Codel(codel) => codel.validate(packet),
            Self::FqCodel(FqCodel { codel, flows, quantum }) => {
                if *flows == 0 || *flows > FLOWS_MAX {
                    return Err(PipeConfigError::Flows(*flows));
                }
                if quantum.bytes() < 64 {
                    return Err(PipeConfigError::Quantum(*quantum));
                }
                codel.validate(packet)
            }
            Self::Red(red) => red.validate(packet),
        }
    }
}

impl QueueLimit {
    fn validate(&self, packet: ByteCount) -> Result<(), PipeConfigError> {
        match (self.bytes, self.packets) {
            (None, None) => Err(PipeConfigError::QueueWithoutLimit),
            (_, Some(0)) => Err(PipeConfigError::QueueWithoutPackets),
            (Some(bytes), _) if bytes < packet => {
                Err(PipeConfigError::QueueBelowPacket { bytes, packet })
            }
            _ => Ok(()),
        }
    }
}

impl Codel {
    fn validate(&self, packet: ByteCount) -> Result<(), PipeConfigError> {
        let &Self { target, interval, .. } = self;
        if target.is_zero() || interval < target {
            return Err(PipeConfigError::CodelTimes { target, interval });
        }
        self.limit.validate(packet)
    }
}

impl Red {
    fn validate(&self, packet: ByteCount) -> Result<(), PipeConfigError> {
        let &Self { min, max, max_share, weight, .. } = self;
        if min >= max {
            return Err(PipeConfigError::RedThresholds { min, max });
        }
        if max_share == Ppm::ZERO {
            return Err(PipeConfigError::RedShare);
        }
        if !(1..=24).contains(&weight) {
            return Err(PipeConfigError::RedWeight(weight));
        }
        self.limit.validate(packet)
    }
}

impl Loss {
    fn validate(&self) -> Result<(), PipeConfigError> {
        match self {
            Self::None | Self::Independent(_) => Ok(()),
            Self::GilbertElliott(GilbertElliott { good_to_bad, bad_to_good, .. }) => {
                if *good_to_bad == Ppm::ZERO || *bad_to_good == Ppm::ZERO {
                    return Err(PipeConfigError::GilbertElliott);
                }
                Ok(())
            }
            Self::Pattern(fates) if fates.is_empty() => Err(PipeConfigError::EmptyPattern),
            Self::Pattern(_) => Ok(()),
            Self::List(numbers) => {
                let mut floor = 0;
                for (n, &number) in numbers.iter().enumerate() {
                    if number <= floor {
                        return Err(PipeConfigError::LossOrder { entry: n + 1 });
                    }
                    floor = number;
                }
                Ok(())
            }
        }
    }
}
