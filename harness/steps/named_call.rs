//! One call among several, by its name: how it comes about, and what the user and its far end do with it.

use cucumber::gherkin::Step;
use cucumber::{given, when};
use sipfarm_core::Key;

use super::text::names;
use crate::farm::{FarEnd, Precedence};
use crate::world::{Arrival, StepFailure, StepResult, World};

/// A call with a level of precedence, to line 1 and through the node where the phone is registered unless said.
#[when(
    regex = r#"^an? ([a-z0-9-]+) call "([^"]+)" arrives(?: on line (\d))?(?: through "([^"]+)")?(?: with Alert-Info "([^"]+)")?$"#
)]
async fn arrives(
    world: &mut World,
    #[step] step: &Step,
    level: String,
    name: String,
    line: String,
    through: String,
    alert_info: String,
) -> StepResult {
    world.begin(step);
    let resource_priority = world.precedence(&level).await?;
    let arrival = Arrival { resource_priority, ..arrival(&name, &line, &through, &alert_info) };
    arrive(world, vec![arrival]).await
}

/// A call that asks for no precedence.
#[when(
    regex = r#"^a call "([^"]+)" without precedence arrives(?: on line (\d))?(?: through "([^"]+)")?(?: with Alert-Info "([^"]+)")?$"#
)]
async fn arrives_plain(
    world: &mut World,
    #[step] step: &Step,
    name: String,
    line: String,
    through: String,
    alert_info: String,
) -> StepResult {
    world.begin(step);
    arrive(world, vec![arrival(&name, &line, &through, &alert_info)]).await
}

/// Resource-Priority word for word, one header field for each text; whether it is required to be understood
/// (RFC 4412 section 4.3).
#[when(
    regex = r#"^a call "([^"]+)" arrives with Resource-Priority ("[^"]+"(?:, "[^"]+")*)( and Require)?(?: on line (\d))?$"#
)]
async fn arrives_raw(
    world: &mut World,
    #[step] step: &Step,
    name: String,
    values: String,
    require: String,
    line: String,
) -> StepResult {
    world.begin(step);
    let arrival = Arrival {
        resource_priority: names(&values),
        require: !require.is_empty(),
        ..arrival(&name, &line, "", "")
    };
    arrive(world, vec![arrival]).await
}

/// Two calls in the same instant.
#[when(
    regex = r#"^an? ([a-z0-9-]+) call "([^"]+)" and an? ([a-z0-9-]+) call "([^"]+)" arrive(?: on line (\d))?$"#
)]
async fn arrive_at_once(
    world: &mut World,
    #[step] step: &Step,
    first_level: String,
    first: String,
    second_level: String,
    second: String,
    line: String,
) -> StepResult {
    world.begin(step);
    let mut arrivals = Vec::new();
    for (level, name) in [(first_level, first), (second_level, second)] {
        let resource_priority = world.precedence(&level).await?;
        arrivals.push(Arrival { resource_priority, ..arrival(&name, &line, "", "") });
    }
    arrive(world, arrivals).await
}

/// The phone dials these digits.
#[when(regex = r#"^the phone dials "([^"]+)" as call "([^"]+)"(?: on line (\d))?$"#)]
async fn dials(
    world: &mut World,
    #[step] step: &Step,
    digits: String,
    name: String,
    line: String,
) -> StepResult {
    world.begin(step);
    world.dial_as(&name, &digits, line_number(&line)).await
}

/// The phone dials the far end, with the prefix that its profile has for a level.
#[when(
    regex = r#"^the phone dials the far end(?: with precedence ([a-z0-9-]+))? as call "([^"]+)"(?: on line (\d))?$"#
)]
async fn dials_far_end(
    world: &mut World,
    #[step] step: &Step,
    level: String,
    name: String,
    line: String,
) -> StepResult {
    world.begin(step);
    let level = if level.is_empty() { "none" } else { &level };
    let number = world.number(level).await?;
    world.dial_as(&name, &number, line_number(&line)).await
}

/// The user highlights the call and presses a key.
#[when(regex = r#"^the phone (holds|resumes|hangs up) call "([^"]+)"$"#)]
async fn handles(world: &mut World, #[step] step: &Step, what: String, name: String) -> StepResult {
    world.begin(step);
    let key = match &*what {
        "holds" => Key::Hold,
        "resumes" => Key::Resume,
        _ => Key::HangUp,
    };
    world.press_for(&name, key).await
}

/// The user takes that call among those that ring.
#[when(regex = r#"^the phone answers call "([^"]+)"$"#)]
async fn answers(world: &mut World, #[step] step: &Step, name: String) -> StepResult {
    world.begin(step);
    world.press_at_ring_of(&name, Key::Answer).await
}

/// The user refuses that call among those that ring.
#[when(regex = r#"^the phone rejects call "([^"]+)" with (\d{3})$"#)]
async fn rejects(world: &mut World, #[step] step: &Step, name: String, code: u16) -> StepResult {
    world.begin(step);
    world.press_at_ring_of(&name, Key::Reject(code)).await
}

