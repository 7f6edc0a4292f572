//! The resilience group: how it is set up, what it notes, what it holds about its user.

use cucumber::gherkin::Step;
use cucumber::{given, then, when};
use sipfarm_core::Span;
use sipfarm_judge::{Mark, Timeline};

use super::text::{lasting, seconds, settings};
use crate::farm::{GroupSettings, Member, Occurrence};
use crate::world::{GroupPlan, StepFailure, StepResult, World};

/// The first is the phone's home, the second its alternate.
#[given(regex = r#"^"([^"]+)" and "([^"]+)" are a resilience group$"#)]
fn group(world: &mut World, #[step] step: &Step, home: String, alternate: String) -> StepResult {
    found(world, step, home, alternate, &[])
}

/// The same with settings of the group, one per row.
#[given(regex = r#"^"([^"]+)" and "([^"]+)" are a resilience group with settings$"#)]
fn group_with(world: &mut World, #[step] step: &Step, home: String, alternate: String) -> StepResult {
    let rows = settings(step).map_err(|failure| world.stop(failure))?;
    found(world, step, home, alternate, &rows)
}

/// The user's doing at that system: it is asked to refuse calls, by whatever means.
#[when(regex = r#"^the user takes no calls at "([^"]+)"$"#)]
async fn takes_no_calls(world: &mut World, #[step] step: &Step, node: String) -> StepResult {
    world.begin(step);
    world.react().await?;
    member(world, &node).await?.refuse_calls(true);
    Ok(())
}

/// Waits until a system has noted something since the last trigger; says nothing of the phone.
#[then(regex = r#"^"([^"]+)" notes "([^"]+)" within (\S+) s$"#)]
async fn notes(
    world: &mut World,
    #[step] step: &Step,
    node: String,
    what: String,
    within: String,
) -> StepResult {
    world.begin(step);
    takes_notes(world, &node).await?;
    let what = occurrence(world, &what)?;
    let within = seconds(&within).map_err(|failure| world.stop(failure))?.unwrap_or(Span::ZERO);
    let expected = format!("\"{node}\" notes \"{what}\"");
    let in_time = |timeline: &Timeline, since| {
        noted(timeline, &node, what).find(|at| *at >= since && *at <= since + within).map(|_| ())
    };
    world.await_farm_within(within, &expected, in_time).await
}

/// What does not happen from the last trigger until so long from now; says nothing of the phone.
#[then(regex = r#"^"([^"]+)" notes no "([^"]+)" for (\S+) s$"#)]
async fn notes_no(
    world: &mut World,
    #[step] step: &Step,
    node: String,
    what: String,
    during: String,
) -> StepResult {
    world.begin(step);
    let during = lasting(world, &during).await?;
    world.wait(during).await?;
    never_noted(world, &node, &what).await
}

/// What has not happened since the last trigger; says nothing of the phone.
#[then(regex = r#"^"([^"]+)" has not noted "([^"]+)"$"#)]
async fn has_not_noted(world: &mut World, #[step] step: &Step, node: String, what: String) -> StepResult {
    world.begin(step);
    never_noted(world, &node, &what).await
}

/// How many calls stand in the history of that system; says nothing of the phone.
#[then(regex = r#"^"([^"]+)" has (\d+) calls? in its history$"#)]
async fn history(world: &mut World, #[step] step: &Step, node: String, calls: u32) -> StepResult {
    world.begin(step);
    let there = member(world, &node).await?.history();
    holds(world, there == calls, format!("\"{node}\" has {there} in its history, not {calls}")).await
}

/// How many phones of its own that system has; says nothing of the phone.
#[then(regex = r#"^"([^"]+)" uses (\d+) licences?$"#)]
async fn uses_licences(world: &mut World, #[step] step: &Step, node: String, licences: u32) -> StepResult {
    world.begin(step);
    let used = member(world, &node).await?.licences_in_use();
    holds(world, used == licences, format!("\"{node}\" uses {used} licences, not {licences}")).await
}

fn found(
    world: &mut World,
    step: &Step,
    home: String,
    alternate: String,
    rows: &[(String, String)],
) -> StepResult {
    world.begin(step);
    world.still_planning()?;
    for node in [&home, &alternate] {
        world.plan.check_node(node).map_err(|failure| world.stop(failure))?;
    }
    if home == alternate {
        let problem = format!("a resilience group is of two systems, and \"{home}\" is one");
        return Err(world.stop(StepFailure::Setup(problem)));
    }
    let mut settings = GroupSettings::default();
    for (name, value) in rows {
        settings.set(name, value).map_err(|problem| world.stop(StepFailure::Setup(problem)))?;
    }
    world.plan.group = Some(GroupPlan { home, alternate, settings });
    Ok(())
}

async fn never_noted(world: &mut World, node: &str, what: &str) -> StepResult {
    takes_notes(world, node).await?;
    let what = occurrence(world, what)?;
    let expected = format!("\"{node}\" has not noted \"{what}\"");
    let is_clear = |timeline: &Timeline, since| {
        let is_there = noted(timeline, node, what).any(|at| at >= since);
        (!is_there).then_some(())
    };
    world.await_farm_within(Span::ZERO, &expected, is_clear).await
}

/// Only who notes something can be expected to.
async fn takes_notes(world: &mut World, node: &str) -> StepResult {
    world.plan.check_node(node).map_err(|failure| world.stop(failure))?;
    if world.lab().await?.notes_at(node) {
        return Ok(());
    }
    let problem = format!(
        "\"{node}\" notes nothing, being in no resilience group and on no trunk; write  Given \"{node}\" and another are a resilience group, or  are linked systems"
    );
    Err(world.stop(StepFailure::Setup(problem)))
}

async fn member(world: &mut World, node: &str) -> Result<Member, StepFailure> {
    world.plan.check_node(node).map_err(|failure| world.stop(failure))?;
    let problem = format!(
        "\"{node}\" is in no resilience group; write  Given \"{node}\" and another are a resilience group"
    );
    match world.lab().await?.member(node) {
        Some(member) => Ok(member),
        None => Err(world.stop(StepFailure::Setup(problem))),
    }
}

fn occurrence(world: &mut World, what: &str) -> Result<Occurrence, StepFailure> {
    what.parse().map_err(|problem| world.stop(StepFailure::Setup(problem)))
}

/// When that was noted there.
fn noted<'a>(
    timeline: &'a Timeline,
    node: &'a str,
    what: Occurrence,
) -> impl Iterator<Item = sipfarm_core::Instant> + 'a {
    timeline.marks().filter_map(move |(at, mark)| match mark {
        Mark::Noted { node: there, what: that } if there == node && that == what.words() => Some(at),
        _ => None,
    })
}

/// What the farm itself must have done is no verdict on the phone.
async fn holds(world: &mut World, is_so: bool, otherwise: String) -> StepResult {
    if is_so {
        return Ok(());
    }
    world.lab().await?.mark(Mark::Unmet { precondition: otherwise.clone() });
    Err(world.stop(StepFailure::Unmet(otherwise)))
}
