//! `link:` and `uplink:`, which fill up what a link inherits.

use crate::catalogue::Catalogue;
use crate::decode::{Fields, keys, word};
use crate::limits::{FULL_PACKET, MIN_MTU};
use crate::pipe_keys::PipeKeys;
use crate::preset::{self, Preset};
use crate::problem::{Problem, Problems};
use crate::scenario::{Line, Link, Pipe};
use crate::tree::{Entry, Value};

/// The keys of a link that the file gives.
#[derive(Clone, Debug, Default)]
pub(crate) struct LinkKeys {
    /// What takes the place of all that is inherited.
    preset: Option<Preset>,
    both: PipeKeys,
    up: PipeKeys,
    down: PipeKeys,
}

impl LinkKeys {
    pub(crate) fn decode(
        entry: &Entry,
        catalogue: &Catalogue<'_>,
        problems: &mut Problems,
    ) -> Option<Self> {
        let fields = Fields::open(&entry.value, entry.key.span, &keys::LINK, problems)?;
        Some(Self::of(&fields, catalogue, problems))
    }

    /// Decodes the keys of a link among others.
    pub(crate) fn of(
        fields: &Fields<'_>,
        catalogue: &Catalogue<'_>,
        problems: &mut Problems,
    ) -> Self {
        Self {
            preset: fields.optional("preset", problems, |node, problems| {
                word(node, "preset of a link", Preset::ALL, preset::NAMES, problems)
            }),
            both: PipeKeys::common(fields, problems),
            up: direction(fields, "up", catalogue, problems),
            down: direction(fields, "down", catalogue, problems),
        }
    }

    fn parts(&self) -> [&PipeKeys; 3] {
        [&self.both, &self.up, &self.down]
    }

    /// Reports an MTU that is too small for IPv6.
    pub(crate) fn check_ipv6(&self, problems: &mut Problems) {
        let [_, least] = MIN_MTU;
        for mtu in self.parts().into_iter().filter_map(|part| part.mtu) {
            if mtu.value < least {
                problems.push(
                    Problem::new(
                        mtu.span,
                        format!("{}B is too little for a link with IPv6", mtu.value),
                    )
                    .label(format!("expected at least {least}B")),
                );
            }
        }
    }

    /// Makes the link that has these keys and is like `base` otherwise.
    pub(crate) fn over(&self, base: &Link) -> Link {
        let preset = self.preset.map(Preset::link);
        let base = preset.as_ref().unwrap_or(base);
        Link {
            up: self.up.over(self.both.over(base.up.clone())),
            down: self.down.over(self.both.over(base.down.clone())),
        }
    }

    /// Makes the link as [`over`](Self::over) does, and reports what does not hold one full packet.
    pub(crate) fn checked_over(&self, base: &Link, problems: &mut Problems) -> Link {
        let link = self.over(base);
        self.check_packet(&self.up, &link.up, problems);
        self.check_packet(&self.down, &link.down, problems);
        link
    }

    fn check_packet(&self, keys: &PipeKeys, pipe: &Pipe, problems: &mut Problems) {
        let packet = pipe.mtu.map_or(FULL_PACKET, u64::from);
        let mtu = keys.mtu.or(self.both.mtu).map(|mtu| mtu.span);
        let mut check = |what: &str, bytes: u64, own: Option<_>| {
            // What is inherited was looked at where it stands.
            let Some(span) = own.or(mtu).filter(|_| bytes < packet) else { return };
            problems.push(
                Problem::new(span, format!("a {what} of {bytes}B does not hold a packet"))
                    .label(format!("a packet may have {packet}B")),
            );
        };
        if let Some(bytes) = pipe.queue.limit().bytes {
            let own = keys.queue.or(self.both.queue).map(|queue| queue.span);
            check("queue", bytes.bytes(), own);
        }
        if let Line::Shaper(shaper) = &pipe.line {
            check("burst", shaper.burst.bytes(), keys.burst);
        }
    }
}

/// A rate, or the keys of one direction.
fn direction(
    fields: &Fields<'_>,
    key: &'static str,
    catalogue: &Catalogue<'_>,
    problems: &mut Problems,
) -> PipeKeys {
    match fields.get(key) {
        None => PipeKeys::default(),
        Some(entry) => match entry.value.value {
            Value::Mapping(_) => PipeKeys::decode(entry, catalogue, problems).unwrap_or_default(),
            _ => PipeKeys::of_rate(&entry.value, problems),
        },
    }
}
