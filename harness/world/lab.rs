//! A scenario's lab: the network, the farm on it, the phone, and the recording of what passes.

mod addresses;
mod ask;
mod build;
mod farm;
mod faults;
mod program;
mod record;
mod scale;
mod scene;
mod start;
mod trouble;

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant as Clock};

use sipfarm_core::profile::Profile;
use sipfarm_core::{Instant, Key, Span};
use sipfarm_judge::mark::Which;
use sipfarm_judge::{Mark, Timeline, mark};

use self::record::Record;
pub use self::scale::TIME_SCALE;
use super::{Context, DNS_NODE, FAR_END_NODE, StepFailure, fix};
use crate::capture::comments::Comments;
use crate::capture::tap::{Subscription, TapError};
use crate::farm::{FarEnd, Group, Member, Node, NodeKind, Trunks};
use crate::net::{Bench, MachineId, Slice, Trouble};
use crate::phone::{PhoneDriver, PressError};

/// The phone's user.
pub const PHONE_USER: &str = "1001";
/// The far end's.
pub const FAR_END_USER: &str = "1002";
/// How long the tap may take to hand over what it has seen; it takes milliseconds.
const TAP_PATIENCE: Duration = Duration::from_secs(2);
/// For so many times as long as a look took, nobody looks again: under a flood the record belongs to the
/// tap most of the time, or the tap would fall behind.
const RESTS: u32 = 3;
/// How long the sockets may take to do so when there is no tap.
const SOCKET_PATIENCE: Duration = Duration::from_millis(50);

/// What a look at the timeline says.
pub enum Look<T> {
    /// That is it.
    Done(T),
    /// Look again when something new was seen, or at this instant.
    Until(Instant),
}

/// Up to which instant everything has been seen.
#[derive(Debug, Clone, Copy)]
struct Seen {
    until: Instant,
    /// Whether that is certain, or only likely.
    surely: bool,
}

/// A scenario's lab.
pub struct Lab {
    context: Arc<Context>,
    bench: Bench,
    record: Arc<Record>,
    /// Ends with the lab.
    subscription: Option<Subscription>,
    /// Taken as long as the lab stands.
    _slice: Option<Arc<Slice>>,
    profile: Profile,
    time_scale: f64,
    nodes: BTreeMap<String, (MachineId, SocketAddr)>,
    far_end: MachineId,
    far_end_addr: SocketAddr,
    dns: Option<MachineId>,
    group: Option<Group>,
    trunks: Option<Trunks>,
    phone: PhoneDriver,
    second_phone: Option<PhoneDriver>,
    /// How the phone was lost.
    lost: Option<StepFailure>,
    noted: trouble::Noted,
    /// The longest delay from the phone to where it is seen.
    latency: Span,
    /// Up to when all that was seen is on the timeline for certain.
    settled: Instant,
    begun: Instant,
}

/// What a scenario's lab leaves behind.
pub struct Closed<T> {
    /// What was judged from the whole timeline.
    pub judged: T,
    /// Where the capture lies.
    pub capture: io::Result<Option<PathBuf>>,
    /// What else ended the scenario: a lost phone, a lost port, a bug.
    pub failure: Option<StepFailure>,
}

impl Lab {
    /// The time.
    pub fn now(&mut self) -> Instant {
        self.bench.now()
    }

    /// Since when it stands.
    pub fn begun(&self) -> Instant {
        self.begun
    }

    /// By what the policy times of the scenario are multiplied; those of the profile are already.
    pub fn time_scale(&self) -> f64 {
        self.time_scale
    }

    /// What the phone is held to.
    pub fn profile(&self) -> &Profile {
        &self.profile
    }

    /// What reports call the phone.
    pub fn phone_name(&self) -> String {
        self.context.phone.name(&self.profile)
    }

    /// Whether its clock is the one on the wall.
    pub fn is_real(&self) -> bool {
        matches!(self.bench, Bench::Real(_))
    }

    /// Whether the phone is a program of somebody else's, whose calls end when somebody ends them.
    pub fn phone_is_a_program(&self) -> bool {
        matches!(self.phone, PhoneDriver::Program(_))
    }

