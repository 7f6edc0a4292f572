//! The farm: which nodes there are, and how they misbehave.

use cucumber::gherkin::Step;
use cucumber::{given, when};

use sipfarm_core::profile::scaled_s;
use sipfarm_judge::Mark;

use super::text::{self, names};
use crate::farm::FaultSpec;
use crate::world::{StepFailure, StepResult, World};

/// The nodes, in the order in which the phone has them in its list.
#[given(regex = r#"^a farm with servers? ("[^"]+"(?:(?:, | and )"[^"]+")*)$"#)]
fn farm(world: &mut World, #[step] step: &Step, nodes: String) -> StepResult {
    world.begin(step);
    world.still_planning()?;
    let nodes = names(&nodes);
    if let Some(twice) = nodes.iter().enumerate().find_map(|(at, n)| nodes[..at].contains(n).then_some(n)) {
        return Err(world.stop(StepFailure::Setup(format!("the node \"{twice}\" is there twice"))));
    }
    if nodes.len() > 8 {
        return Err(
            world.stop(StepFailure::Setup(format!("a farm has at most 8 nodes, not {}", nodes.len())))
        );
    }
    world.plan.nodes = nodes;
    Ok(())
}

/// Which family of addresses the farm and the phone have; IPv4 unless said.
#[given(regex = r"^an (IPv4|IPv6) network$")]
fn network(world: &mut World, #[step] step: &Step, family: String) -> StepResult {
    world.begin(step);
    world.still_planning()?;
    world.plan.ipv6 = family == "IPv6";
    Ok(())
}

/// That server has no IPv6 address, whatever the network has: only DNS can say so to a phone (AR-25).
#[given(regex = r#"^"([^"]+)" speaks IPv4 only$"#)]
fn speaks_ipv4_only(world: &mut World, #[step] step: &Step, node: String) -> StepResult {
    world.begin(step);
    world.still_planning()?;
    world.plan.check_node(&node).map_err(|failure| world.stop(failure))?;
    world.plan.ipv4_only.push(node);
    Ok(())
}

/// Every registrar grants this expiry, whatever is asked.
#[given(regex = r"^registrations last (\d+) s$")]
fn granted(world: &mut World, #[step] step: &Step, seconds: u32) -> StepResult {
    world.begin(step);
    world.still_planning()?;
    world.plan.granted_s = Some(seconds);
    Ok(())
}

/// Every registrar refuses a shorter expiry with 423 and Min-Expires.
#[given(regex = r"^registrations last at least (\d+) s$")]
fn min_expires(world: &mut World, #[step] step: &Step, seconds: u32) -> StepResult {
    world.begin(step);
    world.still_planning()?;
    world.plan.min_expires_s = Some(seconds);
    Ok(())
}

/// Every server answers an INVITE of the phone's with 407 until it comes with credentials (RFC 3261 section 22.3).
#[given(regex = r"^the servers challenge every INVITE$")]
fn challenge_calls(world: &mut World, #[step] step: &Step) -> StepResult {
    world.begin(step);
    world.still_planning()?;
    world.plan.challenges_calls = true;
    Ok(())
}

/// Audio runs through that node, which writes itself into the session descriptions.
#[given(regex = r#"^"([^"]+)" anchors the audio$"#)]
fn anchors(world: &mut World, #[step] step: &Step, node: String) -> StepResult {
    world.begin(step);
    world.still_planning()?;
    world.plan.check_node(&node).map_err(|failure| world.stop(failure))?;
    world.plan.anchors.push(node);
    Ok(())
}

/// The same for every node.
#[given(regex = r"^the servers anchor the audio$")]
fn all_anchor(world: &mut World, #[step] step: &Step) -> StepResult {
    world.begin(step);
    world.still_planning()?;
    world.plan.anchors.clone_from(&world.plan.nodes);
    Ok(())
}

