//! The far end: the other party of a call.

use cucumber::gherkin::Step;
use cucumber::{given, then, when};
use sipfarm_core::Span;
use sipfarm_judge::Mark;

use super::text::seconds;
use crate::farm::{Behaviour, CallOrder, FarEnd};
use crate::world::{StepFailure, StepResult, World};

/// It answers at once, or rings first for that many seconds.
#[given(regex = r"^the far end answers(?: after (\S+) s)?$")]
async fn answers(world: &mut World, #[step] step: &Step, after: String) -> StepResult {
    world.begin(step);
    let after = seconds(&after).map_err(|failure| world.stop(failure))?;
    behave(world, Behaviour::Answer { after: after.unwrap_or(Span::ZERO) }).await
}

/// It rings and nobody answers.
#[given(regex = r"^the far end rings$")]
async fn rings(world: &mut World, #[step] step: &Step) -> StepResult {
    world.begin(step);
    behave(world, Behaviour::Ring).await
}

/// It refuses.
#[given(regex = r"^the far end rejects with (\d{3})$")]
async fn rejects(world: &mut World, #[step] step: &Step, code: u16) -> StepResult {
    world.begin(step);
    if !(300..=699).contains(&code) {
        return Err(world.stop(StepFailure::Setup(format!("{code} is no refusal: those are 300 to 699"))));
    }
    behave(world, Behaviour::Reject { code }).await
}

/// It gives no sign of life.
#[given(regex = r"^the far end stays silent$")]
async fn silent(world: &mut World, #[step] step: &Step) -> StepResult {
    world.begin(step);
    behave(world, Behaviour::Silent).await
}

/// It refreshes sessions itself, where that is left to it, and asks for such sessions when it calls
/// (RFC 4028).
#[given(regex = r"^the far end refreshes sessions of (\d+) s$")]
fn refreshes(world: &mut World, #[step] step: &Step, seconds: u32) -> StepResult {
    world.begin(step);
    world.still_planning()?;
    world.plan.sessions.refreshes_s = Some(session_s(world, seconds)?);
    Ok(())
}

/// It refuses shorter sessions with 422 and Min-SE (RFC 4028).
#[given(regex = r"^sessions last at least (\d+) s$")]
fn sessions_last(world: &mut World, #[step] step: &Step, seconds: u32) -> StepResult {
    world.begin(step);
    world.still_planning()?;
    world.plan.sessions.least_s = session_s(world, seconds)?;
    Ok(())
}

/// It calls the phone through a node where the phone is registered.
#[when(regex = r#"^the far end calls the phone through "([^"]+)"$"#)]
async fn calls(world: &mut World, #[step] step: &Step, node: String) -> StepResult {
    world.begin(step);
    world.plan.check_node(&node).map_err(|failure| world.stop(failure))?;
    world.the_only_phone()?;
    world.react().await?;
    let lab = world.lab().await?;
    let user = lab.phone_user();
    let through = lab.node_addr(&node).ok_or_else(|| StepFailure::bug("unchecked node"))?;
    lab.far_end(move |far_end: &mut FarEnd, now| far_end.call(&CallOrder::to(user, through), now));
    Ok(())
}

/// It calls somebody else through that node: a user who is hot-desked at the phone, or a hunt group.
#[when(regex = r#"^the far end calls (?:user|hunt group) (\S+) through "([^"]+)"$"#)]
async fn calls_user(world: &mut World, #[step] step: &Step, user: String, node: String) -> StepResult {
    world.begin(step);
    world.plan.check_node(&node).map_err(|failure| world.stop(failure))?;
    world.the_only_phone()?;
    world.react().await?;
    let lab = world.lab().await?;
    let through = lab.node_addr(&node).ok_or_else(|| StepFailure::bug("unchecked node"))?;
    lab.far_end(move |far_end: &mut FarEnd, now| far_end.call(&CallOrder::to(&user, through), now));
    Ok(())
}

/// It puts the call on hold.
#[when(regex = r"^the far end holds the call$")]
async fn holds(world: &mut World, #[step] step: &Step) -> StepResult {
    hold(world, step, true).await
}

/// It takes the call off hold.
#[when(regex = r"^the far end resumes the call$")]
async fn resumes(world: &mut World, #[step] step: &Step) -> StepResult {
    hold(world, step, false).await
}

/// It ends its call.
#[when(regex = r"^the far end hangs up$")]
async fn hangs_up(world: &mut World, #[step] step: &Step) -> StepResult {
    world.begin(step);
    world.react().await?;
    let lab = world.lab().await?;
    if lab.far_end(|far_end: &mut FarEnd, now| far_end.hang_up(now)) {
        return Ok(());
    }
    let precondition = "the far end has no answered call to hang up".to_owned();
    lab.mark(Mark::Unmet { precondition: precondition.clone() });
    Err(world.stop(StepFailure::Unmet(precondition)))
}

/// Waits for a response of the farm; says nothing of the phone.
#[then(regex = r#"^"([^"]+)" sends (\d{3}) to the phone$"#)]
async fn node_sends(world: &mut World, #[step] step: &Step, node: String, code: u16) -> StepResult {
    world.begin(step);
    world.plan.check_node(&node).map_err(|failure| world.stop(failure))?;
    let addr = world.lab().await?.node_addr(&node);
    world
        .await_farm(&format!("{code} from \"{node}\""), move |timeline, since| {
            timeline
                .sip()
                .find(|(event, sip)| {
                    event.at >= since && Some(sip.src) == addr && sip.message.status() == Some(code)
                })
                .map(|_| ())
        })
        .await
}

/// The same towards the far end.
#[then(regex = r#"^"([^"]+)" sends (\d{3}) to the far end$"#)]
async fn node_tells(world: &mut World, #[step] step: &Step, node: String, code: u16) -> StepResult {
    world.begin(step);
    world.plan.check_node(&node).map_err(|failure| world.stop(failure))?;
    let lab = world.lab().await?;
    let (from, to) = (lab.node_addr(&node), lab.far_end_addr());
    world
        .await_farm(&format!("{code} from \"{node}\" to the far end"), move |timeline, since| {
            let mut responses = timeline
                .sip()
                .filter(|(event, sip)| event.at >= since && Some(sip.src) == from && sip.dst == to);
            responses.find(|(_, sip)| sip.message.status() == Some(code)).map(|_| ())
        })
        .await
}

fn session_s(world: &mut World, seconds: u32) -> Result<u32, StepFailure> {
    if seconds >= 90 {
        return Ok(seconds);
    }
    let problem = format!("a session lasts at least 90 s (RFC 4028 section 4), not {seconds}");
    Err(world.stop(StepFailure::Setup(problem)))
}

async fn hold(world: &mut World, step: &Step, hold: bool) -> StepResult {
    world.begin(step);
    world.react().await?;
    let lab = world.lab().await?;
    if lab.far_end(move |far_end: &mut FarEnd, now| far_end.hold(hold, now)) {
        return Ok(());
    }
    let what = if hold { "an answered call to hold" } else { "a call on hold to resume" };
    let precondition = format!("the far end has {what}");
    lab.mark(Mark::Unmet { precondition: precondition.clone() });
    Err(world.stop(StepFailure::Unmet(precondition)))
}

/// From now on; calls that are up already are not touched.
async fn behave(world: &mut World, behaviour: Behaviour) -> StepResult {
    world.plan.far_end = behaviour;
    if world.has_lab() {
        world.lab().await?.far_end(move |far_end: &mut FarEnd, _| far_end.behave(behaviour));
    }
    Ok(())
}
