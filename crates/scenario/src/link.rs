//! `link:` and `uplink:`, which fill up what a link inherits.

use natbed_units::{ByteCount, Rate, SimDuration};

use crate::decode::{Fields, delay, keys, mtu, queue, rate};
use crate::limits::MIN_MTU;
use crate::problem::{Problem, Problems};
use crate::scenario::Link;
use crate::tree::{Entry, Located};

/// The keys of a link that the file gives.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct LinkKeys {
    delay: Option<SimDuration>,
    down: Option<Rate>,
    up: Option<Rate>,
    queue: Option<ByteCount>,
    pub(crate) mtu: Option<Located<u16>>,
}

impl LinkKeys {
    pub(crate) fn decode(entry: &Entry, problems: &mut Problems) -> Option<Self> {
        let fields = Fields::open(&entry.value, entry.key.span, &keys::LINK, problems)?;
        Some(Self {
            delay: fields.optional("delay", problems, delay),
            down: fields.optional("down", problems, rate),
            up: fields.optional("up", problems, rate),
            queue: fields.optional("queue", problems, queue),
            mtu: fields.optional("mtu", problems, mtu),
        })
    }

    /// Reports an MTU that is too small for IPv6.
    pub(crate) fn check_ipv6(self, problems: &mut Problems) {
        let [_, least] = MIN_MTU;
        if let Some(mtu) = self.mtu.filter(|mtu| mtu.value < least) {
            problems.push(
                Problem::new(
                    mtu.span,
                    format!("{}B is too little for a link with IPv6", mtu.value),
                )
                .label(format!("expected at least {least}B")),
            );
        }
    }

    /// Makes the link that has these keys and is like `base` otherwise.
    pub(crate) fn over(self, base: Link) -> Link {
        Link {
            down: self.down.or(base.down),
            up: self.up.or(base.up),
            delay: self.delay.unwrap_or(base.delay),
            queue: self.queue.unwrap_or(base.queue),
            mtu: self.mtu.map(|mtu| mtu.value).or(base.mtu),
        }
    }
}