    /// Notes something on the timeline.
    pub fn mark(&mut self, mark: Mark) {
        self.pull();
        let now = self.bench.now();
        self.record.mark(mark, now);
    }

    /// Presses a key of a phone.
    ///
    /// # Errors
    /// The phone refuses, or is lost.
    pub async fn press(&mut self, which: Which, key: Key) -> Result<(), StepFailure> {
        let command = key.to_string();
        tracing::debug!(command, ?which, "the phone is told");
        let unconfirmed = !self.phone.confirms();
        let told = Mark::Command { command: mark::Command::Key(key.clone()), unconfirmed };
        self.mark(which.concerned_by(told));
        let phone = match which {
            Which::First => &mut self.phone,
            Which::Second => self.second_phone.as_mut().ok_or_else(|| StepFailure::bug("unchecked phone"))?,
        };
        let Err(error) = phone.press(&mut self.bench, key).await else { return Ok(()) };
        self.mark(which.concerned_by(Mark::CommandFailed { command, reason: error.to_string() }));
        Err(match error {
            PressError::Refused { .. } | PressError::NoKey { .. } | PressError::Profile(_) => error.into(),
            PressError::Lost(_) | PressError::Bug(_) => self.lose(error),
        })
    }

    /// Commands the far end.
    pub fn far_end<R: Send + 'static>(
        &mut self,
        command: impl FnOnce(&mut FarEnd, Instant) -> R + Send + 'static,
    ) -> R {
        self.bench.command(self.far_end, command)
    }

    /// The address of a node, or of the far end.
    pub fn node_addr(&self, name: &str) -> Option<SocketAddr> {
        let far_end = Some(self.far_end_addr).filter(|_| name == FAR_END_NODE);
        self.nodes.get(name).map(|(_, addr)| *addr).or(far_end)
    }

    /// The address of the far end.
    pub fn far_end_addr(&self) -> SocketAddr {
        self.far_end_addr
    }

    /// The place of a node in its resilience group, if it has one.
    pub fn member(&mut self, name: &str) -> Option<Member> {
        let (id, _) = *self.nodes.get(name)?;
        self.bench.command(id, |node: &mut Node, _| node.member().cloned())
    }

    /// The phone's name at its registrars.
    pub fn phone_user(&self) -> &'static str {
        PHONE_USER
    }

    /// Whom the phone dials to reach the far end.
    pub fn far_end_user(&self) -> &'static str {
        FAR_END_USER
    }

    /// Has a node reset the phone. False when the phone is not registered there.
    pub fn reset_phone(&mut self, node: &str) -> bool {
        let id = self.place(node).filter(|(_, kind)| *kind == NodeKind::Sip).map(|(id, _)| id);
        id.is_some_and(|id| self.bench.command(id, |node: &mut Node, now| node.reset_phone(now)))
    }

    /// Whether a node notes anything of systems or calls.
    pub fn notes_at(&self, node: &str) -> bool {
        let is_node = self.nodes.contains_key(node);
        is_node && (self.trunks.is_some() || self.group.as_ref().is_some_and(|group| group.has(node)))
    }

    /// Lets every system see which of the others are there, after a fault began or ended at one.
    fn mind_trunks(&mut self) {
        for (id, _) in self.nodes.values().filter(|_| self.trunks.is_some()) {
            self.bench.command(*id, |node: &mut Node, now| node.mind_trunks(now));
        }
    }

    /// The machine of a node or of the far end, and what it is.
    fn place(&self, node: &str) -> Option<(MachineId, NodeKind)> {
        let dns = self.dns.filter(|_| node == DNS_NODE).map(|id| (id, NodeKind::Dns));
        let far_end = Some((self.far_end, NodeKind::FarEnd)).filter(|_| node == FAR_END_NODE);
        self.nodes.get(node).map(|(id, _)| (*id, NodeKind::Sip)).or(dns).or(far_end)
    }

    /// Looks at the timeline until the look is done: whenever something new was seen, and at the
    /// instants that the look itself names.
    ///
    /// # Errors
    /// The phone was lost, or the scenario takes too long as a whole.
    pub async fn watch<T>(
        &mut self,
        mut look: impl FnMut(&Timeline, Instant) -> Look<T>,
    ) -> Result<T, StepFailure> {
        let mut seen = Seen { until: self.bench.now(), surely: false };
        loop {
            self.pull();
            let looked = Clock::now();
            let found = self.look(&mut look, seen.until);
            let rest = looked.elapsed() * RESTS;
            seen = match found {
                Look::Done(found) if seen.surely => return Ok(found),
                // Packets can overtake each other on their way to us: decided is what is still so
                // when none is under way any more.
                Look::Done(_) => self.settle().await,
                Look::Until(_) if self.is_too_long(seen.until) => return Err(self.cut_short()),
                // A look that names the past would never end.
                Look::Until(until) => self.pass(until.max(seen.until + Span::from_micros(1)), rest).await?,
            };
        }
    }

    /// Ends the scenario: the phone stopped, the farm with its faults closed down, the capture closed
    /// behind the last packet. `judge` is given the final timeline, the profile and the end, and says
    /// besides what the capture is to tell of its packets; nothing where it is not worth keeping.
    pub async fn finish<T>(
        mut self,
        judge: impl FnOnce(&Timeline, &Profile, Instant) -> (T, Option<Comments>),
    ) -> Closed<T> {
        self.outlast_latency().await;
        let end = self.settle().await.until;
        self.record.mark(Mark::End, end);
        self.stop_phone().await;
        self.own_up();
        let broken = self.noted.worse.take();
        for (id, _) in self.nodes.values() {
            self.bench.command(*id, |node: &mut Node, now| node.faults_off(now));
        }
        let Lab { context, bench, record, subscription, profile, lost, .. } = self;
        drop(bench);
        if subscription.is_some() {
            // What it says would come too late to weigh on anything.
            let _ = settle_tap(context).await;
        }
        drop(subscription);
        let recorder = record.lock().take();
        let (judged, capture) = match recorder {
            Some(recorder) => {
                let (judged, comments) = judge(recorder.timeline(), &profile, end);
                let capture = match comments {
                    Some(comments) => recorder.finish_with(&comments),
                    None => recorder.discard().map(|()| None),
                };
                (judged, capture)
            }
            None => (
                judge(&Timeline::default(), &profile, end).0,
                Err(io::Error::other("the capture was closed twice")),
            ),
        };
        Closed { judged, capture, failure: lost.or(broken) }
    }

    fn is_too_long(&self, now: Instant) -> bool {
        self.context.scenario_limit.is_some_and(|limit| now - self.begun >= limit)
    }

    /// What is still to come will not be waited for: that is no verdict on the phone.
    fn cut_short(&mut self) -> StepFailure {
        let limit = self.context.scenario_limit.unwrap_or(Span::ZERO).as_secs_f64();
        let precondition = format!(
            "the scenario is over within {limit} s, its limit as a whole (more with --scenario-limit SECONDS)"
        );
        self.mark(Mark::Unmet { precondition: precondition.clone() });
        StepFailure::Unmet(precondition)
    }

    fn look<T>(&self, look: &mut impl FnMut(&Timeline, Instant) -> Look<T>, now: Instant) -> Look<T> {
        match self.record.lock().as_ref() {
            Some(recorder) => look(recorder.timeline(), now),
            None => Look::Until(Instant::FAR_FUTURE),
        }
    }

    /// Takes the frames of a simulated network over into the record, behind what the farm has noted.
    fn pull(&mut self) {
        let of_group = self.group.iter().flat_map(Group::take_notes);
        for note in of_group.chain(self.trunks.iter().flat_map(Trunks::take_notes)) {
            let mark = Mark::Noted { node: note.node, what: note.what.to_string() };
            self.record.mark(mark, note.at);
        }
        if let Bench::Virtual(driver) = &mut self.bench {
            self.record.frames(driver.net().take_frames());
        }
        self.own_up();
    }

    /// Lets time pass until something was seen, or until `until`. On real sockets the record is left to
    /// the tap for `rest` first.
    async fn pass(&mut self, until: Instant, rest: Duration) -> Result<Seen, StepFailure> {
        let limit = self.context.scenario_limit.map(|limit| self.begun + limit);
        let until = limit.map_or(until, |limit| until.min(limit));
        let left = match &mut self.bench {
            Bench::Virtual(driver) => {
                // Most of what passes is audio that goes on as before, and no reason to look again.
                while driver.step(until) && !self.record.frames(driver.net().take_frames()) {}
                return Ok(Seen { until: driver.now(), surely: true });
            }
            Bench::Real(lab) => {
                Duration::from_nanos(u64::try_from((until - lab.now()).as_nanos()).unwrap_or(0))
            }
        };
        tokio::select! {
            () = async {
                tokio::time::sleep(rest).await;
                self.record.bell.notified().await;
            } => {
                let latest = self.record.lock().as_ref().and_then(|recorder| recorder.timeline().end());
                Ok(Seen { until: latest.map_or(until, |latest| latest.min(until)), surely: false })
            }
            () = tokio::time::sleep(left) => Ok(self.settle().await),
            lost = self.phone.lost() => Err(self.lose(lost)),
            lost = second_lost(&mut self.second_phone) => Err(self.lose(lost)),
        }
    }

    /// Lets what the phone sent before the last packet arrive, if that has overtaken it: a BYE behind it
    /// would tell that a call was over.
    async fn outlast_latency(&mut self) {
        let until = self.bench.now() + self.latency * 3;
        let mut now = self.bench.now();
        while now < until && !self.is_too_long(now) && self.pass(until, Duration::ZERO).await.is_ok() {
            now = self.bench.now();
        }
    }

    /// Waits until everything that has happened so far is on the timeline.
    async fn settle(&mut self) -> Seen {
        let now = self.bench.now();
        if let Bench::Real(lab) = &self.bench {
            let lab = lab.clone();
            // Whoever is late by now is known to be late before anything is decided.
            let _ = tokio::task::spawn_blocking(move || lab.catch_up()).await;
        }
        let settled = match self.subscription {
            Some(_) => settle_tap(Arc::clone(&self.context)).await,
            None => Ok(()),
        };
        match settled {
            Ok(()) => self.settled = now,
            Err(error) => {
                let what = error.to_string();
                self.record.mark(Mark::Trouble { what, since: Some(self.settled) }, now);
            }
        }
        if self.sees_only_sockets() {
            // What has reached the sockets is read by then; later than that is lateness, and noted.
            tokio::time::sleep(SOCKET_PATIENCE).await;
        }
        self.pull();
        Seen { until: now, surely: true }
    }

    /// The phone is gone: from here on nothing that it does not do can be held against it.
    fn lose(&mut self, lost: PressError) -> StepFailure {
        let failure = StepFailure::from(lost);
        self.mark(Mark::Trouble { what: failure.to_string(), since: None });
        self.lost = Some(failure.clone());
        failure
    }

    async fn stop_phone(&mut self) {
        let mut stopped = vec![self.phone.stop().await];
        if let Some(second) = &mut self.second_phone {
            stopped.push(second.stop().await);
        }
        for stopped in stopped {
            match stopped {
                Ok(lateness) => self.note_late_phone(lateness),
                Err(lost) if self.lost.is_none() => _ = self.lose(lost),
                Err(_) => {}
            }
        }
    }

    /// Whether the evidence comes from the farm's sockets alone.
    fn sees_only_sockets(&self) -> bool {
        matches!(self.bench, Bench::Real(_)) && self.subscription.is_none()
    }

    /// Whether every address could be taken.
    fn check_bindings(&mut self) -> Result<(), StepFailure> {
        let Bench::Real(lab) = &self.bench else { return Ok(()) };
        let failed = lab.troubles().into_iter().find(|trouble| matches!(trouble, Trouble::BindFailed { .. }));
        failed.map_or(Ok(()), |trouble| Err(StepFailure::lab(trouble, fix::TAKEN)))
    }
}

/// As [`PhoneDriver::lost`], of a phone that may not be there.
async fn second_lost(phone: &mut Option<PhoneDriver>) -> PressError {
    match phone {
        Some(phone) => phone.lost().await,
        None => std::future::pending().await,
    }
}

/// Waits until the tap has delivered what has passed so far.
async fn settle_tap(context: Arc<Context>) -> Result<(), TapError> {
    let settle = move || context.tap.as_ref().map_or(Ok(()), |tap| tap.settle(TAP_PATIENCE).map(|_| ()));
    tokio::task::spawn_blocking(settle).await.unwrap_or(Ok(()))
}
