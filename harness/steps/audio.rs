//! Audio: what is said and heard in a call.

use std::net::SocketAddr;

use cucumber::gherkin::Step;
use cucumber::then;
use sipfarm_core::Span;
use sipfarm_judge::audio::Stream;
use sipfarm_judge::{Expectation, Timeline};

use super::text::{lasting, seconds};
use crate::world::{StepResult, World};

/// How long audio may be on its way when its sender has stopped.
const UNDER_WAY: Span = Span::from_millis(200);

/// RTP from the phone and to it, counted from the last trigger.
#[then(regex = r"^audio flows both ways(?: within (\S+) s)?$")]
async fn flows(world: &mut World, #[step] step: &Step, within: String) -> StepResult {
    let within = seconds(&within).map_err(|failure| world.stop(failure))?;
    expect(world, step, Expectation::AudioFlows { within }).await
}

/// RTP both ways without a gap, from this step on.
#[then(regex = r"^audio keeps flowing both ways for (\S+) s$")]
async fn keeps_flowing(world: &mut World, #[step] step: &Step, during: String) -> StepResult {
    world.begin(step);
    let during = lasting(world, &during).await?;
    world.expect(Expectation::AudioKeepsFlowing { during }).await
}

/// A node or the far end sends no RTP, from a moment after this step on; says nothing of the phone.
#[then(regex = r#"^no audio comes from "([^"]+)" for (\S+) s$"#)]
async fn none_comes(world: &mut World, #[step] step: &Step, node: String, during: String) -> StepResult {
    world.begin(step);
    world.plan.check_node(&node).map_err(|failure| world.stop(failure))?;
    let host = world.lab().await?.node_addr(&node);
    is_mute(world, host, &format!("\"{node}\""), &during).await
}

/// The same of the far end.
#[then(regex = r"^no audio comes from the far end for (\S+) s$")]
async fn far_end_mute(world: &mut World, #[step] step: &Step, during: String) -> StepResult {
    world.begin(step);
    let host = world.lab().await?.far_end_addr();
    is_mute(world, Some(host), "the far end", &during).await
}

/// No RTP of the phone, from this step on.
#[then(regex = r"^the phone sends no audio for (\S+) s$")]
async fn silent(world: &mut World, #[step] step: &Step, during: String) -> StepResult {
    world.begin(step);
    let during = lasting(world, &during).await?;
    world.expect(Expectation::SendsNoAudio { during }).await
}

/// No RTP of the phone's went there or came from there since the last trigger.
#[then(regex = r#"^no audio has passed through "([^"]+)"$"#)]
async fn past(world: &mut World, #[step] step: &Step, node: String) -> StepResult {
    expect(world, step, Expectation::AudioPast { node }).await
}

/// The phone's re-INVITE or UPDATE says so, and is accepted.
#[then(regex = r"^the phone puts the call on hold(?: within (\S+) s)?$")]
async fn held(world: &mut World, #[step] step: &Step, within: String) -> StepResult {
    let within = seconds(&within).map_err(|failure| world.stop(failure))?;
    expect(world, step, Expectation::Held { hold: true, within }).await
}

/// The same for a call on hold.
#[then(regex = r"^the phone takes the call off hold(?: within (\S+) s)?$")]
async fn off_hold(world: &mut World, #[step] step: &Step, within: String) -> StepResult {
    let within = seconds(&within).map_err(|failure| world.stop(failure))?;
    expect(world, step, Expectation::Held { hold: false, within }).await
}

/// Whether a host sends no RTP for so long.
async fn is_mute(world: &mut World, host: Option<SocketAddr>, who: &str, during: &str) -> StepResult {
    let during = lasting(world, during).await?;
    world.wait(UNDER_WAY).await?;
    let from = world.lab().await?.now();
    world.wait(during).await?;
    let is_mute = move |timeline: &Timeline, _| {
        let goes_on = |stream: &Stream| stream.stretches.last().is_some_and(|last| last.to >= from);
        let heard =
            |stream: &Stream| host.is_some_and(|host| stream.src.ip() == host.ip()) && goes_on(stream);
        (!timeline.audio().any(heard)).then_some(())
    };
    world.await_farm_within(Span::ZERO, &format!("no audio from {who}"), is_mute).await
}

async fn expect(world: &mut World, step: &Step, expectation: Expectation) -> StepResult {
    world.begin(step);
    world.expect(expectation).await
}
