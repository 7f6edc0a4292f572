//! How a lab is built from a plan.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use sipfarm_core::machine::Transport;
use sipfarm_core::profile::Profile;
use sipfarm_core::{Instant, Span};
use sipfarm_judge::{Mark, mark};
use sipfarm_ua::{Destination, Line, PhoneConfig, Server};
use socket2::{Domain, Socket, Type};
use tokio::sync::Notify;

use super::super::trunks::Parties;
use super::super::{Context, DNS_NODE, FAR_END_NODE, NetKind, PhoneChoice, Place, Plan, StepFailure};
use super::{FAR_END_USER, Lab, PHONE_USER, Record, SOCKET_PATIENCE, program, scale, trouble};
use crate::capture::recorder::{Mode, Recorder};
use crate::capture::tap::Subscription;
use crate::farm::{Account, FarEnd, FarEndConfig, Node, NodeConfig};
use crate::net::{Bench, Driver, Link, MachineId, RealLab, RealOptions, Slice, TlsOptions, VirtualNet, bind};
use crate::phone::{PhoneDriver, ProcessOptions, Program, ProgramOptions, ReferenceProcess, profiles};

const DOMAIN: &str = "lab.example";
const PASSWORD: &str = "correct horse";
const SIP_PORT: u16 = 5060;
const DNS_PORT: u16 = 53;
const DNS_PORT_UNPRIVILEGED: u16 = 5353;
/// The farm's lateness is noted from here on.
const LATE_AFTER: Span = Span::from_millis(100);
/// How late a packet may pass the tap: the kernel stamps it within a millisecond.
const TAP_LATENCY: Span = Span::from_millis(5);
/// How late a socket may tell: what comes over TCP is stamped when it is read.
const SOCKET_LATENCY: Span = Span::from_millis(SOCKET_PATIENCE.as_millis() as i64);
/// Where virtual time begins: 2026-01-01T00:00:00Z, so that every virtual capture is alike.
const VIRTUAL_EPOCH: Instant = Instant::from_nanos(1_767_225_600_000_000_000);

/// The addresses of a scenario's parties.
struct Addresses {
    slice: Option<Arc<Slice>>,
    ipv6: bool,
    /// The places of the nodes that have IPv4 only, whatever the others have.
    ipv4_only: Vec<usize>,
}

