//! A scenario's lab: the network, the farm on it, the phone, and the recording of what passes.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sipfarm_core::profile::Profile;
use sipfarm_core::{Instant, Span};
use sipfarm_judge::{Mark, Timeline, mark};
use sipfarm_ua::{Defects, PhoneConfig, Server};
use tokio::sync::Notify;

use super::{Place, Plan, StepFailure};
use crate::capture::recorder::{Mode, Recorder};
use crate::capture::tap::{Subscription, Tap};
use crate::farm::{Account, FarEnd, FarEndConfig, FaultSpec, Node, NodeConfig};
use crate::net::{Bench, Driver, MachineId, RealLab, RealOptions, Slice, Trouble, VirtualNet};
use crate::phone::{Key, PhoneDriver, PressError, ProcessOptions, ReferenceProcess, profiles};

const DOMAIN: &str = "lab.example";
const PHONE_USER: &str = "1001";
const FAR_END_USER: &str = "1002";
const PASSWORD: &str = "correct horse";
const SIP_PORT: u16 = 5060;
/// How long the tap may take to hand over what it has seen; it takes milliseconds.
const TAP_PATIENCE: Duration = Duration::from_secs(2);
/// How late the farm may be before nothing can be judged. Packets have their times from the kernel
/// and are judged by them, so what matters is only that the farm still answers as scenarios expect.
const LATE_AFTER: Span = Span::from_millis(250);
/// Where virtual time begins: 2026-01-01T00:00:00Z, so that every virtual capture is alike.
const VIRTUAL_EPOCH: Instant = Instant::from_nanos(1_767_225_600_000_000_000);

/// Which network a run uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NetKind {
    /// Simulated, in virtual time.
    Virtual,
    /// Real sockets in 127.0.0.0/8, in real time.
    Loopback,
}

impl NetKind {
    /// As on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            NetKind::Virtual => "virtual",
            NetKind::Loopback => "loopback",
        }
    }
}

/// Which phone a run is about.
#[derive(Debug, Clone, PartialEq)]
pub enum PhoneChoice {
    /// The reference phone, with whichever profile a scenario asks for.
    Reference,
    /// The reference phone with this profile in every scenario, whatever that asks for.
    Profile(Box<Profile>),
}

/// Where a scenario's capture goes; nowhere when it says so.
pub type CaptureOf = Box<dyn Fn(&Place) -> Option<PathBuf> + Send + Sync>;

/// What all scenarios of a run share.
pub struct Context {
    /// The network.
    pub net: NetKind,
    /// The phone.
    pub phone: PhoneChoice,
    /// What the reference phone does wrong.
    pub defects: Defects,
    /// The packet tap of a real network; without, evidence comes from the sockets.
    pub tap: Option<Tap>,
    /// This program, to be started as the phone's process.
    pub program: PathBuf,
    /// Where a scenario's capture goes.
    pub capture_of: CaptureOf,
}

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

/// What was recorded, and a bell for those who wait for more.
struct Record {
    recorder: Mutex<Option<Recorder>>,
    bell: Notify,
}

impl Record {
    fn lock(&self) -> MutexGuard<'_, Option<Recorder>> {
        self.recorder.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn frame(&self, frame: sipfarm_core::frame::Frame) {
        if let Some(recorder) = self.lock().as_mut() {
            recorder.frame(frame);
        }
        self.bell.notify_one();
    }
}

/// A scenario's lab.
pub struct Lab {
    context: Arc<Context>,
    bench: Bench,
    record: Arc<Record>,
    /// Ends with the lab.
    subscription: Option<Subscription>,
    slice: Option<Arc<Slice>>,
    profile: Profile,
    nodes: BTreeMap<String, (MachineId, SocketAddr)>,
    far_end: MachineId,
    phone: PhoneDriver,
    drops_before: u64,
    begun: Instant,
}

/// The addresses of a scenario's parties.
struct Addresses {
    slice: Option<Arc<Slice>>,
}

