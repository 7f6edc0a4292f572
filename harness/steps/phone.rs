//! The phone: which one it is, and what its user does.

use cucumber::gherkin::Step;
use cucumber::{given, when};
use sipfarm_core::Key;
use sipfarm_core::machine::Transport;

use super::text::settings;
use crate::world::{StepFailure, StepResult, World};

/// A phone after RFC 3261.
#[given(regex = r"^a phone$")]
fn phone(world: &mut World, #[step] step: &Step) -> StepResult {
    describe(world, step, None)
}

/// A phone that uses that transport.
#[given(regex = r"^a phone that speaks (UDP|TCP|TLS)$")]
fn phone_speaks(world: &mut World, #[step] step: &Step, transport: String) -> StepResult {
    describe(world, step, None)?;
    world.plan.transport = Transport::of_parameter(&transport);
    Ok(())
}

/// The phone uses that transport, whatever its profile prefers.
#[given(regex = r"^the phone speaks (UDP|TCP|TLS)$")]
fn speaks(world: &mut World, #[step] step: &Step, transport: String) -> StepResult {
    world.begin(step);
    world.still_planning()?;
    world.plan.transport = Transport::of_parameter(&transport);
    Ok(())
}

/// A phone of that profile.
#[given(regex = r#"^a phone with profile "([^"]+)"$"#)]
fn phone_with_profile(world: &mut World, #[step] step: &Step, profile: String) -> StepResult {
    describe(world, step, Some(profile))
}

/// A phone after RFC 3261 with changes, one per row: dotted path and value.
#[given(regex = r"^a phone with settings$")]
fn phone_with_settings(world: &mut World, #[step] step: &Step) -> StepResult {
    describe(world, step, None)?;
    change(world, step)
}

/// A phone of that profile with changes, one per row: dotted path and value.
#[given(regex = r#"^a phone with profile "([^"]+)" and settings$"#)]
fn phone_with_profile_and_settings(world: &mut World, #[step] step: &Step, profile: String) -> StepResult {
    describe(world, step, Some(profile))?;
    change(world, step)
}

/// A registration that the rest of the scenario rests on.
#[given(regex = r#"^the phone is registered with "([^"]+)"$"#)]
async fn registered(world: &mut World, #[step] step: &Step, node: String) -> StepResult {
    world.begin(step);
    world.register_at(&node).await
}

/// The phone is told to register.
#[when(regex = r"^the phone registers$")]
async fn registers(world: &mut World, #[step] step: &Step) -> StepResult {
    world.begin(step);
    world.press(Key::Register).await
}

/// The phone is switched off and on.
#[when(regex = r"^the phone reboots$")]
async fn reboots(world: &mut World, #[step] step: &Step) -> StepResult {
    world.begin(step);
    world.press(Key::Reboot).await
}

/// Nobody touches the phone: what follows it does by itself.
#[when(regex = r"^the phone is left alone$")]
async fn left_alone(world: &mut World, #[step] step: &Step) -> StepResult {
    world.begin(step);
    world.lab().await.map(|_| ())
}

fn describe(world: &mut World, step: &Step, profile: Option<String>) -> StepResult {
    world.begin(step);
    world.still_planning()?;
    if world.plan.second_phone {
        let help = "a second phone is there already, and it is as the first: describe the first before it";
        return Err(world.stop(StepFailure::Setup(help.to_owned())));
    }
    world.plan.profile = profile;
    world.plan.settings.clear();
    world.plan.transport = None;
    Ok(())
}

fn change(world: &mut World, step: &Step) -> StepResult {
    world.plan.settings = settings(step).map_err(|failure| world.stop(failure))?;
    Ok(())
}
