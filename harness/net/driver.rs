//! The only driver loop in the house: hands machines their inputs and the time, and drains them.

use std::any::type_name;

use sipfarm_core::machine::{Input, Machine, Output};
use sipfarm_core::{Instant, Span};

use super::tls::{Effects, Tls, TlsOptions};
use super::{MachineId, Net, Trouble};

/// Machines and the network that carries them.
pub struct Driver<N: Net> {
    net: N,
    tls: Tls,
    places: Vec<Place>,
    /// Whether the last step served a deadline that was late, so that an event is next.
    caught_up: bool,
    /// The machine that is being served, so that a panic can be pinned on it.
    serving: Option<MachineId>,
}

/// A machine with what it last said about itself.
struct Place {
    /// `None` while it is being served, and for ever when it was removed or panicked.
    machine: Option<Box<dyn Machine>>,
    deadline: Option<Instant>,
    /// When it first named its deadline: one that had passed by then is not our lateness.
    named_at: Instant,
    /// Wakes in a row at which the machine did nothing and named the same deadline again.
    idle_wakes: u32,
}

impl<N: Net> Driver<N> {
    /// More idle wakes in a row than that are a bug of the machine's.
    const IDLE_WAKES: u32 = 1_000;

    /// A deadline that is late by more is served before the next event: where events never end, timers run
    /// all the same, and their lateness is noted.
    const PATIENCE: Span = Span::from_millis(5);

    /// A driver without machines.
    pub fn new(net: N) -> Self {
        Driver::with_tls(net, TlsOptions::default())
    }

    /// A driver without machines that speaks TLS so.
    pub fn with_tls(net: N, options: TlsOptions) -> Self {
        Driver { net, tls: Tls::new(options), places: Vec::new(), caught_up: false, serving: None }
    }

    /// The network, to bend its links and take its frames.
    pub fn net(&mut self) -> &mut N {
        &mut self.net
    }

    /// The time.
    pub fn now(&mut self) -> Instant {
        self.net.now()
    }

    /// Takes a machine in and drains its first outputs at once.
    pub fn add(&mut self, machine: Box<dyn Machine>) -> MachineId {
        let id = MachineId(self.places.len());
        self.places.push(Place {
            machine: Some(machine),
            deadline: None,
            named_at: Instant::EPOCH,
            idle_wakes: 0,
        });
        self.serve(id, |_, _| ());
        self.net.flush();
        id
    }

    /// Runs a command of the machine's own type, and drains what follows from it.
    ///
    /// # Panics
    /// When there is no such machine (any more), or when it is not an `M`.
    pub fn command<M: Machine, R>(&mut self, id: MachineId, f: impl FnOnce(&mut M, Instant) -> R) -> R {
        let lives = self.places.get(id.0).is_some_and(|place| place.machine.is_some());
        assert!(lives, "there is no machine {}, or it was removed, or it panicked earlier", id.0);
        let (result, _) = self.serve(id, |machine, now| {
            let machine = machine.as_any_mut().downcast_mut::<M>();
            f(machine.unwrap_or_else(|| panic!("machine {} is not a {}", id.0, type_name::<M>())), now)
        });
        self.net.flush();
        result
    }

    /// Handles one event or one deadline, no later than `until`. False when `until` was reached
    /// with nothing to do, or when the network was interrupted.
    ///
    /// # Panics
    /// When a machine names a deadline that has passed again and again without doing anything.
    pub fn step(&mut self, until: Instant) -> bool {
        let due = self.due();
        if let Some((deadline, id)) = due.filter(|_| !std::mem::take(&mut self.caught_up)) {
            let now = self.net.now();
            if deadline <= until && now - deadline.max(self.places[id.0].named_at) > Self::PATIENCE {
                self.caught_up = true;
                self.wake(id, deadline, now);
                return true;
            }
        }
        let limit = due.map_or(until, |(deadline, _)| deadline.min(until));
        if let Some((id, input)) = self.net.next(limit) {
            if self.places.get(id.0).is_some_and(|place| place.machine.is_some()) {
                self.places[id.0].idle_wakes = 0;
                self.hand_over(id, input);
            }
            return true;
        }
        let now = self.net.now();
        match due {
            Some((deadline, id)) if deadline <= now && deadline <= until => {
                self.wake(id, deadline, now);
                true
            }
            _ => false,
        }
    }

    /// Takes a machine out, and closes its ports and streams.
    pub fn remove(&mut self, id: MachineId) -> Option<Box<dyn Machine>> {
        let place = self.places.get_mut(id.0)?;
        place.deadline = None;
        let machine = place.machine.take();
        self.net.release(id);
        self.tls.release(id);
        machine
    }

