//! How a lab is built from a plan.

use std::sync::{Arc, Mutex};

use sipfarm_core::profile::Profile;
use sipfarm_core::{Instant, Span};
use sipfarm_judge::{Mark, mark};
use sipfarm_ua::Line;
use tokio::sync::Notify;

use super::super::{Context, PhoneChoice, Place, Plan, StepFailure, fix};
use super::addresses::Addresses;
use super::farm::{Ground, PASSWORD};
use super::record::Record;
use super::scene::scene;
use super::start::{Start, servers};
use super::{Lab, program, scale, trouble};
use crate::capture::recorder::{Mode, Recorder};
use crate::capture::tap::Subscription;
use crate::net::{Bench, Driver, Link, NetKind, RealLab, RealOptions, TlsOptions, VirtualNet};
use crate::phone::profiles;

/// The farm's lateness is noted from here on.
const LATE_AFTER: Span = Span::from_millis(100);
/// Where virtual time begins: 2026-01-01T00:00:00Z, so that every virtual capture is alike.
const VIRTUAL_EPOCH: Instant = Instant::from_nanos(1_767_225_600_000_000_000);

impl Lab {
    /// Builds what the plan asks for.
    ///
    /// # Errors
    /// The plan does not fit together, or the network refuses an address.
    pub async fn build(context: Arc<Context>, place: &Place, plan: &Plan) -> Result<Lab, StepFailure> {
        let (plan, profile) = resolved(&context, plan)?;
        // Before anything is built of them: phone, farm and judge are handed times that are scaled already.
        let time_scale = scale::of(&context, place, &plan, &profile)?;
        let (plan, profile) = (&plan.at_scale(time_scale), profile.at_scale(time_scale));
        check(&context, plan)?;
        let addresses = Addresses::claim(&context, plan)?;
        let record = open_record(&context, place)?;
        let (mut bench, subscription) = open_bench(&context, place, &addresses, &record)?;
        let begun = bench.now();

        let dns_addr = addresses.dns();
        let scene = scene(&context, place, plan, (&profile, time_scale), &addresses, dns_addr);
        let latency = scene.sight.latency;
        record.mark(Mark::Scenario(Box::new(scene)), begun);
        if plan.second_phone {
            record.mark(Mark::SecondPhone { addresses: vec![addresses.second_phone().ip()] }, begun);
        }
        set_link(plan.link.or(context.link), &mut bench, &addresses, &record);

        let ground = Ground { plan, profile: &profile, place, addresses: &addresses };
        let far_end = ground.far_end(&mut bench);
        let group = plan.group.as_ref().map(|group| group.found(begun));
        let trunks = plan.trunks.is_needed(plan.far_end_kind).then(|| plan.trunks.found());
        let nodes = ground.nodes(&mut bench, group.as_ref(), trunks.as_ref());
        let dns = ground.dns(&mut bench, dns_addr)?;

        let servers = servers(plan, &profile, &nodes)?;
        let lines: Vec<Line> = plan.lines.of_phone(&profile).into_iter().map(line).collect();
        let start = Start {
            context: &context,
            scenario: &place.name,
            profile: &profile,
            lines: &lines,
            servers: &servers,
            dns: dns.map(|_| dns_addr),
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
            far_end_addr: addresses.far_end(),
            _slice: addresses.slice,
            profile,
            time_scale,
            nodes,
            far_end,
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

/// The plan and the profile as the phone that was chosen allows them.
fn resolved(context: &Context, plan: &Plan) -> Result<(Plan, Profile), StepFailure> {
    if plan.nodes.is_empty() {
        return Err(StepFailure::Setup(
            "the scenario has no farm: start with  Given a farm with servers \"primary\" and \"secondary\""
                .to_owned(),
        ));
    }
    let base = base_profile(context, plan)?;
    if !program::is_phone(context, &base) {
        return Ok((plan.clone(), plan.resolve(base)?));
    }
    if plan.second_phone {
        let why = "this phone is a program, and of those a scenario has one";
        return Err(StepFailure::NotExercised(why.to_owned()));
    }
    program::check_plan(plan, &base)?;
    plan.lines.check_program(&base)?;
    let fitted = program::fit(plan, &base);
    let mut profile = fitted.resolve(base)?;
    profile.servers.order.retain(|node| program::may_reach(&fitted, node));
    Ok((fitted, profile))
}

/// Whether the plan fits together, and fits the network.
fn check(context: &Context, plan: &Plan) -> Result<(), StepFailure> {
    if plan.link.is_some() && context.net != NetKind::Virtual {
        let why = "the link can be made worse in the simulated network only (--net virtual)";
        return Err(StepFailure::NotExercised(why.to_owned()));
    }
    plan.trunks.check()?;
    plan.check_families()
}

fn open_record(context: &Context, place: &Place) -> Result<Arc<Record>, StepFailure> {
    let mode = match context.net {
        NetKind::Virtual => Mode::Buffered,
        NetKind::Loopback => Mode::Streamed,
    };
    let recorder = Recorder::new((context.capture_of)(place), mode)
        .map_err(|error| StepFailure::lab(format!("the capture cannot be written: {error}"), fix::NO_ROOM))?;
    Ok(Arc::new(Record { recorder: Mutex::new(Some(recorder)), bell: Notify::new() }))
}

/// Makes the way of the phones as bad as it is to be, where it is simulated.
fn set_link(link: Option<Link>, bench: &mut Bench, addresses: &Addresses, record: &Record) {
    let (Some(link), Bench::Virtual(driver)) = (link, &mut *bench) else { return };
    for phone in [addresses.phone(), addresses.second_phone()] {
        driver.net().set_link(phone.ip(), link);
    }
    let begun = bench.now();
    record.mark(link_mark(&link), begun);
}

fn line(line: mark::Line) -> Line {
    Line { user: line.user, password: PASSWORD.to_owned(), appearances: line.appearances }
}

fn base_profile(context: &Context, plan: &Plan) -> Result<Profile, StepFailure> {
    match &context.phone {
        PhoneChoice::Profile { profile, .. } => Ok((**profile).clone()),
        PhoneChoice::Reference { .. } => {
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
    let lab = RealLab::start(options).map_err(|error| StepFailure::lab(error, fix::NO_SOCKETS))?;
    Ok((Bench::Real(lab), subscription))
}

fn link_mark(link: &Link) -> Mark {
    let Link { delay, jitter, loss, duplicate, reorder } = *link;
    Mark::Link { delay, jitter, loss, duplicate, reorder }
}
