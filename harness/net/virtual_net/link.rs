//! What a link does to the packets that cross it.

use std::fmt;
use std::str::FromStr;

use fastrand::Rng;
use sipfarm_core::{Instant, Span};

/// The line between one host and the tap. Both directions are alike and independent.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Link {
    /// What every packet takes.
    pub delay: Span,
    /// What a packet takes at most on top of that, evenly distributed. Jitter alone does not
    /// change the order of packets.
    pub jitter: Span,
    /// The part of packets that is lost, from 0 to 1.
    pub loss: f64,
    /// The part of packets that arrives twice, from 0 to 1.
    pub duplicate: f64,
    /// The part of packets that is held back for [`Link::HOLD`], so that others overtake it,
    /// from 0 to 1.
    pub reorder: f64,
}

impl Link {
    /// How long a reordered packet is held back.
    pub const HOLD: Span = Span::from_millis(20);
    /// The longest delay and the longest jitter that may be asked for: more is no link any more.
    const LONGEST: Span = Span::from_secs(10);

    /// The longest that a packet can take which is not lost.
    pub fn longest(&self) -> Span {
        let held = if self.reorder > 0.0 { Link::HOLD } else { Span::ZERO };
        self.delay + self.jitter + held
    }

    /// Whether packets may be lost or doubled.
    pub fn is_lossy(&self) -> bool {
        self.loss > 0.0 || self.duplicate > 0.0
    }

    /// Changes one of its properties: `delay`, `jitter` (in milliseconds), `loss`, `duplicate` or
    /// `reorder` (in percent).
    ///
    /// # Errors
    /// There is no such property, or it cannot have that value.
    pub fn set(&mut self, property: &str, value: f64) -> Result<(), String> {
        let most =
            if matches!(property, "delay" | "jitter") { Self::LONGEST.as_secs_f64() * 1e3 } else { 100.0 };
        if !(0.0..=most).contains(&value) {
            return Err(format!("{property} is from 0 to {most}, not {value}"));
        }
        match property {
            "delay" => self.delay = Span::from_secs_f64(value / 1e3),
            "jitter" => self.jitter = Span::from_secs_f64(value / 1e3),
            "loss" => self.loss = value / 100.0,
            "duplicate" => self.duplicate = value / 100.0,
            "reorder" => self.reorder = value / 100.0,
            other => return Err(format!("a link has no {other:?}: {}", Self::FORM)),
        }
        Ok(())
    }

    const FORM: &str = "write  delay=40ms,jitter=20ms,loss=5%,duplicate=2%,reorder=1%  or some of these";
}

/// As on the command line: `delay=40ms,loss=5%`.
impl FromStr for Link {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut link = Link::default();
        for part in text.split(',') {
            let (property, value) = part.trim().split_once('=').ok_or(Self::FORM)?;
            let unit = if matches!(property, "delay" | "jitter") { "ms" } else { "%" };
            let number = value.strip_suffix(unit).and_then(|number| number.trim().parse().ok());
            link.set(property, number.ok_or_else(|| format!("{part:?}: {}", Self::FORM))?)?;
        }
        Ok(link)
    }
}

/// As it is read.
impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = |span: Span| span.as_secs_f64() * 1e3;
        write!(f, "delay={}ms,jitter={}ms", ms(self.delay), ms(self.jitter))?;
        let shares = [("loss", self.loss), ("duplicate", self.duplicate), ("reorder", self.reorder)];
        let percent = |share: f64| (share * 1e6).round() / 1e4;
        shares.iter().try_for_each(|(name, share)| write!(f, ",{name}={}%", percent(*share)))
    }
}

/// The directions of a link, seen from its host.
#[derive(Debug, Clone, Copy)]
pub(super) enum Way {
    /// From the host to the tap.
    Up,
    /// From the tap to the host.
    Down,
}

/// A link in use.
#[derive(Debug, Default)]
pub(super) struct Wire {
    link: Link,
    /// When the last packet arrives that keeps its place in the order, up and down.
    last: [Instant; 2],
}