    /// After a panic has unwound through the driver: takes out the machine that was being served,
    /// and says which it was.
    pub fn bury(&mut self) -> Option<MachineId> {
        let id = self.serving.take()?;
        self.remove(id);
        Some(id)
    }

    /// The earliest deadline and whose it is; the first machine's among equals.
    fn due(&self) -> Option<(Instant, MachineId)> {
        let deadlines = self.places.iter().enumerate();
        deadlines.filter_map(|(i, place)| Some((place.deadline?, MachineId(i)))).min()
    }

    fn wake(&mut self, id: MachineId, deadline: Instant, now: Instant) {
        let at = deadline.max(self.places[id.0].named_at);
        if now > at {
            self.net.note(Trouble::Late { at, by: now.since(at) });
        }
        let (_, outputs) = self.serve(id, |machine, now| machine.handle(Input::Wake, now));
        let place = &mut self.places[id.0];
        let idle = outputs == 0 && place.deadline == Some(deadline);
        place.idle_wakes = if idle { place.idle_wakes + 1 } else { 0 };
        assert!(
            place.idle_wakes < Self::IDLE_WAKES,
            "machine {} does nothing at its deadline and names it again (late by {})",
            id.0,
            now.since(deadline).max(Span::ZERO)
        );
    }

    /// Tells a machine what happened, as it is behind TLS.
    fn hand_over(&mut self, id: MachineId, input: Input) {
        if matches!(input, Input::Datagram { .. } | Input::Icmp { .. } | Input::Wake) {
            self.serve(id, |machine, now| machine.handle(input, now));
            return;
        }
        let now = self.net.now();
        let Effects { wire, inputs } = self.tls.handle(id, input, now);
        wire.into_iter().for_each(|output| self.net.perform(id, output));
        for input in inputs {
            self.serve(id, |machine, now| machine.handle(input, now));
        }
    }

    fn perform(&mut self, id: MachineId, output: Output, now: Instant) {
        if !Tls::concerns(&output) {
            return self.net.perform(id, output);
        }
        let outputs = self.tls.perform(id, output, now);
        outputs.into_iter().for_each(|output| self.net.perform(id, output));
    }

