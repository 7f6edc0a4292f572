//! A phone that dials into silence and gives up after 64×T1 (RFC 3261 timer B), in virtual time.

use std::net::SocketAddr;
use std::time::Instant as Clock;

use sipfarm::net::{Driver, VirtualNet};
use sipfarm_core::machine::Transport;
use sipfarm_core::profile::Profile;
use sipfarm_core::{Instant, Span};
use sipfarm_ua::{Defects, Destination, Line, Phone, PhoneConfig, Server};

use super::{Row, quantile};

const CALLS: usize = 2_000;

pub fn measure() -> Vec<Row> {
    let mut times: Vec<_> = (0..CALLS).map(|_| give_up()).collect();
    let (median, p99) = (quantile(&mut times, 0.5), quantile(&mut times, 0.99));
    let what = format!("a call into silence until timer B, 64×T1 = 32 s of virtual time, {CALLS} calls");
    vec![Row::new(what, format!("median {median:.1?}, p99 {p99:.1?}"), "under 100 µs")]
}

fn give_up() -> std::time::Duration {
    let [phone, server] = [100, 11].map(|host| SocketAddr::from(([192, 0, 2, host], 5060)));
    let mut driver = Driver::new(VirtualNet::new(1, Instant::EPOCH));
    let phone = driver.add(Box::new(Phone::new(PhoneConfig {
        profile: Profile::default(),
        servers: vec![Server {
            name: "primary".to_owned(),
            at: Destination::Address(server),
            transport: Some(Transport::Udp),
        }],
        dns: Vec::new(),
        local: phone,
        lines: vec![Line { user: "1001".to_owned(), password: "secret".to_owned(), appearances: 1 }],
        domain: "lab.example".to_owned(),
        seed: 1,
        defects: Defects::default(),
    })));
    let end = Instant::EPOCH + Span::from_secs(40);
    let start = Clock::now();
    driver.command(phone, |phone: &mut Phone, now| phone.dial("sip:1002@lab.example", now)).unwrap();
    while driver.step(end) {}
    let time = start.elapsed();
    // T1 × (0, 1, 3, 7, 15, 31, 63): RFC 3261 section 17.1.1.2. Each passes the tap once.
    assert_eq!(driver.net().take_frames().len(), 7, "the call was given up after seven INVITE");
    time
}
