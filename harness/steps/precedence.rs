//! What is expected of one call among several, above all who is preempted and how.

use cucumber::gherkin::Step;
use cucumber::then;
use sipfarm_core::sip::Method;
use sipfarm_judge::Expectation;

use super::text::{begin_within, lasting, names};
use crate::world::{StepFailure, StepResult, World};

/// How long nothing may be torn down where a step does not say (PA-06b).
const UNTOUCHED_S: &str = "5";

/// The phone itself ends these calls in favour of another, each with that message; what is left out is for the
/// profile to say (RFC 4411 section 5).
#[then(
    regex = r#"^calls? ("[^"]+"(?:(?:, | and )"[^"]+")*) (?:is|are) preempted(?: with (BYE|CANCEL|\d{3}))?(?: and Reason preemption cause (\d))?(?:, before "([^"]+)" is answered)?(?: within (\S+) s)?$"#
)]
async fn preempted(
    world: &mut World,
    #[step] step: &Step,
    calls: String,
    with: String,
    cause: String,
    before: String,
    within: String,
) -> StepResult {
    let within = begin_within(world, step, &within)?;
    let given = |text: String| Some(text).filter(|text| !text.is_empty());
    let (with, before, cause) = (given(with), given(before), cause.parse().ok());
    for call in names(&calls) {
        world.call_id(&call)?;
        if let Some(before) = &before {
            world.call_id(before)?;
        }
        world.preempted(&call);
        let (with, before) = (with.clone(), before.clone());
        world.expect(Expectation::Preempted { call, with, cause, before, within }).await?;
    }
    Ok(())
}

/// The phone ends no call that it had at the trigger, but those of which the steps before say so.
#[then(regex = r"^no other call is touched(?: for (\S+) s)?$")]
async fn no_other_touched(world: &mut World, #[step] step: &Step, during: String) -> StepResult {
    world.begin(step);
    let during = lasting(world, if during.is_empty() { UNTOUCHED_S } else { &during }).await?;
    let but = world.preempted_so_far();
    if but.is_empty() {
        let help = "no call is said to be preempted before this step: write  no call is touched for 5 s";
        return Err(world.stop(StepFailure::Setup(help.to_owned())));
    }
    world.expect(Expectation::CallsUntouched { but, during }).await
}

/// The phone ends no call that it had at the trigger.
#[then(regex = r"^no call is touched for (\S+) s$")]
async fn none_touched(world: &mut World, #[step] step: &Step, during: String) -> StepResult {
    world.begin(step);
    let during = lasting(world, &during).await?;
    world.expect(Expectation::CallsUntouched { but: Vec::new(), during }).await
}

/// 180 or 183.
#[then(regex = r#"^call "([^"]+)" alerts(?: within (\S+) s)?$"#)]
async fn alerts(world: &mut World, #[step] step: &Step, call: String, within: String) -> StepResult {
    let within = begin_within(world, step, &within)?;
    world.call_id(&call)?;
    world.expect(Expectation::CallAlerts { call, within }).await
}

/// 2xx.
#[then(regex = r#"^call "([^"]+)" is answered(?: within (\S+) s)?$"#)]
async fn answered(world: &mut World, #[step] step: &Step, call: String, within: String) -> StepResult {
    let within = begin_within(world, step, &within)?;
    world.call_id(&call)?;
    world.expect(Expectation::CallAnswered { call, within }).await
}

/// No 2xx, from the trigger until so long after this step.
#[then(regex = r#"^call "([^"]+)" is not answered for (\S+) s$"#)]
async fn unanswered(world: &mut World, #[step] step: &Step, call: String, during: String) -> StepResult {
    world.begin(step);
    let during = lasting(world, &during).await?;
    world.call_id(&call)?;
    world.expect(Expectation::CallUnanswered { call, during }).await
}

/// A final response of the phone that is no 2xx, with that header field.
#[then(regex = r#"^call "([^"]+)" is refused with (\d{3})(?: and header "([^"]+)")?(?: within (\S+) s)?$"#)]
async fn refused(
    world: &mut World,
    #[step] step: &Step,
    call: String,
    code: u16,
    header: String,
    within: String,
) -> StepResult {
    let within = begin_within(world, step, &within)?;
    world.call_id(&call)?;
    let header = Some(header).filter(|header| !header.is_empty());
    world.expect(Expectation::CallRefused { call, code, header, within }).await
}

/// Every request of that method that the phone sends for the call, its repetitions included.
#[then(regex = r#"^every ([A-Z]+) of call "([^"]+)" has Resource-Priority "([^"]+)"$"#)]
async fn carries(
    world: &mut World,
    #[step] step: &Step,
    method: Method,
    call: String,
    value: String,
) -> StepResult {
    world.begin(step);
    carry(world, call, method, "Resource-Priority", value).await
}

/// The same with a level of the phone's profile, in its namespace.
#[then(regex = r#"^every ([A-Z]+) of call "([^"]+)" has precedence ([a-z0-9-]+)$"#)]
async fn carries_level(
    world: &mut World,
    #[step] step: &Step,
    method: Method,
    call: String,
    level: String,
) -> StepResult {
    world.begin(step);
    let Some(value) = world.precedence(&level).await?.pop() else {
        let help = "a call without precedence carries none: name a level, such as flash";
        return Err(world.stop(StepFailure::Setup(help.to_owned())));
    };
    carry(world, call, method, "Resource-Priority", value).await
}

/// Every request of that method that the phone sends for the call goes to that user (PA-02).
#[then(regex = r#"^every ([A-Z]+) of call "([^"]+)" is addressed to "([^"]+)"$"#)]
async fn addressed(
    world: &mut World,
    #[step] step: &Step,
    method: Method,
    call: String,
    user: String,
) -> StepResult {
    world.begin(step);
    world.call_id(&call)?;
    world.expect(Expectation::CallAddressed { call, method, user }).await
}

/// The same of any header field, given as `Name: value`.
#[then(regex = r#"^every ([A-Z]+) of call "([^"]+)" has header "([^"]+)"$"#)]
async fn carries_field(
    world: &mut World,
    #[step] step: &Step,
    method: Method,
    call: String,
    field: String,
) -> StepResult {
    world.begin(step);
    let Some((name, value)) = field.split_once(':').filter(|(_, value)| !value.trim().is_empty()) else {
        let help = format!("{field:?} needs its value, as in  \"Require: resource-priority\"");
        return Err(world.stop(StepFailure::Setup(help)));
    };
    carry(world, call, method, name.trim(), value.trim().to_owned()).await
}

/// RTP of one call both ways without a gap, from this step on.
#[then(regex = r#"^audio of call "([^"]+)" keeps flowing both ways for (\S+) s$"#)]
async fn keeps_audio(world: &mut World, #[step] step: &Step, call: String, during: String) -> StepResult {
    world.begin(step);
    let during = lasting(world, &during).await?;
    world.call_id(&call)?;
    world.expect(Expectation::CallKeepsAudio { call, during }).await
}

async fn carry(world: &mut World, call: String, method: Method, header: &str, value: String) -> StepResult {
    world.call_id(&call)?;
    world.expect(Expectation::CallCarries { call, method, header: header.to_owned(), value }).await
}