impl Wire {
    pub(super) fn new(link: Link) -> Self {
        Wire { link, last: [Instant::EPOCH; 2] }
    }

    /// When the copies of a packet that enters now come out: none, one or two.
    pub(super) fn cross(&mut self, way: Way, now: Instant, rng: &mut Rng) -> Vec<Instant> {
        let copies = match () {
            () if happens(self.link.loss, rng) => 0,
            () if happens(self.link.duplicate, rng) => 2,
            () => 1,
        };
        (0..copies).map(|_| self.arrival(way, now, rng)).collect()
    }

    fn arrival(&mut self, way: Way, now: Instant, rng: &mut Rng) -> Instant {
        let jitter = Span::from_nanos(rng.i64(0..=self.link.jitter.as_nanos().max(0)));
        let at = now + self.link.delay + jitter;
        if happens(self.link.reorder, rng) {
            return at + Link::HOLD;
        }
        let last = &mut self.last[way as usize];
        *last = at.max(*last);
        *last
    }
}

fn happens(probability: f64, rng: &mut Rng) -> bool {
    probability > 0.0 && rng.f64() < probability
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn crossings(link: Link, seed: u64) -> Vec<Vec<Instant>> {
        let mut wire = Wire::new(link);
        let mut rng = Rng::with_seed(seed);
        let sent = (0..1_000).map(|n| Instant::from_nanos(n * 1_000_000));
        sent.map(|at| wire.cross(Way::Up, at, &mut rng)).collect()
    }

    #[test]
    fn a_clean_link_passes_every_packet_at_once() {
        let arrivals = crossings(Link::default(), 1);
        assert!(
            arrivals.iter().enumerate().all(|(n, at)| *at == [Instant::from_nanos(n as i64 * 1_000_000)])
        );
    }

    #[test]
    fn loss_and_duplication_come_as_often_as_asked() {
        let arrivals = crossings(Link { loss: 0.3, duplicate: 0.5, ..Link::default() }, 2);
        let lost = arrivals.iter().filter(|copies| copies.is_empty()).count();
        let doubled = arrivals.iter().filter(|copies| copies.len() == 2).count();
        assert!((250..350).contains(&lost), "{lost} of 1000 lost");
        assert!((300..400).contains(&doubled), "{doubled} of about 700 doubled");
    }

    #[test]
    fn jitter_keeps_the_order_and_reordering_does_not() {
        let link = Link { delay: Span::from_millis(5), jitter: Span::from_millis(10), ..Link::default() };
        let in_order: Vec<_> = crossings(link, 3).concat();
        assert!(in_order.is_sorted());
        assert!(in_order.iter().enumerate().all(|(n, at)| {
            let took = at.since(Instant::from_nanos(n as i64 * 1_000_000));
            (Span::from_millis(5)..=Span::from_millis(15)).contains(&took)
        }));
        let reordered: Vec<_> = crossings(Link { reorder: 0.1, ..link }, 3).concat();
        assert!(!reordered.is_sorted());
    }

    #[test]
    fn it_reads_back_as_it_prints_and_says_what_it_cannot_be() {
        let link: Link = "delay=40ms, jitter=2.5ms,loss=5%,duplicate=2%,reorder=1%".parse().unwrap();
        assert_eq!((link.delay, link.jitter), (Span::from_millis(40), Span::from_micros(2_500)));
        assert_eq!((link.loss, link.duplicate, link.reorder), (0.05, 0.02, 0.01));
        assert_eq!(link.to_string().parse(), Ok(link));
        assert_eq!(link.longest(), Span::from_micros(62_500));
        for wrong in ["", "loss", "loss=5", "loss=101%", "loss=-1%", "loss=NaN%", "delay=1s", "colour=5%"] {
            assert!(wrong.parse::<Link>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_seed_decides() {
        let link = Link { loss: 0.5, jitter: Span::from_millis(1), ..Link::default() };
        assert_eq!(crossings(link, 7), crossings(link, 7));
        assert_ne!(crossings(link, 7), crossings(link, 8));
    }
}
