//! The phone as a machine: what happened goes to the part that it concerns.

use std::any::Any;
use std::net::SocketAddr;

use sipfarm_core::Instant;
use sipfarm_core::machine::{Input, Machine, Output};

use super::{Phone, Report};
use crate::call::Call;
use crate::core::Errand;
use crate::dns::NotFound;
use crate::tx::{ClientId, Failure, TxEvent};

impl Machine for Phone {
    fn handle(&mut self, input: Input, now: Instant) {
        if let Some(port) = self.core.audio.port_of(&input) {
            if let Some(silent_since) = self.core.audio.hear(port, now) {
                let core = &self.core;
                let hears = self.calls.iter_mut().filter(|call| call.port() == port);
                hears.for_each(|call| call.hear_again(core, silent_since));
            }
            return;
        }
        let is_wake = input == Input::Wake;
        for call in &mut self.calls {
            call.talk(&mut self.core, now);
        }
        // Of all wakes, those for the next packet of audio are by far the most.
        if is_wake && self.deadline().is_none_or(|at| at > now) {
            return;
        }
        if let Some(input) = self.core.places.handle(input, now) {
            self.core.tx.handle(input, now);
        }
        self.settle(now);
        self.fire(now);
    }

    fn poll_output(&mut self) -> Option<Output> {
        let core = &mut self.core;
        core.tx.poll_output().or_else(|| core.places.poll_output()).or_else(|| core.audio.poll_output())
    }

    fn deadline(&self) -> Option<Instant> {
        let registrations = self.registrations.iter().filter_map(|registration| registration.deadline());
        let calls = self.calls.iter().filter_map(|call| call.deadline());
        let subscriptions = self.subscriptions.iter().filter_map(|subscription| subscription.deadline());
        let core = self.core.tx.deadline().into_iter().chain(self.core.places.deadline());
        registrations.chain(subscriptions).chain(calls).chain(core).chain(self.next_reset()).min()
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}

impl Phone {
    /// Does what is due: transactions first, then registrations, subscriptions, calls.
    fn fire(&mut self, now: Instant) {
        while self.deadline().is_some_and(|at| at <= now) {
            self.core.places.fire(now);
            self.core.tx.fire(now);
            self.settle(now);
            for registration in &mut self.registrations {
                registration.fire(&mut self.core, now);
            }
            for subscription in &mut self.subscriptions {
                subscription.fire(&mut self.core, now);
            }
            for call in &mut self.calls {
                call.fire(&mut self.core, now);
            }
            self.settle(now);
            self.fire_reset(now);
        }
    }

    /// Hands on what the transaction layer has to tell, until it has nothing more.
    pub(super) fn settle(&mut self, now: Instant) {
        loop {
            while let Some(event) = self.core.tx.poll_event() {
                self.on_event(event, now);
            }
            if let Some((server, end)) = self.core.places.poll_ended() {
                self.on_located(server, end, now);
                continue;
            }
            if let Some(errand) = self.core.errands.pop_front() {
                self.run_errand(errand, now);
                continue;
            }
            self.rest_or_resume(now);
            for subscription in &mut self.subscriptions {
                subscription.follow(&mut self.core, now);
            }
            self.tend_calls(now);
            self.calls.retain(|call| !call.is_forgotten(now));
            let is_busy = self.calls.iter().any(Call::is_current);
            let was_busy = std::mem::replace(&mut self.core.busy, is_busy);
            if was_busy && !is_busy {
                for registration in &mut self.registrations {
                    registration.on_idle(&mut self.core, now);
                }
                self.reset_when_idle(now);
                continue;
            }
            return;
        }
    }

    /// A server was found, or was not: what waited for that goes on.
    fn on_located(&mut self, server: usize, end: Result<(), NotFound>, now: Instant) {
        let Phone { core, registrations, calls, .. } = self;
        if let Err(reason) = end {
            let (server, reason) = (core.server_name(server), reason.to_string());
            core.report(Report::NotFound { server, reason });
        }
        for registration in registrations {
            registration.on_located(core, server, end.is_ok(), now);
        }
        for call in calls {
            call.on_located(core, server, end.is_ok(), now);
        }
    }

    fn run_errand(&mut self, errand: Errand, now: Instant) {
        let Phone { core, registrations, calls, .. } = self;
        match errand {
            Errand::RegisterAt(server) => {
                if let Some(owner) = registrations.iter_mut().find(|owner| owner.serves(core, server)) {
                    owner.visit(core, server, now);
                }
            }
            Errand::RegisteredAt { server, stands } => {
                for call in calls {
                    call.on_registered_at(core, server, stands, now);
                }
            }
            Errand::Reboot => self.reboot(now),
        }
    }

    fn on_event(&mut self, event: TxEvent, now: Instant) {
        match event {
            TxEvent::Response { client, response } => {
                let Phone { core, registrations, subscriptions, calls, .. } = self;
                if let Some(owner) = registrations.iter_mut().find(|owner| owner.owns(client)) {
                    owner.on_response(core, client, response, now);
                } else if let Some(owner) = subscriptions.iter_mut().find(|owner| owner.owns(client)) {
                    owner.on_response(core, &response, now);
                } else if let Some(call) = calls.iter_mut().find(|call| call.owns(client)) {
                    call.on_response(core, client, response, now);
                }
            }
            TxEvent::Failed { client, failure } => self.on_failure(client, failure, now),
            TxEvent::Request { server, request, cancels, from } => {
                self.on_request(server, &request, cancels, from, now);
            }
            TxEvent::Closed { remote } => self.lose_server(remote, now),
            TxEvent::Ack { ack } => {
                if let Some(call) = self.calls.iter_mut().find(|call| call.has(&ack)) {
                    call.on_ack(&mut self.core, &ack, now);
                }
            }
        }
    }

    /// The server at that address is lost: calls through it live on without, or end, as the profile says.
    fn lose_server(&mut self, server: SocketAddr, now: Instant) {
        if !self.core.keeps_calls() {
            return;
        }
        for call in self.calls.iter_mut().filter(|call| call.runs_through(server)) {
            call.lose_signalling(&mut self.core, now);
        }
        self.rest_or_resume(now);
    }

    /// While a call is preserved, nothing is registered.
    fn rest_or_resume(&mut self, now: Instant) {
        let preserving = self.calls.iter().any(Call::is_preserved);
        let before = std::mem::replace(&mut self.core.preserving, preserving);
        for registration in &mut self.registrations {
            match (before, preserving) {
                (false, true) => registration.suspend(&self.core),
                (true, false) => registration.resume(&mut self.core, now),
                _ => {}
            }
        }
    }

    fn on_failure(&mut self, client: ClientId, failure: Failure, now: Instant) {
        let mut owners = self.registrations.iter();
        if let Some(server) = owners.find_map(|owner| owner.asks(client)) {
            self.lose_server(self.core.target(server).addr, now);
        }
        let Phone { core, registrations, subscriptions, calls, .. } = self;
        if let Some(owner) = registrations.iter_mut().find(|owner| owner.owns(client)) {
            owner.on_failure(core, client, failure, now);
        } else if let Some(owner) = subscriptions.iter_mut().find(|owner| owner.owns(client)) {
            owner.on_failure(core, now);
        } else if let Some(call) = calls.iter_mut().find(|call| call.owns(client)) {
            call.on_failure(core, client, failure, now);
        }
    }
}