impl Addresses {
    fn host(&self, number: u8) -> SocketAddr {
        let ip = match &self.slice {
            Some(slice) => slice.ip(number),
            None => IpAddr::V4(Ipv4Addr::new(192, 0, 2, number)),
        };
        SocketAddr::new(ip, SIP_PORT)
    }
    fn node(&self, index: usize) -> SocketAddr {
        self.host(11 + u8::try_from(index).unwrap_or(0))
    }
    fn far_end(&self) -> SocketAddr {
        self.host(100)
    }
    fn phone(&self) -> SocketAddr {
        self.host(200)
    }
}

impl Lab {
    /// Builds what the plan asks for.
    ///
    /// # Errors
    /// The plan does not fit together, or the network refuses an address.
    pub async fn build(context: Arc<Context>, place: &Place, plan: &Plan) -> Result<Lab, StepFailure> {
        if plan.nodes.is_empty() {
            return Err(StepFailure::Setup(
                "the scenario has no farm: start with  Given a farm with servers \"primary\" and \"secondary\"".to_owned(),
            ));
        }
        let profile = plan.resolve(base_profile(&context, plan)?)?;
        let addresses = Addresses {
            slice: match context.net {
                NetKind::Virtual => None,
                NetKind::Loopback => {
                    Some(Arc::new(Slice::claim().map_err(|error| StepFailure::Lab(error.to_string()))?))
                }
            },
        };
        let mode = match context.net {
            NetKind::Virtual => Mode::Buffered,
            NetKind::Loopback => Mode::Streamed,
        };
        let recorder = Recorder::new((context.capture_of)(place), mode)
            .map_err(|error| StepFailure::Lab(format!("the capture cannot be written: {error}")))?;
        let record = Arc::new(Record { recorder: Mutex::new(Some(recorder)), bell: Notify::new() });
        let (mut bench, subscription) = open_bench(&context, place, &addresses, &record)?;

        let scene = scene(&context, place, plan, &profile, &addresses);
        let begun = bench.now();
        if let Some(recorder) = record.lock().as_mut() {
            recorder.mark(Mark::Scenario(Box::new(scene)), begun);
        }
        let far_end = bench.add(Box::new(FarEnd::new(FarEndConfig {
            addr: addresses.far_end(),
            domain: DOMAIN.to_owned(),
            user: FAR_END_USER.to_owned(),
            seed: place.seed ^ 0xFA,
        })));
        let behaviour = plan.far_end;
        bench.command(far_end, move |far_end: &mut FarEnd, _| far_end.behave(behaviour));
        let nodes = plan
            .nodes
            .iter()
            .enumerate()
            .map(|(index, name)| {
                let addr = addresses.node(index);
                let config = NodeConfig {
                    name: name.clone(),
                    addr,
                    domain: DOMAIN.to_owned(),
                    account: Account { user: PHONE_USER.to_owned(), password: PASSWORD.to_owned() },
                    challenge: true,
                    expires_s: plan.granted_s,
                    far_end: addresses.far_end(),
                    seed: place.seed.wrapping_add(index as u64 + 1),
                };
                let mut node = Node::new(config);
                node.set_min_expires(plan.min_expires_s.unwrap_or(0));
                (name.clone(), (bench.add(Box::new(node)), addr))
            })
            .collect();
        let phone = start_phone(&context, &mut bench, place, &profile, &nodes, &addresses).await?;
        tracing::info!(scenario = place.name, phone = %addresses.phone(), profile = profile.id, "the lab stands");
        let drops_before = context.tap.as_ref().map_or(0, Tap::drops);
        let mut lab = Lab {
            context,
            bench,
            record,
            subscription,
            slice: addresses.slice,
            profile,
            nodes,
            far_end,
            phone,
            drops_before,
            begun,
        };
        lab.check_bindings()?;
        Ok(lab)
    }

