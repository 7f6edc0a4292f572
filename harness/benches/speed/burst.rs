//! A burst of datagrams, as fast as one thread can send them, and what the tap sees of it.

use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use sipfarm::capture::tap::Tap;
use sipfarm::net::Slice;

use super::Row;

const FRAMES: usize = 50_000;
const OCTETS: usize = 500;

pub fn measure() -> Vec<Row> {
    let what = format!("a burst of {FRAMES} datagrams of {OCTETS} octets, captured by the tap");
    let tap = match Tap::open("lo") {
        Ok(tap) => tap,
        Err(error) => return vec![Row::new(what, format!("not measured: {error}"), "")],
    };
    let slice = Arc::new(Slice::claim().unwrap());
    let [from, to] = [1, 2].map(|host| UdpSocket::bind((slice.ip(host), 5060)).unwrap());
    from.connect(to.local_addr().unwrap()).unwrap();
    let seen = Arc::new(AtomicUsize::new(0));
    let (ours, count) = (Arc::clone(&slice), Arc::clone(&seen));
    let _subscription = tap.subscribe(
        move |from, to| ours.contains(from) && ours.contains(to),
        move |_| _ = count.fetch_add(1, Ordering::Relaxed),
    );
    let start = Instant::now();
    // Nobody reads them: the kernel drops them behind the tap.
    let sent = (0..FRAMES).filter(|_| from.send(&[b'x'; OCTETS]).is_ok()).count();
    let time = start.elapsed();
    let settled = tap.settle(Duration::from_secs(10));
    let lost: u64 = tap.losses(0).iter().map(|loss| loss.count).sum();
    let unsettled = settled.err().map_or_else(String::new, |error| format!("; {error}"));
    let figure = format!(
        "{} of {sent} seen, {lost} lost; sent in {:.0} ms = {:.0}/s{unsettled}",
        seen.load(Ordering::Relaxed),
        time.as_secs_f64() * 1e3,
        sent as f64 / time.as_secs_f64()
    );
    vec![Row::new(what, figure, "none lost")]
}
