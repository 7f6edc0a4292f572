//! Lines with several call appearances: how many there are, and which calls are on them to begin with.

use cucumber::gherkin::Step;
use cucumber::given;

use super::text::{age, columns};
use crate::world::{Occupant, StepFailure, StepResult, World, check};

/// Room for calls on each line; line 1 is user 1001, line 2 is 2001, line 3 is 3001.
#[given(regex = r"^the phone has lines$")]
fn lines(world: &mut World, #[step] step: &Step) -> StepResult {
    world.begin(step);
    world.still_planning()?;
    let rows = columns(step, ["line", "appearances"]).map_err(|failure| world.stop(failure))?;
    for [line, appearances] in rows {
        match (line.parse(), appearances.parse()) {
            (Ok(line), Ok(appearances)) => set(world, line, appearances)?,
            _ => {
                let problem =
                    format!("a line and its call appearances are numbers, not {line:?} and {appearances:?}");
                return Err(world.stop(StepFailure::Setup(problem)));
            }
        }
    }
    Ok(())
}

/// The same for one line.
#[given(regex = r"^line (\d) has (\d+) call appearances?$")]
fn one_line(world: &mut World, #[step] step: &Step, line: u8, appearances: u8) -> StepResult {
    world.begin(step);
    world.still_planning()?;
    set(world, line, appearances)
}

/// Every appearance of the line is taken: the calls are made in order of their age.
#[given(regex = r"^line (\d) has (\d+) call appearances? occupied by$")]
async fn occupied(world: &mut World, #[step] step: &Step, line: u8, appearances: u8) -> StepResult {
    world.begin(step);
    let occupants = occupants(step).map_err(|failure| world.stop(failure))?;
    full(line, appearances, &occupants).map_err(|problem| world.stop(StepFailure::Setup(problem)))?;
    if !world.has_lab() {
        set(world, line, appearances)?;
    } else {
        let profile = world.lab().await?.profile().clone();
        let planned = world.plan.lines.appearances(line, &profile);
        if planned != appearances {
            let problem = format!(
                "line {line} has {planned} call appearances by now: write  Given line {line} has {appearances} call \
                 appearances  before the phone is registered, or leave its registration to this step"
            );
            return Err(world.stop(StepFailure::Setup(problem)));
        }
    }
    world.occupy(line, occupants).await
}

/// Some appearances of the line are taken.
#[given(regex = r"^line (\d) has the calls$")]
async fn calls(world: &mut World, #[step] step: &Step, line: u8) -> StepResult {
    world.begin(step);
    let occupants = occupants(step).map_err(|failure| world.stop(failure))?;
    world.occupy(line, occupants).await
}

/// Whether these calls take every appearance of their line.
fn full(line: u8, appearances: u8, occupants: &[Occupant]) -> Result<(), String> {
    let legs = occupants.iter().filter(|occupant| occupant.is_leg()).count();
    let taken = occupants.len() - legs.saturating_sub(1);
    match taken < usize::from(appearances) {
        true => Err(format!(
            "these calls take {taken} of {appearances} call appearances (a conference takes one): write  \
             Given line {line} has {appearances} call appearances  and then  And line {line} has the calls"
        )),
        false => Ok(()),
    }
}

/// What is wrong with the calls in the table of a step, as far as it can be known before anything runs; nothing of a
/// step without such a table.
///
/// # Errors
/// The calls cannot stand on one line.
pub fn misfit(step: &Step) -> Result<(), String> {
    let number = |text: &str| text.split_whitespace().next().and_then(|word| word.parse::<u8>().ok());
    let Some((line, rest)) = step.value.strip_prefix("line ").and_then(|rest| rest.split_once(" has "))
    else {
        return Ok(());
    };
    let appearances = rest.ends_with("occupied by").then(|| number(rest)).flatten();
    let (Some(line), true) = (number(line), appearances.is_some() || rest == "the calls") else {
        return Ok(());
    };
    let occupants = occupants(step).map_err(|failure| failure.to_string())?;
    appearances.map_or(Ok(()), |appearances| full(line, appearances, &occupants))?;
    check(line, appearances.unwrap_or(u8::MAX), None, &occupants)
}

fn set(world: &mut World, line: u8, appearances: u8) -> StepResult {
    world.plan.lines.set(line, appearances).map_err(|failure| world.stop(failure))
}

fn occupants(step: &Step) -> Result<Vec<Occupant>, StepFailure> {
    let rows = columns(step, ["call", "precedence", "state", "age"])?;
    rows.into_iter()
        .map(|[name, level, state, since]| {
            let occupation = state.parse().map_err(StepFailure::Setup)?;
            Ok(Occupant { name, level, occupation, age: age(&since)? })
        })
        .collect()
}