    /// The time.
    pub fn now(&mut self) -> Instant {
        self.bench.now()
    }

    /// Since when it stands.
    pub fn begun(&self) -> Instant {
        self.begun
    }

    /// What the phone is held to.
    pub fn profile(&self) -> &Profile {
        &self.profile
    }

    /// Notes something on the timeline.
    pub fn mark(&mut self, mark: Mark) {
        self.pull();
        let now = self.bench.now();
        if let Some(recorder) = self.record.lock().as_mut() {
            recorder.mark(mark, now);
        }
    }

    /// Presses a key of the phone.
    ///
    /// # Errors
    /// See [`PhoneDriver::press`].
    pub async fn press(&mut self, key: Key) -> Result<(), PressError> {
        self.phone.press(&mut self.bench, key).await
    }

    /// Commands the far end.
    pub fn far_end(&mut self, command: impl FnOnce(&mut FarEnd, Instant) + Send + 'static) {
        self.bench.command(self.far_end, command);
    }

    /// The address of a node.
    pub fn node_addr(&self, name: &str) -> Option<SocketAddr> {
        self.nodes.get(name).map(|(_, addr)| *addr)
    }

    /// The phone's name at its registrars.
    pub fn phone_user(&self) -> &'static str {
        PHONE_USER
    }

    /// Whom the phone dials to reach the far end.
    pub fn far_end_user(&self) -> &'static str {
        FAR_END_USER
    }

    /// Switches a fault on at a node.
    ///
    /// # Errors
    /// The node has none such.
    pub fn fault_on(&mut self, node: &str, fault: &FaultSpec) -> Result<(), StepFailure> {
        let (id, _) = self.nodes.get(node).copied().ok_or_else(|| StepFailure::bug("unchecked node"))?;
        self.mark(Mark::Fault { node: node.to_owned(), fault: fault.to_string(), on: true });
        let spec = fault.clone();
        self.bench
            .command(id, move |node: &mut Node, now| node.fault_on(&spec, now).map(|_| ()))
            .map_err(|error| StepFailure::Setup(error.to_string()))?;
        self.check_bindings()
    }

    /// Switches every fault at a node off.
    pub fn faults_off(&mut self, node: &str) {
        if let Some((id, _)) = self.nodes.get(node).copied() {
            self.bench.command(id, |node: &mut Node, now| node.faults_off(now));
            self.mark(Mark::Fault { node: node.to_owned(), fault: "all".to_owned(), on: false });
        }
    }

    /// Looks at the timeline until the look is done: whenever something new was seen, and at the
    /// instants that the look itself names.
    pub async fn watch<T>(&mut self, mut look: impl FnMut(&Timeline, Instant) -> Look<T>) -> T {
        let mut seen = Seen { until: self.bench.now(), surely: false };
        loop {
            self.pull();
            seen = match self.look(&mut look, seen.until) {
                Look::Done(found) if seen.surely => return found,
                // Packets can overtake each other on their way to us: decided is what is still so
                // when none is under way any more.
                Look::Done(_) => self.settle().await,
                // A look that names the past would never end.
                Look::Until(until) => self.pass(until.max(seen.until + Span::from_micros(1))).await,
            };
        }
    }

    /// Ends the scenario: faults off, the phone stopped, the capture closed. Yields the final
    /// timeline's findings through `judge`, and where the capture lies.
    pub async fn finish<T>(
        mut self,
        judge: impl FnOnce(&Timeline, &Profile, Instant) -> T,
    ) -> std::io::Result<(T, Option<PathBuf>)> {
        self.settle().await;
        let names: Vec<String> = self.nodes.keys().cloned().collect();
        for trouble in self.troubles() {
            self.mark(trouble);
        }
        self.mark(Mark::End);
        let end = self.bench.now();
        self.phone.stop().await;
        for name in names {
            if let Some((id, _)) = self.nodes.get(&name).copied() {
                self.bench.command(id, |node: &mut Node, now| node.faults_off(now));
            }
        }
        self.subscription.take();
        let recorder = self.record.lock().take();
        let Some(recorder) = recorder else {
            return Err(std::io::Error::other("the capture was closed twice"));
        };
        let judged = judge(recorder.timeline(), &self.profile, end);
        drop(self.slice.take());
        Ok((judged, recorder.finish()?))
    }

    fn look<T>(&self, look: &mut impl FnMut(&Timeline, Instant) -> Look<T>, now: Instant) -> Look<T> {
        match self.record.lock().as_ref() {
            Some(recorder) => look(recorder.timeline(), now),
            None => Look::Until(Instant::FAR_FUTURE),
        }
    }

    /// Takes the frames of a simulated network over into the record.
    fn pull(&mut self) {
        if let Bench::Virtual(driver) = &mut self.bench {
            for frame in driver.net().take_frames() {
                self.record.frame(frame);
            }
        }
    }

    /// Lets time pass until something was seen, or until `until`.
    async fn pass(&mut self, until: Instant) -> Seen {
        match &mut self.bench {
            Bench::Virtual(driver) => {
                driver.step(until);
                Seen { until: driver.now(), surely: true }
            }
            Bench::Real(lab) => {
                let left = Duration::from_nanos(u64::try_from((until - lab.now()).as_nanos()).unwrap_or(0));
                if tokio::time::timeout(left, self.record.bell.notified()).await.is_err() {
                    return self.settle().await;
                }
                let latest = self.record.lock().as_ref().and_then(|recorder| recorder.timeline().end());
                Seen { until: latest.map_or(until, |latest| latest.min(until)), surely: false }
            }
        }
    }

    /// Waits until everything that has happened so far is on the timeline.
    async fn settle(&mut self) -> Seen {
        let now = self.bench.now();
        if self.context.tap.is_some() && self.subscription.is_some() {
            let context = Arc::clone(&self.context);
            let settled =
                tokio::task::spawn_blocking(move || context.tap.as_ref().map(|tap| tap.settle(TAP_PATIENCE)));
            if let Ok(Some(Err(error))) = settled.await {
                let trouble = Mark::Trouble { what: error.to_string(), since: Some(now) };
                if let Some(recorder) = self.record.lock().as_mut() {
                    recorder.mark(trouble, now);
                }
            }
        }
        self.pull();
        Seen { until: now, surely: true }
    }

    /// What happened to us that keeps us from judging.
    fn troubles(&mut self) -> Vec<Mark> {
        let mut marks = Vec::new();
        if let Bench::Real(lab) = &self.bench {
            marks.extend(
                lab.troubles()
                    .iter()
                    .map(|trouble| Mark::Trouble { what: trouble.to_string(), since: Some(trouble.at()) }),
            );
        }
        let drops = self.context.tap.as_ref().map_or(0, Tap::drops) - self.drops_before;
        let now = self.bench.now();
        if let Some(recorder) = self.record.lock().as_mut() {
            recorder.drops(drops, now);
        }
        marks
    }

    /// Whether every address could be taken.
    fn check_bindings(&mut self) -> Result<(), StepFailure> {
        let Bench::Real(lab) = &self.bench else { return Ok(()) };
        let failed = lab.troubles().into_iter().find(|trouble| matches!(trouble, Trouble::BindFailed { .. }));
        failed.map_or(Ok(()), |trouble| Err(StepFailure::Lab(trouble.to_string())))
    }
}