impl Addresses {
    /// Those of the simulated network are of the ranges for documentation (RFC 5737, RFC 3849).
    fn host(&self, number: u8) -> SocketAddr {
        self.host_of(number, self.ipv6)
    }
    fn host_of(&self, number: u8, ipv6: bool) -> SocketAddr {
        let ip = match (&self.slice, ipv6) {
            (Some(slice), false) => slice.ip(number),
            (Some(slice), true) => slice.ipv6(number),
            (None, false) => IpAddr::V4(Ipv4Addr::new(192, 0, 2, number)),
            (None, true) => IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, number.into())),
        };
        SocketAddr::new(ip, SIP_PORT)
    }
    /// Of their own for this scenario.
    fn claim(context: &Context, plan: &Plan) -> Result<Addresses, StepFailure> {
        let slice = match context.net {
            NetKind::Virtual => None,
            NetKind::Loopback => {
                Some(Arc::new(Slice::claim().map_err(|error| StepFailure::Lab(error.to_string()))?))
            }
        };
        if let (Some(slice), true) = (&slice, plan.ipv6)
            && !slice.has_ipv6()
        {
            return Err(StepFailure::NotExercised(Slice::NO_IPV6.to_owned()));
        }
        let places = (0..plan.nodes.len()).filter(|place| plan.ipv4_only.contains(&plan.nodes[*place]));
        Ok(Addresses { slice, ipv6: plan.ipv6, ipv4_only: places.collect() })
    }
    fn node(&self, index: usize) -> SocketAddr {
        let ipv6 = self.ipv6 && !self.ipv4_only.contains(&index);
        self.host_of(11 + u8::try_from(index).unwrap_or(0), ipv6)
    }
    /// On port 53, or on 5353 where this process may not have that.
    fn dns(&self) -> SocketAddr {
        let at = |port| SocketAddr::new(self.host(10).ip(), port);
        let refused = |addr: SocketAddr| {
            let socket = Socket::new(Domain::for_address(addr), Type::DGRAM, None);
            self.slice.is_some() && socket.and_then(|socket| bind(&socket, addr)).is_err()
        };
        if refused(at(DNS_PORT)) { at(DNS_PORT_UNPRIVILEGED) } else { at(DNS_PORT) }
    }
    fn far_end(&self) -> SocketAddr {
        self.host(100)
    }
    fn phone(&self) -> SocketAddr {
        self.host(200)
    }
    fn second_phone(&self) -> SocketAddr {
        self.host(201)
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
        let base = base_profile(&context, plan)?;
        let fitted;
        let (plan, profile) = if program::is_phone(&context, &base) {
            program::check_plan(plan, &base)?;
            plan.lines.check_program(&base)?;
            fitted = program::fit(plan, &base);
            let mut profile = fitted.resolve(base)?;
            profile.servers.order.retain(|node| program::may_reach(&fitted, node));
            (&fitted, profile)
        } else {
            (plan, plan.resolve(base)?)
        };
        if plan.second_phone && program::is_phone(&context, &profile) {
            let why = "this phone is a program, and of those a scenario has one";
            return Err(StepFailure::NotExercised(why.to_owned()));
        }
        // Before anything is built of them: phone, farm and judge are handed times that are scaled already.
        let time_scale = scale::of(&context, place, plan, &profile)?;
        let (plan, profile) = (&plan.at_scale(time_scale), profile.at_scale(time_scale));
        if plan.link.is_some() && context.net != NetKind::Virtual {
            let why = "the link can be made worse in the simulated network only (--net virtual)";
            return Err(StepFailure::NotExercised(why.to_owned()));
        }
        plan.trunks.check()?;
        plan.check_families()?;
        let addresses = Addresses::claim(&context, plan)?;
        let mode = match context.net {
            NetKind::Virtual => Mode::Buffered,
            NetKind::Loopback => Mode::Streamed,
        };
        let recorder = Recorder::new((context.capture_of)(place), mode)
            .map_err(|error| StepFailure::Lab(format!("the capture cannot be written: {error}")))?;
        let record = Arc::new(Record { recorder: Mutex::new(Some(recorder)), bell: Notify::new() });
        let link = plan.link.or(context.link);
        let (mut bench, subscription) = open_bench(&context, place, &addresses, &record)?;

        let dns_addr = addresses.dns();
        let scene = scene(&context, place, plan, (&profile, time_scale), &addresses, dns_addr);
        let latency = scene.sight.latency;
        let begun = bench.now();
        if let Some(recorder) = record.lock().as_mut() {
            recorder.mark(Mark::Scenario(Box::new(scene)), begun);
            if plan.second_phone {
                let addresses = vec![addresses.second_phone().ip()];
                recorder.mark(Mark::SecondPhone { addresses }, begun);
            }
        }
        if let (Some(link), Bench::Virtual(driver)) = (link, &mut bench) {
            for phone in [addresses.phone(), addresses.second_phone()] {
                driver.net().set_link(phone.ip(), link);
            }
            record.mark(link_mark(&link), begun);
        }
        let far_end_addr = addresses.far_end();
        let far_end = bench.add(Box::new(FarEnd::new(FarEndConfig {
            addr: far_end_addr,
            domain: DOMAIN.to_owned(),
            user: FAR_END_USER.to_owned(),
            kind: plan.far_end_kind,
            seed: place.seed ^ 0xFA,
        })));
        let behaviour = plan.far_end;
        bench.command(far_end, move |far_end: &mut FarEnd, _| far_end.behave(behaviour));
        let sessions = plan.sessions;
        bench.command(far_end, move |far_end: &mut FarEnd, _| far_end.time_sessions(sessions));
        let group = plan.group.as_ref().map(|group| group.found(begun));
        let trunks = plan.trunks.is_needed(plan.far_end_kind).then(|| plan.trunks.found());
        let parties = parties(plan, &addresses);
        let nodes = plan
            .nodes
            .iter()
            .enumerate()
            .map(|(index, name)| {
                let addr = addresses.node(index);
                let config = NodeConfig {
                    name: name.clone(),
                    addr,
                    tls: speaks_tls(&profile),
                    domain: domain_of(plan, name).to_owned(),
                    zone: plan.dns.as_ref().map(|dns| dns.origin.clone()),
                    account: account(PHONE_USER),
                    further_accounts: plan.lines.users().skip(1).map(account).collect(),
                    challenge: true,
                    expires_s: plan.granted_s,
                    far_end: way_to_far_end(plan, name, &parties).unwrap_or(far_end_addr),
                    seed: place.seed.wrapping_add(index as u64 + 1),
                };
                let mut node = Node::new(config);
                node.set_min_expires(plan.min_expires_s.unwrap_or(0));
                if plan.challenges_calls {
                    node.challenge_calls();
                }
                if plan.anchors.contains(name) {
                    node.anchor_audio();
                }
                if let (Some(plan), Some(group)) = (&plan.group, &group) {
                    plan.place(group, &mut node);
                }
                if let Some(trunks) = &trunks {
                    node.join_trunks(plan.trunks.end(trunks, name, &parties));
                }
                (name.clone(), (bench.add(Box::new(node)), addr))
            })
            .collect();
        let dns = match &plan.dns {
            Some(dns) => {
                let hosts = plan.nodes.iter().cloned().zip((0..).map(|index| addresses.node(index).ip()));
                let node = dns.build(dns_addr, hosts.collect(), place.seed ^ 0xD5)?;
                Some(bench.add(Box::new(node)))
            }
            None => None,
        };
        let dns_addr = dns.map(|_| dns_addr);
        let servers = servers(plan, &profile, &nodes)?;
        let lines: Vec<Line> = plan.lines.of_phone(&profile).into_iter().map(line).collect();
        let start = Start {
            context: &context,
            scenario: &place.name,
            profile: &profile,
            lines: &lines,
            servers: &servers,
            dns: dns_addr,
        };
        let phone = start.phone(&mut bench, addresses.phone(), place.seed).await?;
        let second_phone = match plan.second_phone {
            true => Some(start.phone(&mut bench, addresses.second_phone(), place.seed ^ 0x2D).await?),
            false => None,
        };
        tracing::info!(scenario = place.name, phone = %addresses.phone(), profile = profile.id, "the lab stands");
        let noted = trouble::Noted::from_here(context.tap.as_ref());
        let mut lab = Lab {
            context,
            bench,
            record,
            subscription,
            _slice: addresses.slice,
            profile,
            time_scale,
            nodes,
            far_end,
            far_end_addr,
            dns,
            group,
            trunks,
            phone,
            second_phone,
            lost: None,
            noted,
            latency,
            settled: begun,
            begun,
        };
        lab.check_bindings()?;
        Ok(lab)
    }
}

