//! What pipes are called.

use natbed_units::SimDuration;

use super::Pipe;
use super::config::{LinkConfig, PipeConfig};
use super::engine::Engine;
use crate::id::{LinkId, PipeId, Place};
use crate::network::Network;
use crate::observer::Observer;

impl<O: Observer> Network<O> {
    /// Returns what a pipe is called: the name of its host or gateway, and `up` or `down`.
    ///
    /// The links of a gateway into its LANs are called `inside`, as in `home inside down`; the
    /// second link of a host, or of a gateway inside, has its number: `alice#2 up`.
    #[must_use]
    pub fn pipe_name(&self, pipe: PipeId) -> String {
        let nth = self.pipes[pipe.index()].nth;
        let number = if nth == 0 { String::new() } else { format!("#{}", nth + 1) };
        let name = match self.pipes[pipe.link().down().index()].to {
            Place::RouterInside(router) => {
                format!("{} inside{number}", self.routers[router.index()].name)
            }
            Place::RouterOutside(router) => {
                format!("{}{number}", self.routers[router.index()].name)
            }
            Place::Host(host) => format!("{}{number}", self.hosts[host.index()].name),
            // Links begin at hosts and gateways.
            Place::Lan(..) | Place::Core(_) => "?".to_owned(),
        };
        format!("{name} {}", direction(pipe))
    }

    /// What the generators of a pipe are called, which no host that is added changes.
    pub(super) fn seed_name(&self, pipe: PipeId) -> String {
        let place = self.pipes[pipe.link().down().index()].to;
        let name = match place {
            Place::RouterInside(id) | Place::RouterOutside(id) => &self.routers[id.index()].name,
            Place::Host(host) => &self.hosts[host.index()].name,
            Place::Lan(..) | Place::Core(_) => "?",
        };
        seed_name(name, place, self.pipes[pipe.index()].nth, direction(pipe))
    }

    /// Makes both pipes of a link, the `nth` of its near end, whose part is called `name`.
    pub(crate) fn add_pipes(
        &mut self,
        name: &str,
        config: &LinkConfig,
        ends: (Place, Place),
        nth: u32,
    ) -> LinkId {
        let link = LinkId((self.pipes.len() / 2) as u32);
        let (near, far) = ends;
        for (id, config, to) in [(link.up(), &config.up, far), (link.down(), &config.down, near)] {
            let delay = config.delay + self.core_delay_at(to);
            let mut pipe = Pipe::plain(config, delay, to, nth);
            if !config.is_plain() {
                let name = seed_name(name, near, nth, direction(id));
                let engine = Engine::new(PipeConfig::clone(config), delay, self.seed, &name);
                pipe.engine = Some(Box::new(engine));
            }
            self.pipes.push(pipe);
        }
        link
    }

    /// What the core adds to the delay of a pipe.
    pub(super) fn core_delay(&self, pipe: PipeId) -> SimDuration {
        self.core_delay_at(self.pipes[pipe.index()].to)
    }

    fn core_delay_at(&self, to: Place) -> SimDuration {
        match (to, &self.core) {
            (Place::Core(_), Some(core)) => core.delay,
            _ => SimDuration::ZERO,
        }
    }
}

const fn direction(pipe: PipeId) -> &'static str {
    if pipe.is_up() { "up" } else { "down" }
}

fn seed_name(name: &str, near: Place, nth: u32, direction: &str) -> String {
    let kind = match near {
        Place::RouterInside(_) => "inside",
        Place::RouterOutside(_) => "gateway",
        _ => "host",
    };
    format!("pipe/{kind}/{name}/{nth}/{direction}")
}