fn base_profile(context: &Context, plan: &Plan) -> Result<Profile, StepFailure> {
    match &context.phone {
        PhoneChoice::Profile(profile) => Ok((**profile).clone()),
        PhoneChoice::Reference => {
            let name = plan.profile.as_deref().unwrap_or("rfc3261");
            profiles::find(name).map_err(|error| StepFailure::Setup(error.to_string()))
        }
    }
}

fn open_bench(
    context: &Context,
    place: &Place,
    addresses: &Addresses,
    record: &Arc<Record>,
) -> Result<(Bench, Option<Subscription>), StepFailure> {
    let Some(slice) = &addresses.slice else {
        let net = VirtualNet::new(place.seed, VIRTUAL_EPOCH);
        return Ok((Bench::Virtual(Box::new(Driver::new(net))), None));
    };
    let sink = Arc::clone(record);
    let (subscription, socket_tap) = match &context.tap {
        Some(tap) => {
            let slice = Arc::clone(slice);
            let seen = tap.subscribe(
                move |src, dst| slice.contains(src) || slice.contains(dst),
                move |frame| sink.frame(frame),
            );
            (Some(seen), None)
        }
        None => {
            let sink: Box<dyn FnMut(sipfarm_core::frame::Frame) + Send> =
                Box::new(move |frame| sink.frame(frame));
            (None, Some(sink))
        }
    };
    let options = RealOptions { socket_tap, late_after: LATE_AFTER, ..RealOptions::default() };
    let lab = RealLab::start(options).map_err(|error| StepFailure::Lab(error.to_string()))?;
    Ok((Bench::Real(lab), subscription))
}

