//! `load:` and `loads:` as written: what the hosts of a session send to each other.

use natbed_units::{ByteCount, Rate, SimDuration};

use crate::decode::{
    Fields, boolean, check_name, choice, entries, keys, number, quantity, span_of_run, text, word,
};
use crate::limits::{
    MAX_DATAGRAM, MAX_DATAGRAMS, MAX_DELAY, MAX_ECHO, MAX_ECHOES, MAX_HORIZON, MAX_LOADS, MAX_RATE,
    MAX_STREAMS, MAX_TRANSFER, MAX_WINDOW, MIN_DATAGRAM, MIN_ECHO, MIN_WINDOW,
};
use crate::problem::{Problem, Problems};
use crate::scenario::{
    Amount, CongestionControl, DatagramsLoad, Load, QuicLoad, SctpLoad, Sender, TcpLoad, Transfer,
};
use crate::tree::{Entry, Located, Node, Span};

const DEFAULT_ECHO_COUNT: u32 = 5;
const DEFAULT_ECHO_INTERVAL: SimDuration = SimDuration::from_millis(20);
const DEFAULT_ECHO_SIZE: ByteCount = ByteCount::new(160);
const DEFAULT_WINDOW: ByteCount = ByteCount::new(4_000_000);
const DEFAULT_DATAGRAM: ByteCount = ByteCount::new(1_200);
/// What is seen as a freeze of video: max(3 d, d + 150 ms) at 20 frames per second, where d is the
/// time between two frames (W3C, "Identifiers for WebRTC's Statistics API", `freezeCount`).
const DEFAULT_FREEZE: SimDuration = SimDuration::from_millis(200);

/// The names of media, each with its rate and the size of its datagrams.
///
/// Audio is Opus at 64 kbit/s in frames of 20 ms (RFC 7587 sections 3.1.1 and 6.1); video has
/// libwebrtc's target for the resolution (`kSimulcastFormatsVP8` in `video/config/simulcast.cc`)
/// in datagrams of its `kVideoMtu`.
const MEDIA: [(Rate, ByteCount); 3] = [
    (Rate::from_bits_per_second(64_000), ByteCount::new(160)),
    (Rate::from_bits_per_second(2_500_000), ByteCount::new(1_200)),
    (Rate::from_bits_per_second(4_000_000), ByteCount::new(1_200)),
];
const MEDIA_NAMES: &[&str] = &["audio", "video-720p", "video-1080p"];

/// The names of the two hosts of a session, as far as they were right.
pub(crate) type Between<'t> = Option<[Located<&'t str>; 2]>;

/// A load as written.
pub(crate) struct LoadKeys<'t> {
    /// Its name; `None` for the only one of a session.
    pub(crate) name: Option<Located<&'t str>>,
    /// The key that says its kind.
    pub(crate) kind: Located<&'t str>,
    /// Where its transport is said.
    pub(crate) transport: Span,
    pub(crate) load: Load,
    pub(crate) after: Option<Located<SimDuration>>,
    pub(crate) sample: Option<Located<SimDuration>>,
}

impl LoadKeys<'_> {
    /// The load of a session that names none.
    pub(crate) const fn default_at(session: Span) -> Self {
        let load = Load::Echo {
            count: DEFAULT_ECHO_COUNT,
            interval: DEFAULT_ECHO_INTERVAL,
            size: DEFAULT_ECHO_SIZE,
        };
        let kind = Located::new("echo", session);
        Self { name: None, kind, transport: session, load, after: None, sample: None }
    }
}

/// The loads by name at `loads`.
pub(crate) fn several<'t>(
    entry: &'t Entry,
    between: Between<'t>,
    problems: &mut Problems,
) -> Vec<LoadKeys<'t>> {
    let Some(loads) = entries(&entry.value, "loads of a session", MAX_LOADS, problems) else {
        return Vec::new();
    };
    if loads.is_empty() {
        problems.push(Problem::new(entry.key.span, "`loads` needs a load").label("there is none"));
    }
    let load = |entry: &'t Entry| {
        check_name(entry.name(), "a load", problems);
        let load = one(&entry.value, between, problems)?;
        Some(LoadKeys { name: Some(entry.name()), ..load })
    };
    loads.iter().filter_map(load).collect()
}