/// The active call and those on hold of its line become one conference.
#[when(regex = r"^the phone joins the calls into a conference$")]
async fn joins(world: &mut World, #[step] step: &Step) -> StepResult {
    world.begin(step);
    world.press(Key::Conference).await
}

/// The conference becomes calls again.
#[when(regex = r"^the phone splits the conference$")]
async fn splits(world: &mut World, #[step] step: &Step) -> StepResult {
    world.begin(step);
    world.press(Key::Split).await
}

/// The far end of one call ends it, with that Reason word for word (RFC 3326).
#[when(regex = r#"^the far end of call "([^"]+)" hangs up(?: with Reason "([^"]+)")?$"#)]
async fn far_end_hangs_up(
    world: &mut World,
    #[step] step: &Step,
    name: String,
    reason: String,
) -> StepResult {
    world.begin(step);
    let reason = Some(reason).filter(|reason| !reason.is_empty());
    let command =
        move |far_end: &mut FarEnd, call_id: &str, now| far_end.hang_up_call(call_id, reason.as_deref(), now);
    at_far_end(world, &name, "is for its far end to end", command).await
}

/// The far end of one call puts it on hold, or takes it off.
#[when(regex = r#"^the far end of call "([^"]+)" (holds|resumes)$"#)]
async fn far_end_holds(world: &mut World, #[step] step: &Step, name: String, what: String) -> StepResult {
    world.begin(step);
    let hold = what == "holds";
    let command = move |far_end: &mut FarEnd, call_id: &str, now| far_end.hold_call(call_id, hold, now);
    at_far_end(world, &name, "is up, for its far end to hold or resume", command).await
}

/// The far end gives one call another level with an INVITE inside the dialog (PA-05).
#[when(regex = r#"^the far end changes call "([^"]+)" to ([a-z0-9-]+)$"#)]
async fn far_end_changes(world: &mut World, #[step] step: &Step, name: String, level: String) -> StepResult {
    world.begin(step);
    let values = world.precedence(&level).await?;
    let command = move |far_end: &mut FarEnd, call_id: &str, now| far_end.change_level(call_id, values, now);
    at_far_end(world, &name, "is up, for its far end to change its level", command).await
}

/// The far end of one call leaves the phone's BYE without an answer.
#[given(regex = r#"^the far end of call "([^"]+)" never answers BYE$"#)]
async fn never_answers_bye(world: &mut World, #[step] step: &Step, name: String) -> StepResult {
    world.begin(step);
    let command = |far_end: &mut FarEnd, call_id: &str, _| far_end.ignore_bye(call_id);
    at_far_end(world, &name, "is there at its far end", command).await
}

/// The far end names another level than it was called with in 180 and 200, and keeps to it (PA-05).
#[given(regex = r"^the far end answers with precedence ([a-z0-9-]+)$")]
async fn answers_with(world: &mut World, #[step] step: &Step, level: String) -> StepResult {
    world.begin(step);
    let answers_with = world.precedence(&level).await?;
    heed(world, Precedence { answers_with, refuses: None }).await
}

/// The far end refuses calls that ask for precedence: 417 with Accept-Resource-Priority, 420 with Unsupported,
/// 488 with Warning 370, or any other code by itself (RFC 4412 section 4.6).
#[given(regex = r"^the far end refuses precedence with (\d{3})$")]
async fn refuses(world: &mut World, #[step] step: &Step, code: u16) -> StepResult {
    world.begin(step);
    if !(300..=699).contains(&code) {
        return Err(world.stop(StepFailure::Setup(format!("{code} is no refusal: those are 300 to 699"))));
    }
    heed(world, Precedence { answers_with: Vec::new(), refuses: Some(code) }).await
}

async fn heed(world: &mut World, precedence: Precedence) -> StepResult {
    world.lab().await?.far_end(move |far_end: &mut FarEnd, _| far_end.heed_precedence(precedence));
    Ok(())
}

/// Has the far end do something with one call; where it cannot, the rest cannot be judged.
async fn at_far_end(
    world: &mut World,
    name: &str,
    needs: &str,
    command: impl FnOnce(&mut FarEnd, &str, sipfarm_core::Instant) -> bool + Send + 'static,
) -> StepResult {
    let call_id = world.call_id(name)?;
    world.react().await?;
    let done = world.lab().await?.far_end(move |far_end: &mut FarEnd, now| command(far_end, &call_id, now));
    if done { Ok(()) } else { Err(world.unmet(format!("call \"{name}\" {needs}")).await) }
}

async fn arrive(world: &mut World, arrivals: Vec<Arrival>) -> StepResult {
    world.react().await?;
    world.arrive(arrivals).await
}

fn arrival(name: &str, line: &str, through: &str, alert_info: &str) -> Arrival {
    let given = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    Arrival {
        line: line_number(line),
        through: given(through),
        alert_info: given(alert_info),
        ..Arrival::named(name)
    }
}

/// Line 1 where a step names none.
fn line_number(text: &str) -> u8 {
    text.parse().unwrap_or(1)
}