/// All users of a phone have one password.
fn account(user: &str) -> Account {
    Account { user: user.to_owned(), password: PASSWORD.to_owned() }
}

fn line(line: mark::Line) -> Line {
    Line { user: line.user, password: PASSWORD.to_owned(), appearances: line.appearances }
}

fn parties(plan: &Plan, addresses: &Addresses) -> Parties<'static> {
    let nodes = plan.nodes.iter().cloned().zip((0..).map(|index| addresses.node(index)));
    Parties { nodes: nodes.collect(), phone: PHONE_USER, far_end: FAR_END_USER, kind: plan.far_end_kind }
}

/// The system to which a node sends what is for the far end, where it does not reach it by itself.
fn way_to_far_end(plan: &Plan, node: &str, parties: &Parties<'_>) -> Option<SocketAddr> {
    parties.nodes.get(plan.trunks.way_to_far_end(node)?).copied()
}

/// The SIP domain that a node serves.
fn domain_of<'a>(plan: &'a Plan, node: &str) -> &'a str {
    plan.group.as_ref().and_then(|group| group.domain_of(node)).unwrap_or(DOMAIN)
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
    let sink = Arc::clone(record);
    let tls = TlsOptions { seed: place.seed, secrets: Some(Arc::new(move |line| sink.secret(line))) };
    let Some(slice) = &addresses.slice else {
        let net = VirtualNet::new(place.seed, VIRTUAL_EPOCH);
        return Ok((Bench::Virtual(Box::new(Driver::with_tls(net, tls))), None));
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
    let options = RealOptions { socket_tap, late_after: LATE_AFTER, tls, ..RealOptions::default() };
    let lab = RealLab::start(options).map_err(|error| StepFailure::Lab(error.to_string()))?;
    Ok((Bench::Real(lab), subscription))
}

