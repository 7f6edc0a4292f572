//! A second phone: of the same user and profile as the first, with an address of its own. Each is judged by
//! itself.

use cucumber::gherkin::Step;
use cucumber::{given, then, when};
use sipfarm_core::sip::Method;
use sipfarm_core::{Key, Span};
use sipfarm_judge::Expectation;
use sipfarm_judge::mark::Which;

use super::text::{lasting, seconds};
use crate::world::{StepFailure, StepResult, World};

const BOTH: &[Which] = &[Which::First, Which::Second];

/// One more phone, as the first.
#[given(regex = r"^a second phone$")]
fn second_phone(world: &mut World, #[step] step: &Step) -> StepResult {
    world.begin(step);
    world.still_planning()?;
    if world.plan.second_phone {
        let help = "there is a second phone already, and no scenario has a third";
        return Err(world.stop(StepFailure::Setup(help.to_owned())));
    }
    world.plan.second_phone = true;
    Ok(())
}

/// A registration that the rest of the scenario rests on.
#[given(regex = r#"^the second phone is registered with "([^"]+)"$"#)]
async fn registered(world: &mut World, #[step] step: &Step, node: String) -> StepResult {
    world.begin(step);
    world.press_of(Which::Second, Key::Register).await?;
    let expectation = Expectation::Registered { with: node, within: Some(Span::from_secs(10)) };
    world.require_of(Which::Second, expectation).await
}

/// A binding, granted by that node, so long after the last trigger at the latest.
#[then(regex = r#"^the second phone is registered with "([^"]+)" within (\S+) s$"#)]
async fn is_registered(world: &mut World, #[step] step: &Step, node: String, within: String) -> StepResult {
    world.begin(step);
    let within = seconds(&within).map_err(|failure| world.stop(failure))?;
    world.expect_of(&[Which::Second], Expectation::Registered { with: node, within }).await
}

/// The second phone calls the far end.
#[when(regex = r"^the second phone dials the far end$")]
async fn dials(world: &mut World, #[step] step: &Step) -> StepResult {
    world.begin(step);
    let target = world.lab().await?.far_end_user().to_owned();
    world.press_of(Which::Second, Key::Dial(target)).await
}

/// Its user ends its call.
#[when(regex = r"^the second phone hangs up$")]
async fn hangs_up(world: &mut World, #[step] step: &Step) -> StepResult {
    world.begin(step);
    world.press_of(Which::Second, Key::HangUp).await
}

/// A 2xx to its INVITE through that node, acknowledged.
#[then(regex = r#"^the call of the second phone is established through "([^"]+)"$"#)]
async fn established(world: &mut World, #[step] step: &Step, through: String) -> StepResult {
    world.begin(step);
    let expectation = Expectation::CallEstablished { through: Some(through), within: None };
    world.expect_of(&[Which::Second], expectation).await
}

/// RTP of each phone both ways without a gap, from this step on.
#[then(regex = r"^audio of both phones keeps flowing both ways for (\S+) s$")]
async fn keeps_flowing(world: &mut World, #[step] step: &Step, during: String) -> StepResult {
    world.begin(step);
    let during = lasting(world, &during).await?;
    world.expect_of(BOTH, Expectation::AudioKeepsFlowing { during }).await
}

/// Nothing of that method of either phone, from the last trigger until so long from now.
#[then(regex = r"^neither phone sends ([A-Z]+) for (\S+) s$")]
async fn neither_sends(world: &mut World, #[step] step: &Step, method: Method, during: String) -> StepResult {
    world.begin(step);
    let during = lasting(world, &during).await?;
    let during = world.since_trigger().await? + during;
    world.expect_of(BOTH, Expectation::SendsNothing { method: Some(method), node: None, during }).await
}
