//! Calls: what the phone's user does with them.

use cucumber::gherkin::Step;
use cucumber::when;
use sipfarm_core::Key;

use crate::world::{StepResult, World};

/// The phone calls the far end.
#[when(regex = r"^the phone dials the far end$")]
async fn dials(world: &mut World, #[step] step: &Step) -> StepResult {
    world.begin(step);
    let target = world.lab().await?.far_end_user().to_owned();
    world.press(Key::Dial(target)).await
}

/// The user takes the call that rings.
#[when(regex = r"^the phone answers$")]
async fn answers(world: &mut World, #[step] step: &Step) -> StepResult {
    world.begin(step);
    world.press_at_ring(Key::Answer).await
}

/// The user refuses the call that rings.
#[when(regex = r"^the phone rejects the call with (\d{3})$")]
async fn rejects(world: &mut World, #[step] step: &Step, code: u16) -> StepResult {
    world.begin(step);
    world.press_at_ring(Key::Reject(code)).await
}

/// The user puts the call on hold.
#[when(regex = r"^the phone holds the call$")]
async fn holds(world: &mut World, #[step] step: &Step) -> StepResult {
    world.begin(step);
    world.press(Key::Hold).await
}

/// The user takes the call off hold.
#[when(regex = r"^the phone resumes the call$")]
async fn resumes(world: &mut World, #[step] step: &Step) -> StepResult {
    world.begin(step);
    world.press(Key::Resume).await
}

/// The user ends the call, or gives up calling.
#[when(regex = r"^the phone hangs up$")]
async fn hangs_up(world: &mut World, #[step] step: &Step) -> StepResult {
    world.begin(step);
    world.press(Key::HangUp).await
}