    /// The one rule: after any input, take outputs until there are none left, then ask for the
    /// deadline. Returns the number of outputs too.
    fn serve<R>(&mut self, id: MachineId, f: impl FnOnce(&mut dyn Machine, Instant) -> R) -> (R, usize) {
        let now = self.net.now();
        let mut machine = self.places[id.0].machine.take().expect("a machine that is not being served");
        self.serving = Some(id);
        let result = f(machine.as_mut(), now);
        let mut outputs = 0;
        while let Some(output) = machine.poll_output() {
            self.perform(id, output, now);
            outputs += 1;
        }
        let place = &mut self.places[id.0];
        let deadline = machine.deadline();
        if place.deadline != deadline {
            (place.deadline, place.named_at) = (deadline, now);
        }
        place.machine = Some(machine);
        self.serving = None;
        (result, outputs)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::any::Any;
    use std::net::SocketAddr;

    use super::*;
    use crate::net::VirtualNet;
    use crate::net::testing::Puppet;

    fn driver() -> Driver<VirtualNet> {
        Driver::new(VirtualNet::new(1, Instant::EPOCH))
    }

    fn at(n: u8) -> SocketAddr {
        SocketAddr::from(([10, 0, 0, n], 5060))
    }

    fn seconds(secs: i64) -> Instant {
        Instant::EPOCH + Span::from_secs(secs)
    }

    #[test]
    fn deadlines_come_in_order_and_each_at_its_time() {
        let mut driver = driver();
        let ids: Vec<_> = (1..=3).map(|n| driver.add(Puppet::at(at(n)))).collect();
        for (id, secs) in ids.iter().zip([3, 1, 2]) {
            driver.command(*id, |puppet: &mut Puppet, _| puppet.wake_at = Some(seconds(secs)));
        }
        for secs in 1..=3 {
            assert!(driver.step(seconds(10)));
            assert_eq!(driver.now(), seconds(secs));
        }
        assert!(!driver.step(seconds(10)));
        assert_eq!(driver.now(), seconds(10));
        let heard = driver.command(ids[0], |puppet: &mut Puppet, _| puppet.heard.clone());
        assert_eq!(heard, [(seconds(3), Input::Wake)]);
    }

    #[test]
    fn a_step_goes_no_further_than_its_end() {
        let mut driver = driver();
        let id = driver.add(Puppet::at(at(1)));
        driver.command(id, |puppet: &mut Puppet, _| puppet.wake_at = Some(seconds(5)));
        assert!(!driver.step(seconds(4)));
        assert_eq!(driver.now(), seconds(4));
        assert!(driver.step(seconds(5)));
    }

    #[test]
    fn what_happens_at_the_deadline_comes_before_the_wake() {
        let mut driver = driver();
        let (a, b) = (driver.add(Puppet::at(at(1))), driver.add(Puppet::at(at(2))));
        driver.command(a, |puppet: &mut Puppet, _| puppet.send(at(1), at(2), b"hello"));
        let arrival = Instant::EPOCH + VirtualNet::LATENCY;
        driver.command(b, |puppet: &mut Puppet, _| puppet.wake_at = Some(arrival));
        while driver.step(seconds(1)) {}
        let inputs = driver.command(b, |puppet: &mut Puppet, _| puppet.inputs());
        assert!(matches!(inputs[..], [Input::Datagram { .. }, Input::Wake]), "{inputs:?}");
    }

    #[test]
    fn a_deadline_that_had_passed_when_it_was_named_comes_at_once_and_is_not_late() {
        let mut driver = driver();
        let id = driver.add(Puppet::at(at(1)));
        while driver.step(seconds(5)) {}
        driver.command(id, |puppet: &mut Puppet, _| puppet.wake_at = Some(seconds(1)));
        assert!(driver.step(seconds(9)));
        let heard = driver.command(id, |puppet: &mut Puppet, _| puppet.heard.clone());
        assert_eq!(heard, [(seconds(5), Input::Wake)]);
        assert_eq!(driver.net().troubles(), []);
    }

    #[test]
    fn a_removed_machine_is_not_served_and_its_port_is_closed() {
        let mut driver = driver();
        let (a, b) = (driver.add(Puppet::at(at(1))), driver.add(Puppet::at(at(2))));
        driver.command(b, |puppet: &mut Puppet, _| puppet.wake_at = Some(seconds(1)));
        assert!(driver.remove(b).is_some());
        assert!(driver.remove(b).is_none());
        driver.command(a, |puppet: &mut Puppet, _| puppet.send(at(1), at(2), b"hello"));
        while driver.step(seconds(2)) {}
        let inputs = driver.command(a, |puppet: &mut Puppet, _| puppet.inputs());
        assert!(matches!(inputs[..], [Input::Icmp { .. }]), "{inputs:?}");
    }

    /// Names a deadline in the past for ever and does nothing about it.
    struct Stuck;

    impl Machine for Stuck {
        fn handle(&mut self, _: Input, _: Instant) {}
        fn poll_output(&mut self) -> Option<Output> {
            None
        }
        fn deadline(&self) -> Option<Instant> {
            Some(Instant::EPOCH)
        }
        fn as_any_mut(&mut self) -> &mut dyn Any {
            self
        }
    }

    /// A network on which an event waits at any time; each takes a millisecond.
    struct Flood {
        now: Instant,
        events: u32,
    }

    impl Net for Flood {
        fn now(&mut self) -> Instant {
            self.now
        }

        fn perform(&mut self, _: MachineId, _: Output) {}

        fn next(&mut self, _: Instant) -> Option<(MachineId, Input)> {
            self.events += 1;
            self.now += Span::from_millis(1);
            let payload = b"hello".to_vec();
            Some((MachineId(0), Input::Datagram { local: at(1), remote: at(2), payload }))
        }

        fn release(&mut self, _: MachineId) {}

        fn note(&mut self, _: Trouble) {}
    }

    #[test]
    fn a_deadline_that_is_late_is_served_while_events_never_end() {
        let mut driver = Driver::new(Flood { now: Instant::EPOCH, events: 0 });
        let mut puppet = Puppet::at(at(1));
        puppet.wake_at = Some(Instant::EPOCH + Span::from_millis(20));
        let id = driver.add(puppet);
        for _ in 0..100 {
            assert!(driver.step(seconds(1)));
        }
        let heard = driver.command(id, |puppet: &mut Puppet, _| puppet.heard.clone());
        let wakes: Vec<_> =
            heard.iter().filter(|(_, input)| *input == Input::Wake).map(|(at, _)| *at).collect();
        assert_eq!(wakes, [Instant::EPOCH + Span::from_millis(26)]);
        assert_eq!(driver.net().events, 99, "events had every other turn");
    }

    #[test]
    #[should_panic(expected = "machine 0 does nothing at its deadline")]
    fn a_machine_that_is_stuck_is_a_bug_and_not_an_endless_loop() {
        let mut driver = driver();
        driver.add(Box::new(Stuck));
        while driver.step(seconds(1)) {}
    }

    #[test]
    #[should_panic(expected = "machine 0 is not a sipfarm::net::driver::tests::Stuck")]
    fn a_command_for_another_type_says_so() {
        let mut driver = driver();
        let id = driver.add(Puppet::at(at(1)));
        driver.command(id, |_: &mut Stuck, _| ());
    }
}