/// A load without a name, at `load` or as one of several.
pub(crate) fn one<'t>(
    node: &'t Node,
    between: Between<'t>,
    problems: &mut Problems,
) -> Option<LoadKeys<'t>> {
    let entry = choice(node, &keys::LOAD, problems)?;
    let keys = match &*entry.key.value {
        "echo" => &keys::ECHO,
        "quic" => &keys::QUIC,
        "sctp" => &keys::SCTP,
        "datagrams" => &keys::DATAGRAMS,
        "file" => &keys::FILE,
        _ => &keys::TCP,
    };
    let fields = Fields::open(&entry.value, entry.key.span, keys, problems)?;
    let transport = match fields.entries().iter().find(|entry| &*entry.key.value == "over") {
        Some(over) => over.value.span,
        None => entry.key.span,
    };
    let mut kind = Kind { fields, between, problems };
    let after = kind.optional("after", span_of_run);
    let (load, sample) = match &*entry.key.value {
        "echo" => (kind.echo(), None),
        "quic" => kind.with_sample(Kind::quic),
        "sctp" => kind.with_sample(Kind::sctp),
        "datagrams" => kind.with_sample(Kind::datagrams),
        "file" => kind.with_sample(Kind::file),
        _ => kind.with_sample(Kind::tcp),
    };
    Some(LoadKeys { name: None, kind: entry.name(), transport, load: load?, after, sample })
}

/// The keys of one kind of load.
struct Kind<'t, 'p> {
    fields: Fields<'t>,
    between: Between<'t>,
    problems: &'p mut Problems,
}