fn scene(
    context: &Context,
    place: &Place,
    plan: &Plan,
    profile: &Profile,
    addresses: &Addresses,
) -> mark::Scene {
    let server = |(index, name): (usize, &String)| mark::Node {
        name: name.clone(),
        addr: addresses.node(index),
        server: profile.servers.order.contains(name),
    };
    let mut nodes: Vec<mark::Node> = plan.nodes.iter().enumerate().map(server).collect();
    nodes.push(mark::Node { name: "far end".to_owned(), addr: addresses.far_end(), server: false });
    mark::Scene {
        name: place.name.clone(),
        feature: place.feature.clone(),
        line: place.line,
        tags: place.tags.clone(),
        seed: place.seed,
        net: context.net.as_str().to_owned(),
        sight: mark::Sight {
            frames: context.net == NetKind::Virtual || context.tap.is_some(),
            lossy: false,
            latency: Span::from_millis(5),
        },
        phone: vec![addresses.phone().ip()],
        nodes,
        profile: profile.clone(),
    }
}

async fn start_phone(
    context: &Context,
    bench: &mut Bench,
    place: &Place,
    profile: &Profile,
    nodes: &BTreeMap<String, (MachineId, SocketAddr)>,
    addresses: &Addresses,
) -> Result<PhoneDriver, StepFailure> {
    let servers: Vec<(String, SocketAddr)> =
        profile.servers.order.iter().filter_map(|name| Some((name.clone(), nodes.get(name)?.1))).collect();
    if context.net == NetKind::Virtual {
        let transport = profile.transport.default;
        return Ok(PhoneDriver::reference(
            bench,
            PhoneConfig {
                profile: profile.clone(),
                servers: servers.into_iter().map(|(name, addr)| Server { name, addr, transport }).collect(),
                local: addresses.phone(),
                user: PHONE_USER.to_owned(),
                password: PASSWORD.to_owned(),
                domain: DOMAIN.to_owned(),
                seed: place.seed,
                defects: context.defects.clone(),
            },
        ));
    }
    // It is complete, whatever it once extended.
    let complete = Profile { extends: None, ..profile.clone() };
    let profile_yaml = serde_yaml::to_string(&complete)
        .map_err(|error| StepFailure::bug(format!("the profile cannot be written: {error}")))?;
    let process = ReferenceProcess::start(ProcessOptions {
        program: &context.program,
        profile_yaml: &profile_yaml,
        servers: &servers,
        local: addresses.phone(),
        user: PHONE_USER,
        password: PASSWORD,
        domain: DOMAIN,
        seed: place.seed,
        defects: &context.defects,
    })
    .await
    .map_err(|error| StepFailure::Lab(error.to_string()))?;
    Ok(PhoneDriver::Process(Box::new(process)))
}
