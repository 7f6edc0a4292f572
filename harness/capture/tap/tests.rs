//! On the real loopback interface, with addresses of our own. Without CAP_NET_RAW these say so and
//! do nothing.
#![allow(clippy::unwrap_used)]

use std::net::UdpSocket;
use std::sync::mpsc;

use super::*;

const PATIENCE: Duration = Duration::from_secs(20);

fn tap() -> Option<Tap> {
    match Tap::open("lo") {
        Ok(tap) => Some(tap),
        Err(TapError::NotPermitted { interface }) => {
            crate::skip::right(format!("capturing on {interface} needs CAP_NET_RAW"));
            None
        }
        Err(error) => panic!("{error}"),
    }
}

/// Sockets on two addresses that no other test uses.
fn pair(a: &str, b: &str) -> (UdpSocket, UdpSocket) {
    (UdpSocket::bind((a, 0)).unwrap(), UdpSocket::bind((b, 0)).unwrap())
}

/// Frames between the addresses of two sockets, as they come.
fn frames(tap: &Tap, a: &UdpSocket, b: &UdpSocket) -> (Subscription, mpsc::Receiver<Frame>) {
    let (sender, frames) = mpsc::channel();
    let (a, b) = (a.local_addr().unwrap().ip(), b.local_addr().unwrap().ip());
    let ours = move |src, dst| [(a, b), (b, a)].contains(&(src, dst));
    (tap.subscribe(ours, move |frame| sender.send(frame).unwrap()), frames)
}

/// The number in the payload of a datagram over Ethernet and IPv4.
fn number(frame: &Frame) -> u32 {
    u32::from_be_bytes(frame.data[42..46].try_into().unwrap())
}

#[test]
fn a_burst_arrives_whole_in_order_and_once() {
    let Some(tap) = tap() else { return };
    // Each processor has a queue of its own: a sender that moves between them may overtake itself.
    assert!((0..64).any(sentinel::run_on));
    let (phone, primary) = pair("127.77.1.1", "127.77.1.2");
    let (_subscription, frames) = frames(&tap, &phone, &primary);
    let to = primary.local_addr().unwrap();
    let before = socket::now();
    for number in 0..10_000u32 {
        let mut payload = [b'x'; 600];
        payload[..4].copy_from_slice(&number.to_be_bytes());
        phone.send_to(&payload, to).unwrap();
    }
    let after = tap.settle(PATIENCE).unwrap();
    let frames: Vec<Frame> = frames.try_iter().collect();
    assert_eq!(tap.losses(0), []);
    assert!(frames.iter().map(number).eq(0..10_000), "{} frames", frames.len());
    assert!(frames.is_sorted_by_key(|frame| frame.at), "times never go back");
    assert!(frames[0].at >= before && frames[9_999].at <= after, "the kernel's clock is the system's");
}

#[test]
fn settling_means_that_what_was_sent_before_has_been_delivered() {
    let Some(tap) = tap() else { return };
    let (phone, primary) = pair("127.77.2.1", "127.77.2.2");
    let (_subscription, frames) = frames(&tap, &phone, &primary);
    let to = primary.local_addr().unwrap();
    for round in 0..200u32 {
        phone.send_to(&round.to_be_bytes(), to).unwrap();
        tap.settle(PATIENCE).unwrap();
        assert_eq!(frames.try_iter().map(|frame| number(&frame)).collect::<Vec<_>>(), [round]);
    }
}

#[test]
fn each_subscription_gets_its_own_until_it_is_dropped() {
    let Some(tap) = tap() else { return };
    let (phone, primary) = pair("127.77.3.1", "127.77.3.2");
    let (other_phone, other_primary) = pair("127.77.4.1", "127.77.4.2");
    let (subscription, ours) = frames(&tap, &phone, &primary);
    let (_other_subscription, theirs) = frames(&tap, &other_phone, &other_primary);
    phone.send_to(&1u32.to_be_bytes(), primary.local_addr().unwrap()).unwrap();
    other_phone.send_to(&2u32.to_be_bytes(), other_primary.local_addr().unwrap()).unwrap();
    tap.settle(PATIENCE).unwrap();
    drop(subscription);
    phone.send_to(&3u32.to_be_bytes(), primary.local_addr().unwrap()).unwrap();
    tap.settle(PATIENCE).unwrap();
    assert_eq!(ours.iter().map(|frame| number(&frame)).collect::<Vec<_>>(), [1]);
    assert_eq!(theirs.try_iter().map(|frame| number(&frame)).collect::<Vec<_>>(), [2]);
}

#[test]
fn a_panic_in_a_sink_ends_the_tap_and_nobody_waits_for_ever() {
    let Some(tap) = tap() else { return };
    let (phone, primary) = pair("127.77.5.1", "127.77.5.2");
    let ours = phone.local_addr().unwrap().ip();
    let _subscription = tap.subscribe(move |src, _| src == ours, |_| panic!("on purpose"));
    phone.send_to(b"x", primary.local_addr().unwrap()).unwrap();
    let error = tap.settle(PATIENCE).unwrap_err();
    assert_eq!(error.to_string(), "the tap has ended: its thread panicked");
}

/// A new network of this thread's own with one Ethernet interface, `v0`, behind which nobody is.
fn network_of_its_own() -> bool {
    // SAFETY: changes the network of this thread only.
    let unshared = unsafe { libc::unshare(libc::CLONE_NEWNET) } == 0;
    let commands = [
        "link add v0 type veth peer name v1",
        "addr add 10.99.0.1/24 dev v0",
        "link set v0 up",
        "link set v1 up",
        "neigh add 10.99.0.2 lladdr 02:00:00:00:00:02 dev v0",
    ];
    let run = |command: &&str| std::process::Command::new("ip").args(command.split(' ')).status();
    let made = unshared && commands.iter().all(|command| run(command).is_ok_and(|status| status.success()));
    if !made {
        crate::skip::right("cannot make a network namespace with a veth pair");
    }
    made
}

#[test]
fn on_other_interfaces_what_we_send_is_seen_too() {
    if !network_of_its_own() {
        return;
    }
    let tap = Tap::open("v0").unwrap();
    let phone = UdpSocket::bind("10.99.0.1:0").unwrap();
    let (sender, frames) = mpsc::channel();
    let ours = |_, dst: IpAddr| dst.to_string() == "10.99.0.2";
    let _subscription = tap.subscribe(ours, move |frame| sender.send(frame).unwrap());
    for round in 0..100u32 {
        let before = socket::now();
        phone.send_to(&round.to_be_bytes(), "10.99.0.2:5060").unwrap();
        tap.settle(PATIENCE).unwrap();
        let frame = frames.try_recv().unwrap();
        assert_eq!((number(&frame), frame.at >= before && frame.at <= socket::now()), (round, true));
        assert!(frames.try_recv().is_err(), "once");
    }
}

#[test]
fn an_unknown_interface_is_named_with_those_there_are() {
    let error = Tap::open("nowhere0").err().map(|error| error.to_string()).unwrap_or_default();
    assert!(error.starts_with("there is no network interface \"nowhere0\" (there are: "), "{error}");
}
