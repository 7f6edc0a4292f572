//! Systems that trunks join: which there are, which calls they preserve, what they do with the others.

use cucumber::gherkin::Step;
use cucumber::{given, then};
use sipfarm_core::Span;
use sipfarm_core::sip::Method;
use sipfarm_judge::{Mark, Timeline};

use super::text::{lasting, names};
use crate::farm::{FarEndKind, Switch, Trunk};
use crate::world::{FAR_END_USER, PHONE_USER, StepFailure, StepResult, World};

/// Calls between the two run over a line that each governs at its end.
#[given(regex = r#"^"([^"]+)" and "([^"]+)" are linked systems$"#)]
fn linked(world: &mut World, #[step] step: &Step, one: String, other: String) -> StepResult {
    world.begin(step);
    join(world, [one, other], Trunk::Link)
}

/// The second is a carrier; unless said, the first system's own switch holds for the trunk.
#[given(regex = r#"^"([^"]+)" has a SIP trunk to "([^"]+)"(?: with call preservation (on|off))?$"#)]
fn sip_trunk(
    world: &mut World,
    #[step] step: &Step,
    system: String,
    carrier: String,
    switch: String,
) -> StepResult {
    world.begin(step);
    let switch = match &*switch {
        "on" => Switch::On,
        "off" => Switch::Off,
        _ => Switch::Inherit,
    };
    join(world, [system, carrier], Trunk::Sip(switch))
}

/// The system's own switch, which is off unless said.
#[given(regex = r#"^call preservation is (on|off) at ("[^"]+"(?:(?:, | and )"[^"]+")*)$"#)]
fn preservation(world: &mut World, #[step] step: &Step, state: String, systems: String) -> StepResult {
    world.begin(step);
    world.still_planning()?;
    for system in names(&systems) {
        world.plan.check_node(&system).map_err(|failure| world.stop(failure))?;
        world.plan.trunks.preserving.retain(|preserving| *preserving != system);
        if state == "on" {
            world.plan.trunks.preserving.push(system);
        }
    }
    Ok(())
}

/// A preserved call is ended by that system after so long, which is 7200 s unless said (AM-17).
#[given(regex = r#"^"([^"]+)" ends preserved calls after (\d+) s$"#)]
fn preserved_for(world: &mut World, #[step] step: &Step, system: String, seconds: u32) -> StepResult {
    world.begin(step);
    world.still_planning()?;
    world.plan.check_node(&system).map_err(|failure| world.stop(failure))?;
    if seconds == 0 {
        let message = "a system keeps a preserved call for at least 1 s; without `call preservation is on`, it keeps none";
        return Err(world.stop(StepFailure::Setup(message.to_owned())));
    }
    world.plan.trunks.limits_s.insert(system, seconds);
    Ok(())
}

/// A number of that system that rings the phone, and whose calls it marks as a hunt group's.
#[given(regex = r#"^"([^"]+)" has hunt group (\d+)$"#)]
fn hunt_group(world: &mut World, #[step] step: &Step, system: String, number: String) -> StepResult {
    world.begin(step);
    world.still_planning()?;
    world.plan.check_node(&system).map_err(|failure| world.stop(failure))?;
    let taken = [PHONE_USER, FAR_END_USER].contains(&number.as_str())
        || world.plan.trunks.hunt_groups.iter().any(|(_, other)| *other == number);
    if taken {
        let problem =
            format!("{number} is somebody's number already: give the hunt group another, such as 300");
        return Err(world.stop(StepFailure::Setup(problem)));
    }
    world.plan.trunks.hunt_groups.push((system, number));
    Ok(())
}

/// What answers there, and behind which system.
#[given(regex = r#"^the far end is a ([^"]+?)(?: at "([^"]+)")?$"#)]
fn far_end(world: &mut World, #[step] step: &Step, kind: String, system: String) -> StepResult {
    world.begin(step);
    world.still_planning()?;
    let kind: FarEndKind = kind.parse().map_err(|problem| world.stop(StepFailure::Setup(problem)))?;
    world.plan.far_end_kind = kind;
    world.plan.trunks.far_end_at = None;
    if !system.is_empty() {
        world.plan.check_node(&system).map_err(|failure| world.stop(failure))?;
        world.plan.trunks.far_end_at = Some(system);
    }
    Ok(())
}

/// Waits for a request of a node's own or one that it passes on; says nothing of the phone.
#[then(regex = r#"^"([^"]+)" sends ([A-Z]+) to (the phone|the far end)$"#)]
async fn sends(
    world: &mut World,
    #[step] step: &Step,
    node: String,
    method: Method,
    party: String,
) -> StepResult {
    world.begin(step);
    let sent = sent(world, &node, method.clone(), &party).await?;
    let what = format!("{method} from \"{node}\" to {party}");
    world.await_farm(&what, move |timeline, since| sent(timeline, since).then_some(())).await
}

/// There is none from the last trigger until so long from now; says nothing of the phone.
#[then(regex = r#"^"([^"]+)" sends no ([A-Z]+) to (the phone|the far end) for (\S+) s$"#)]
async fn sends_no(
    world: &mut World,
    #[step] step: &Step,
    node: String,
    method: Method,
    party: String,
    during: String,
) -> StepResult {
    world.begin(step);
    let during = lasting(world, &during).await?;
    let sent = sent(world, &node, method.clone(), &party).await?;
    world.wait(during).await?;
    let what = format!("no {method} from \"{node}\" to {party}");
    let is_clear = move |timeline: &Timeline, since| (!sent(timeline, since)).then_some(());
    world.await_farm_within(Span::ZERO, &what, is_clear).await
}

/// Whether the node has sent that party such a request since then.
async fn sent(
    world: &mut World,
    node: &str,
    method: Method,
    party: &str,
) -> Result<impl Fn(&Timeline, sipfarm_core::Instant) -> bool + use<>, StepFailure> {
    world.plan.check_node(node).map_err(|failure| world.stop(failure))?;
    let to_far_end = party == "the far end";
    let lab = world.lab().await?;
    let (from, far_end) = (lab.node_addr(node).map(|addr| addr.ip()), lab.far_end_addr().ip());
    Ok(move |timeline: &Timeline, since| {
        let scene = timeline.marks().find_map(|(_, mark)| match mark {
            Mark::Scenario(scene) => Some(scene),
            _ => None,
        });
        let phone = scene.map(|scene| scene.phone.as_slice()).unwrap_or_default();
        timeline.sip().any(|(event, sip)| {
            let to = sip.dst.ip();
            let is_there = if to_far_end { to == far_end } else { phone.contains(&to) };
            event.at >= since && Some(sip.src.ip()) == from && is_there && sip.message.is_request(&method)
        })
    })
}

fn join(world: &mut World, ends: [String; 2], trunk: Trunk) -> StepResult {
    world.still_planning()?;
    for node in &ends {
        world.plan.check_node(node).map_err(|failure| world.stop(failure))?;
    }
    let trunks = &mut world.plan.trunks.joined;
    let joins = |others: &[String; 2]| ends.iter().all(|end| others.contains(end));
    let problem = if ends[0] == ends[1] {
        format!("a trunk joins two systems, and \"{}\" is one", ends[0])
    } else if trunks.iter().any(|(others, _)| joins(others)) {
        format!("\"{}\" and \"{}\" are joined already", ends[0], ends[1])
    } else {
        trunks.push((ends, trunk));
        return Ok(());
    };
    Err(world.stop(StepFailure::Setup(problem)))
}