fn scene(
    context: &Context,
    place: &Place,
    plan: &Plan,
    (profile, time_scale): (&Profile, f64),
    addresses: &Addresses,
    dns_addr: SocketAddr,
) -> mark::Scene {
    let server = |(index, name): (usize, &String)| mark::Node {
        name: name.clone(),
        addr: addresses.node(index),
        tls: speaks_tls(profile).then(|| Transport::Tls.beside(addresses.node(index))),
        server: profile.servers.order.contains(name),
        dns: false,
    };
    let mut nodes: Vec<mark::Node> = plan.nodes.iter().enumerate().map(server).collect();
    nodes.push(mark::Node {
        name: FAR_END_NODE.to_owned(),
        addr: addresses.far_end(),
        tls: None,
        server: false,
        dns: false,
    });
    if plan.dns.is_some() {
        nodes.push(mark::Node {
            name: DNS_NODE.to_owned(),
            addr: dns_addr,
            tls: None,
            server: false,
            dns: true,
        });
    }
    let link = plan.link.or(context.link).unwrap_or_default();
    let (frames, latency) = match (context.net, &context.tap) {
        (NetKind::Virtual, _) => (true, VirtualNet::LATENCY + link.longest()),
        (NetKind::Loopback, Some(_)) => (true, TAP_LATENCY),
        (NetKind::Loopback, None) => (false, SOCKET_LATENCY),
    };
    mark::Scene {
        name: place.name.clone(),
        feature: place.feature.clone(),
        line: place.line,
        tags: place.tags.clone(),
        seed: place.seed,
        net: context.net.as_str().to_owned(),
        sight: mark::Sight { frames, lossy: link.is_lossy(), latency },
        phone: phone_addresses(context, profile, addresses),
        lines: plan.lines.of_scene(profile),
        nodes,
        servers: plan.servers.clone(),
        profile: profile.clone(),
        time_scale,
    }
}

/// Whether the farm needs TLS for that phone.
fn speaks_tls(profile: &Profile) -> bool {
    profile.transport.default == Transport::Tls || profile.transport.allowed.contains(&Transport::Tls)
}

/// The phone's own address, and those that its profile says besides.
fn phone_addresses(context: &Context, profile: &Profile, addresses: &Addresses) -> Vec<IpAddr> {
    let program = profile.control.process.as_ref().filter(|_| program::is_phone(context, profile));
    let also = program.into_iter().flat_map(|program| program.also_from.iter().copied());
    std::iter::once(addresses.phone().ip()).chain(also).collect()
}

fn link_mark(link: &Link) -> Mark {
    let Link { delay, jitter, loss, duplicate, reorder } = *link;
    Mark::Link { delay, jitter, loss, duplicate, reorder }
}

