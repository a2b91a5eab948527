//! Links of known kinds: `preset:`.

use natbed_units::{ByteCount, Ppm, Rate, SimDuration};

use crate::scenario::{Distribution, Jitter, Line, Link, Loss, Pipe, Queue};

/// A kind of access that has figures of its own.
///
/// Rates and delays are rounded from published figures, each delay half a round trip:
///
/// - `dsl`: VDSL2 of 50/10 Mbit/s with vectoring, 4.5 ms to the first hop on average over 10 000
///   pings; `cable`: 7.5 ms to the first hop over DOCSIS; `fibre`: 1.5 ms over GPON (all three from
///   "Expect the following latencies to the first hop", gist.github.com/kralo/
///   811f6e427233bba71d0ce2487c64d905). The rates of `cable` are what the FCC calls broadband,
///   100/20 Mbit/s; those of `fibre` the fixed median of the United Arab Emirates in the first
///   quarter of 2024, where nearly all lines are fibre, 270.91/124.37 Mbit/s (Ookla).
/// - `lte`: 23.57 Mbit/s down and 42.2 ms, the best British network (OpenSignal, State of Mobile
///   Networks: UK, April 2017). `5g`: 166.13/21.08 Mbit/s, the median of the world in the third
///   quarter of 2021 (Ookla), and 16.3 ms, the best British network (Ofcom, Mobile Matters 2024).
/// - `satellite`: Starlink, 104.71 Mbit/s down in the first quarter of 2025 (Ookla), 33 ms at peak
///   hours in the United States, of which 99 % stay below 65 ms (Starlink, March 2024).
///
/// All else is chosen, not measured: the rates up of `lte` and `satellite`, all figures of `wifi`,
/// and queues, jitter and loss throughout. Losses of lines are below the 0.4 % up to which the FCC
/// counts a subscriber's as low (Measuring Broadband America, chart 8); what radio links lose they
/// send again themselves, which shows as jitter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Preset {
    Dsl,
    Cable,
    Fibre,
    Lte,
    FiveG,
    Wifi,
    Satellite,
}

/// The names of [`Preset::ALL`].
pub(crate) const NAMES: &[&str] = &["dsl", "cable", "fibre", "lte", "5g", "wifi", "satellite"];

/// The figures of one direction.
struct Figures {
    kbit: u64,
    /// In microseconds, one way.
    delay: u64,
    /// How long a full queue takes to drain, in milliseconds.
    queue: u64,
    /// The standard deviation of the delay in microseconds; zero is none.
    jitter: u64,
    loss_ppm: u32,
}

impl Preset {
    pub(crate) const ALL: &[Self] =
        &[Self::Dsl, Self::Cable, Self::Fibre, Self::Lte, Self::FiveG, Self::Wifi, Self::Satellite];

    /// Up and down.
    const fn figures(self) -> [Figures; 2] {
        const fn of(kbit: u64, delay: u64, queue: u64, jitter: u64, loss_ppm: u32) -> Figures {
            Figures { kbit, delay, queue, jitter, loss_ppm }
        }
        match self {
            Self::Dsl => [of(10_000, 2_250, 200, 500, 500), of(50_000, 2_250, 100, 500, 500)],
            Self::Cable => [of(20_000, 3_750, 200, 1_000, 500), of(100_000, 3_750, 100, 500, 500)],
            Self::Fibre => [of(125_000, 750, 50, 100, 100), of(270_000, 750, 50, 100, 100)],
            Self::Lte => [of(10_000, 21_000, 500, 8_000, 0), of(24_000, 21_000, 500, 5_000, 0)],
            Self::FiveG => [of(21_000, 8_000, 300, 4_000, 0), of(166_000, 8_000, 200, 2_000, 0)],
            Self::Wifi => {
                [of(100_000, 2_000, 50, 2_000, 1_000), of(100_000, 2_000, 50, 2_000, 1_000)]
            }
            Self::Satellite => {
                [of(15_000, 16_500, 100, 5_000, 5_000), of(105_000, 16_500, 100, 5_000, 5_000)]
            }
        }
    }

    pub(crate) fn link(self) -> Link {
        let [up, down] = self.figures();
        Link { up: up.pipe(), down: down.pipe() }
    }
}

impl Figures {
    fn pipe(&self) -> Pipe {
        // Bits per millisecond are kilobits per second.
        let queue = (self.kbit * self.queue / 8).max(15_000);
        let jitter = (self.jitter > 0).then(|| Jitter {
            spread: SimDuration::from_micros(self.jitter),
            distribution: Distribution::Pareto,
            correlation: Ppm::ZERO,
            reorder: false,
        });
        let loss = Ppm::new(self.loss_ppm).filter(|loss| *loss != Ppm::ZERO);
        Pipe {
            line: Line::Rate(Rate::from_bits_per_second(self.kbit * 1_000)),
            delay: SimDuration::from_micros(self.delay),
            queue: Queue::drop_tail(ByteCount::new(queue)),
            jitter,
            loss: loss.map_or(Loss::None, Loss::Independent),
            ..Pipe::default()
        }
    }
}