impl<'t> Kind<'t, '_> {
    fn optional<T>(
        &mut self,
        key: &'static str,
        decode: impl FnOnce(&'t Node, &mut Problems) -> Option<T>,
    ) -> Option<T> {
        self.fields.optional(key, self.problems, decode)
    }

    /// Decodes a load that may take samples of what arrives.
    fn with_sample(
        mut self,
        load: impl FnOnce(&mut Self, Option<SimDuration>) -> Option<Load>,
    ) -> (Option<Load>, Option<Located<SimDuration>>) {
        let range = SimDuration::from_nanos(1_000)..=MAX_HORIZON;
        let sample = self.optional("sample", |node, problems| {
            quantity::within(node, "a time between samples", range, problems)
        });
        (load(&mut self, sample.map(|sample| sample.value)), sample)
    }

    fn echo(&mut self) -> Option<Load> {
        let interval = SimDuration::from_nanos(1)..=MAX_DELAY;
        Some(Load::Echo {
            count: self
                .optional("count", |node, problems| {
                    number(node, "a number of echoes", 1..=MAX_ECHOES, problems)
                })
                .unwrap_or(DEFAULT_ECHO_COUNT),
            interval: self
                .optional("interval", |node, problems| {
                    quantity::within(node, "an interval", interval, problems)
                })
                .map_or(DEFAULT_ECHO_INTERVAL, |interval| interval.value),
            size: self
                .optional("size", |node, problems| {
                    quantity::within(node, "the size of an echo", MIN_ECHO..=MAX_ECHO, problems)
                })
                .map_or(DEFAULT_ECHO_SIZE, |size| size.value),
        })
    }

    fn quic(&mut self, sample: Option<SimDuration>) -> Option<Load> {
        let transfer = self.transfer(sample);
        let (streams, window) = (self.streams(), self.window());
        let (kinds, words) = (
            &[CongestionControl::Cubic, CongestionControl::NewReno, CongestionControl::Bbr],
            &["cubic", "new-reno", "bbr"],
        );
        let congestion = self.congestion(kinds, words);
        Some(Load::Quic(QuicLoad { transfer: transfer?, streams, congestion, window }))
    }

    fn sctp(&mut self, sample: Option<SimDuration>) -> Option<Load> {
        let transfer = self.transfer(sample);
        let (streams, window) = (self.streams(), self.window());
        let ordered = self.optional("ordered", boolean).unwrap_or(true);
        Some(Load::Sctp(SctpLoad { transfer: transfer?, streams, ordered, window }))
    }

    fn tcp(&mut self, sample: Option<SimDuration>) -> Option<Load> {
        let transfer = self.transfer(sample);
        let window = self.window();
        let (kinds, words) = (
            &[CongestionControl::Cubic, CongestionControl::NewReno, CongestionControl::None],
            &["cubic", "new-reno", "none"],
        );
        let congestion = self.congestion(kinds, words);
        Some(Load::Tcp(TcpLoad { transfer: transfer?, congestion, window }))
    }

    /// A transfer over one of the transports, with that transport's defaults.
    fn file(&mut self, sample: Option<SimDuration>) -> Option<Load> {
        let size = self
            .fields
            .required("size", self.problems)
            .and_then(|entry| size_of_transfer(&entry.value, self.problems));
        let from = self.from(Sender::First);
        let over = self.optional("over", |node, problems| {
            let words = &["quic", "sctp", "tcp"];
            word(node, "transport", words, words, problems)
        });
        let transfer = Transfer { from, amount: Amount::Bytes(size?), sample };
        let (congestion, window) = (CongestionControl::Cubic, DEFAULT_WINDOW);
        Some(match over.unwrap_or("quic") {
            "quic" => Load::Quic(QuicLoad { transfer, streams: 1, congestion, window }),
            "sctp" => Load::Sctp(SctpLoad { transfer, streams: 1, ordered: true, window }),
            _ => Load::Tcp(TcpLoad { transfer, congestion, window }),
        })
    }

    fn datagrams(&mut self, sample: Option<SimDuration>) -> Option<Load> {
        let media = self.optional("preset", |node, problems| {
            word(node, "preset of media", &MEDIA, MEDIA_NAMES, problems)
        });
        if self.fields.get("preset").is_none() && self.fields.get("rate").is_none() {
            self.problems.push(
                Problem::new(self.fields.at(), "datagrams need the key `preset` or `rate`")
                    .label("how much is missing"),
            );
        }
        let rate = self.optional("rate", |node, problems| {
            let range = Rate::from_bits_per_second(1)..=MAX_RATE;
            quantity::within(node, "a rate of media", range, problems)
        });
        let rate = rate.map(|rate| rate.value).or(media.map(|(rate, _)| rate));
        let size = self.optional("size", |node, problems| {
            let range = MIN_DATAGRAM..=MAX_DATAGRAM;
            quantity::within(node, "the size of a datagram", range, problems)
        });
        let size = size.map(|size| size.value).or(media.map(|(_, size)| size));
        let size = size.unwrap_or(DEFAULT_DATAGRAM);
        let time = self.fields.required("for", self.problems);
        let time = time.and_then(|entry| Some((entry, duration(&entry.value, self.problems)?)));
        let freeze_after = self.optional("freeze_after", duration).unwrap_or(DEFAULT_FREEZE);
        let from = self.from(Sender::Both);
        let (rate, (entry, duration)) = (rate?, time?);
        let bits = u128::from(rate.bits_per_second()) * u128::from(duration.as_nanos());
        let count = bits / (u128::from(size.bytes()) * 8_000_000_000);
        if count > u128::from(MAX_DATAGRAMS) {
            let message = format!("a load has at most {MAX_DATAGRAMS} datagrams each way");
            self.problems
                .push(Problem::new(entry.value.span, message).label(format!("these are {count}")));
        }
        let load = DatagramsLoad { from, rate, size, duration, freeze_after, sample };
        Some(Load::Datagrams(load))
    }

    fn transfer(&mut self, sample: Option<SimDuration>) -> Option<Transfer> {
        let from = self.from(Sender::First);
        let amount = match (self.fields.get("size"), self.fields.get("for")) {
            (Some(size), None) => size_of_transfer(&size.value, self.problems).map(Amount::Bytes),
            (None, Some(time)) => duration(&time.value, self.problems).map(Amount::For),
            (Some(size), Some(time)) => {
                self.problems.push(
                    Problem::new(time.key.span, "a transfer has a `size` or goes on `for` a time")
                        .label("not both")
                        .related(size.key.span, "already ends with this"),
                );
                None
            }
            (None, None) => {
                self.problems.push(
                    Problem::new(self.fields.at(), "a transfer needs the key `size` or `for`")
                        .label("how much is missing"),
                );
                None
            }
        };
        Some(Transfer { from, amount: amount?, sample })
    }

    /// Who sends: `first`, `second`, `both`, or the name of one of the two hosts.
    fn from(&mut self, default: Sender) -> Sender {
        let between = self.between;
        let sender = self.optional("from", |node, problems| {
            let name = text(node, "one of first, second, both", problems)?;
            if let Ok(sender) = name.value.parse() {
                return Some(sender);
            }
            let [first, second] = between?;
            if name.value == first.value {
                return Some(Sender::First);
            }
            if name.value == second.value {
                return Some(Sender::Second);
            }
            let words = Sender::NAMES.iter().copied().chain([first.value, second.value]);
            problems.unknown(name.span, "sender", name.value, words);
            None
        });
        sender.unwrap_or(default)
    }

    fn streams(&mut self) -> u16 {
        let streams = self.optional("streams", |node, problems| {
            number(node, "a number of streams", 1..=MAX_STREAMS, problems)
        });
        streams.and_then(|streams| u16::try_from(streams).ok()).unwrap_or(1)
    }

    fn window(&mut self) -> ByteCount {
        self.optional("window", |node, problems| {
            quantity::within(node, "a window", MIN_WINDOW..=MAX_WINDOW, problems)
        })
        .map_or(DEFAULT_WINDOW, |window| window.value)
    }

    fn congestion(
        &mut self,
        kinds: &[CongestionControl],
        words: &'static [&'static str],
    ) -> CongestionControl {
        self.optional("congestion", |node, problems| {
            word(node, "congestion control", kinds, words, problems)
        })
        .unwrap_or(CongestionControl::Cubic)
    }
}

fn size_of_transfer(node: &Node, problems: &mut Problems) -> Option<ByteCount> {
    let range = ByteCount::new(1)..=MAX_TRANSFER;
    quantity::within(node, "the size of a transfer", range, problems).map(|size| size.value)
}

/// A time that something goes on, which is more than nothing.
fn duration(node: &Node, problems: &mut Problems) -> Option<SimDuration> {
    let range = SimDuration::from_nanos(1)..=MAX_HORIZON;
    quantity::within(node, "a time to go on", range, problems).map(|time| time.value)
}
