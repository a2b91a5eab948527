//! `link:` and `uplink:`, which fill up what a link inherits.

use natbed_units::{ByteCount, Rate, SimDuration};

use crate::decode::{Fields, delay, keys, queue, rate};
use crate::problem::Problems;
use crate::scenario::Link;
use crate::tree::Entry;

/// The keys of a link that the file gives.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct LinkKeys {
    delay: Option<SimDuration>,
    down: Option<Rate>,
    up: Option<Rate>,
    queue: Option<ByteCount>,
}

impl LinkKeys {
    pub(crate) fn decode(entry: &Entry, problems: &mut Problems) -> Option<Self> {
        let fields = Fields::open(&entry.value, entry.key.span, &keys::LINK, problems)?;
        Some(Self {
            delay: fields.optional("delay", problems, delay),
            down: fields.optional("down", problems, rate),
            up: fields.optional("up", problems, rate),
            queue: fields.optional("queue", problems, queue),
        })
    }

    /// Makes the link that has these keys and is like `base` otherwise.
    pub(crate) fn over(self, base: Link) -> Link {
        Link {
            down: self.down.or(base.down),
            up: self.up.or(base.up),
            delay: self.delay.unwrap_or(base.delay),
            queue: self.queue.unwrap_or(base.queue),
            mtu: base.mtu,
        }
    }
}