/// How the phone's packets fare between it and the farm, both ways. In the simulated network only.
#[given(
    regex = r"^the link has (\d+(?:\.\d+)? (?:ms delay|ms jitter|% loss|% duplication|% reordering)(?:(?:, | and )\d+(?:\.\d+)? (?:ms delay|ms jitter|% loss|% duplication|% reordering))*)$"
)]
fn link(world: &mut World, #[step] step: &Step, properties: String) -> StepResult {
    world.begin(step);
    world.still_planning()?;
    world.plan.link = Some(text::link(&properties).map_err(|failure| world.stop(failure))?);
    Ok(())
}

/// Any fault by its name and parameters, as `harness/farm/faults/README.md` lists them.
#[given(regex = r#"^"([^"]+)" has fault "([^"]+)"$"#)]
#[when(regex = r#"^"([^"]+)" has fault "([^"]+)"$"#)]
async fn has_fault(world: &mut World, #[step] step: &Step, node: String, fault: String) -> StepResult {
    world.begin(step);
    switch_on(world, &node, &fault).await
}

/// Short for the fault `status`.
#[given(regex = r#"^"([^"]+)" answers ([A-Z]+) with (\d{3})$"#)]
#[when(regex = r#"^"([^"]+)" answers ([A-Z]+) with (\d{3})$"#)]
async fn status(
    world: &mut World,
    #[step] step: &Step,
    node: String,
    method: String,
    code: u16,
) -> StepResult {
    world.begin(step);
    switch_on(world, &node, &format!("status code={code} method={method}")).await
}

/// Short for the fault `status` with Retry-After.
#[given(regex = r#"^"([^"]+)" answers ([A-Z]+) with (\d{3}) and Retry-After (\d+) s$"#)]
#[when(regex = r#"^"([^"]+)" answers ([A-Z]+) with (\d{3}) and Retry-After (\d+) s$"#)]
async fn status_retry_after(
    world: &mut World,
    #[step] step: &Step,
    node: String,
    method: String,
    code: u16,
    retry_after: u32,
) -> StepResult {
    world.begin(step);
    world.plan.check_node(&node).map_err(|failure| world.stop(failure))?;
    let retry_after = scaled_s(retry_after, world.lab().await?.time_scale());
    switch_on(world, &node, &format!("status code={code} retry-after={retry_after} method={method}")).await
}

/// It tells the phone that is registered there to reset.
#[when(regex = r#"^"([^"]+)" resets the phone$"#)]
async fn resets_phone(world: &mut World, #[step] step: &Step, node: String) -> StepResult {
    world.begin(step);
    world.plan.check_node(&node).map_err(|failure| world.stop(failure))?;
    world.the_only_phone()?;
    world.react().await?;
    let lab = world.lab().await?;
    if lab.reset_phone(&node) {
        return Ok(());
    }
    let precondition = format!("a phone is registered with \"{node}\", so that it can be reset from there");
    lab.mark(Mark::Unmet { precondition: precondition.clone() });
    Err(world.stop(StepFailure::Unmet(precondition)))
}

/// Every fault at the node ends.
#[when(regex = r#"^the faults at "([^"]+)" end$"#)]
async fn faults_end(world: &mut World, #[step] step: &Step, node: String) -> StepResult {
    world.begin(step);
    world.plan.check_faulty(&node).map_err(|failure| world.stop(failure))?;
    world.come_to_rest().await?;
    let ended = world.lab().await?.faults_off(&node);
    ended.map_err(|failure| world.stop(failure))
}

async fn switch_on(world: &mut World, node: &str, fault: &str) -> StepResult {
    world.plan.check_faulty(node).map_err(|failure| world.stop(failure))?;
    let spec: FaultSpec = match fault.parse() {
        Ok(spec) => spec,
        Err(error) => return Err(world.stop(StepFailure::Setup(format!("{error}")))),
    };
    world.come_to_rest().await?;
    world.check_audio_past(node, &spec).await?;
    let switched = world.lab().await?.fault_on(node, &spec);
    switched.map_err(|failure| world.stop(failure))
}
