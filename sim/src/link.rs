//! From the links of a scenario to those of the network, part by part.

use std::sync::Arc;

use natbed_network::{
    Codel, Distribution, Fate, FqCodel, GilbertElliott, Jitter, Line, LinkConfig, Loss, PipeConfig,
    Queue, QueueLimit, RateSchedule, Red, Shaper,
};
use natbed_scenario as scenario;
use natbed_units::ByteCount;

/// Both directions.
pub(crate) fn link_config(link: &scenario::Link) -> LinkConfig {
    LinkConfig { up: pipe(&link.up), down: pipe(&link.down) }
}

/// One direction.
pub(crate) fn pipe(pipe: &scenario::Pipe) -> PipeConfig {
    PipeConfig {
        line: line(&pipe.line),
        delay: pipe.delay,
        queue: queue(&pipe.queue),
        mtu: pipe.mtu.map(|bytes| ByteCount::new(bytes.into())),
        loss: loss(&pipe.loss),
        jitter: pipe.jitter.map(jitter),
        duplicate: pipe.duplicate,
        corrupt: pipe.corrupt,
    }
}

fn line(line: &scenario::Line) -> Line {
    match line {
        scenario::Line::Unlimited => Line::Unlimited,
        scenario::Line::Rate(rate) => Line::Rate(*rate),
        scenario::Line::Shaper(shaper) => {
            let scenario::Shaper { rate, burst, peak } = *shaper;
            Line::Shaper(Shaper { rate, burst, peak })
        }
        scenario::Line::Trace(trace) => Line::Trace(Arc::clone(trace)),
        scenario::Line::Schedule(schedule) => {
            let scenario::RateSchedule { steps, repeat } = &**schedule;
            Line::Schedule(Arc::new(RateSchedule { steps: steps.clone(), repeat: *repeat }))
        }
    }
}

fn queue(queue: &scenario::Queue) -> Queue {
    match *queue {
        scenario::Queue::DropTail(of) => Queue::DropTail(limit(of)),
        scenario::Queue::Codel(of) => Queue::Codel(codel(of)),
        scenario::Queue::FqCodel(scenario::FqCodel { codel: of, flows, quantum }) => {
            Queue::FqCodel(FqCodel { codel: codel(of), flows, quantum })
        }
        scenario::Queue::Red(red) => {
            let scenario::Red { min, max, max_share, weight, ecn, limit: of } = red;
            Queue::Red(Red { min, max, max_share, weight, ecn, limit: limit(of) })
        }
    }
}

const fn limit(limit: scenario::QueueLimit) -> QueueLimit {
    let scenario::QueueLimit { bytes, packets } = limit;
    QueueLimit { bytes, packets }
}

const fn codel(codel: scenario::Codel) -> Codel {
    let scenario::Codel { target, interval, ecn, limit: of } = codel;
    Codel { target, interval, ecn, limit: limit(of) }
}

fn loss(loss: &scenario::Loss) -> Loss {
    match loss {
        scenario::Loss::None => Loss::None,
        scenario::Loss::Independent(share) => Loss::Independent(*share),
        scenario::Loss::GilbertElliott(wire) => {
            let scenario::GilbertElliott { good_to_bad, bad_to_good, loss_good, loss_bad } = *wire;
            Loss::GilbertElliott(GilbertElliott { good_to_bad, bad_to_good, loss_good, loss_bad })
        }
        scenario::Loss::Pattern(fates) => {
            let fates = fates.iter().map(|fate| match fate {
                scenario::Fate::Keep => Fate::Keep,
                scenario::Fate::Drop => Fate::Drop,
            });
            Loss::Pattern(fates.collect())
        }
        scenario::Loss::Packets(numbers) => Loss::List(Arc::clone(numbers)),
    }
}

const fn jitter(jitter: scenario::Jitter) -> Jitter {
    let scenario::Jitter { spread, distribution, correlation, reorder } = jitter;
    let distribution = match distribution {
        scenario::Distribution::Uniform => Distribution::Uniform,
        scenario::Distribution::Normal => Distribution::Normal,
        scenario::Distribution::Pareto => Distribution::Pareto,
    };
    Jitter { spread, distribution, correlation, reorder }
}