/// What every phone of the scenario is told when it starts. They are of one user.
struct Start<'s> {
    context: &'s Context,
    scenario: &'s str,
    profile: &'s Profile,
    lines: &'s [Line],
    servers: &'s [Server],
    dns: Option<SocketAddr>,
}

impl Start<'_> {
    /// One phone at that address: on the bench, as a process of ours, or the program that its profile describes.
    async fn phone(
        &self,
        bench: &mut Bench,
        local: SocketAddr,
        seed: u64,
    ) -> Result<PhoneDriver, StepFailure> {
        let &Start { context, scenario, profile, lines, servers, dns } = self;
        if context.net == NetKind::Virtual {
            return Ok(PhoneDriver::reference(
                bench,
                PhoneConfig {
                    profile: profile.clone(),
                    servers: servers.to_vec(),
                    dns: dns.into_iter().collect(),
                    local,
                    lines: lines.to_vec(),
                    domain: DOMAIN.to_owned(),
                    seed,
                    defects: context.defects.clone(),
                },
            ));
        }
        if program::is_phone(context, profile) {
            let options = ProgramOptions {
                profile,
                servers,
                dns,
                local,
                user: PHONE_USER,
                password: PASSWORD,
                domain: DOMAIN,
                seat: context.desk.as_ref().map(|desk| desk.seat(scenario, &profile.id)),
            };
            return Ok(PhoneDriver::Program(Box::new(Program::start(options).await?)));
        }
        // It is complete, whatever it once extended.
        let complete = Profile { extends: None, ..profile.clone() };
        let profile_yaml = serde_yaml::to_string(&complete)
            .map_err(|error| StepFailure::bug(format!("the profile cannot be written: {error}")))?;
        let by_name = servers.iter().any(|server| matches!(server.at, Destination::Name { .. }));
        let process = ReferenceProcess::start(ProcessOptions {
            program: &context.program,
            profile_yaml: &profile_yaml,
            servers,
            dns: dns.filter(|_| by_name),
            local,
            user: PHONE_USER,
            further_lines: lines.get(1..).unwrap_or_default(),
            password: PASSWORD,
            domain: DOMAIN,
            seed,
            defects: &context.defects,
        })
        .await?;
        Ok(PhoneDriver::Process(Box::new(process)))
    }
}

/// What the phone is told to use: what the plan says, else the servers of its profile.
fn servers(
    plan: &Plan,
    profile: &Profile,
    nodes: &BTreeMap<String, (MachineId, SocketAddr)>,
) -> Result<Vec<Server>, StepFailure> {
    let listed = if plan.servers.is_empty() { &profile.servers.order } else { &plan.servers };
    let known = listed.iter().filter(|name| !plan.servers.is_empty() || nodes.contains_key(*name));
    known
        .map(|name| {
            let by_name = !nodes.contains_key(name) && plan.transport_from_dns;
            let transport = (!by_name).then_some(profile.transport.default);
            let at = match nodes.get(name) {
                Some((_, addr)) => Destination::Address(profile.transport.default.beside(*addr)),
                None => domain_name(plan, name)?,
            };
            Ok(Server { name: name.clone(), at, transport })
        })
        .collect()
}

/// `example.test` or `example.test:5070`.
fn domain_name(plan: &Plan, name: &str) -> Result<Destination, StepFailure> {
    let (host, port) = match name.rsplit_once(':') {
        Some((host, port)) => (
            host,
            Some(port.parse::<u16>().map_err(|_| {
                StepFailure::Setup(format!("the phone's server \"{name}\": {port:?} is no port"))
            })?),
        ),
        None => (name, None),
    };
    if !host.contains('.') || plan.dns.is_none() {
        let problem = plan.check_node(name).err().map_or(String::new(), |failure| format!(": {failure}"));
        let help = "a server of the phone is a node, or a domain name and then the farm needs DNS";
        return Err(StepFailure::Setup(format!("{help}{problem}")));
    }
    Ok(Destination::Name { host: host.to_owned(), port })
}
