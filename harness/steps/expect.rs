//! What is expected of the phone. A step waits for its event with a deadline; the profile of the
//! phone gives every time that the step does not name.

use cucumber::gherkin::Step;
use cucumber::then;
use sipfarm_core::sip::Method;
use sipfarm_core::{Fact, Span};
use sipfarm_judge::Expectation;

use super::text::{begin_within, lasting, names};
use crate::world::{StepFailure, StepResult, World};

/// A new request, not a retransmission.
#[then(regex = r#"^the phone sends ([A-Z]+) to "([^"]+)"(?: within (\S+) s)?$"#)]
async fn sends(
    world: &mut World,
    #[step] step: &Step,
    method: Method,
    node: String,
    within: String,
) -> StepResult {
    let within = begin_within(world, step, &within)?;
    world.expect(Expectation::Sends { method, node, within }).await
}

/// A request with a header field, given by name or as `Name: value`.
#[then(regex = r#"^the phone sends ([A-Z]+) to "([^"]+)" with header "([^"]+)"(?: within (\S+) s)?$"#)]
async fn sends_with(
    world: &mut World,
    #[step] step: &Step,
    method: Method,
    node: String,
    header: String,
    within: String,
) -> StepResult {
    let within = begin_within(world, step, &within)?;
    let (name, value) = match header.split_once(':') {
        Some((name, value)) => (name.trim(), Some(value.trim().to_owned()).filter(|value| !value.is_empty())),
        None => (header.trim(), None),
    };
    world.expect(Expectation::Carries { method, node, header: name.to_owned(), value, within }).await
}

/// Nothing of that method to that node, from the last trigger until so long from now.
#[then(regex = r#"^the phone sends no ([A-Z]+) to "([^"]+)" for (\S+) s$"#)]
async fn sends_no(
    world: &mut World,
    #[step] step: &Step,
    method: Method,
    node: String,
    during: String,
) -> StepResult {
    let during = during_from_now(world, step, &during).await?;
    world.expect(Expectation::SendsNothing { method: Some(method), node: Some(node), during }).await
}

/// Nothing of that method to anybody.
#[then(regex = r"^the phone sends no ([A-Z]+) for (\S+) s$")]
async fn sends_none(world: &mut World, #[step] step: &Step, method: Method, during: String) -> StepResult {
    let during = during_from_now(world, step, &during).await?;
    world.expect(Expectation::SendsNothing { method: Some(method), node: None, during }).await
}

/// Each node gets the request in this order, none left out.
#[then(regex = r#"^the phone sends ([A-Z]+) to ("[^"]+"(?:, then "[^"]+")+)$"#)]
async fn order(world: &mut World, #[step] step: &Step, method: Method, nodes: String) -> StepResult {
    expect(world, step, Expectation::Order { method, nodes: names(&nodes), only: false }).await
}

/// Each node gets the request in this order, and then nobody any more.
#[then(regex = r#"^the phone sends ([A-Z]+) to ("[^"]+"(?:, then "[^"]+")*), and to no other$"#)]
async fn order_only(world: &mut World, #[step] step: &Step, method: Method, nodes: String) -> StepResult {
    expect(world, step, Expectation::Order { method, nodes: names(&nodes), only: true }).await
}

/// Rounds through all nodes, spaced as the profile says.
#[then(regex = r#"^the phone sends REGISTER to ("[^"]+"(?:, then "[^"]+")*), in (\d+) rounds$"#)]
async fn in_rounds(world: &mut World, #[step] step: &Step, nodes: String, rounds: u32) -> StepResult {
    expect(world, step, Expectation::RegistrationRounds { nodes: names(&nodes), rounds }).await
}

/// From a silent node to the next, after as many sends and as much time as the profile says.
#[then(regex = r#"^the phone moves ([A-Z]+) from "([^"]+)" to "([^"]+)" in time$"#)]
async fn moves_on(
    world: &mut World,
    #[step] step: &Step,
    method: Method,
    from: String,
    to: String,
) -> StepResult {
    expect(world, step, Expectation::MovesOn { method, from, to }).await
}

/// The complete schedule of RFC 3261, and nothing after it.
#[then(regex = r#"^the phone sends ([A-Z]+) to "([^"]+)" on the whole schedule and gives up$"#)]
async fn whole_schedule(world: &mut World, #[step] step: &Step, method: Method, node: String) -> StepResult {
    expect(world, step, Expectation::CompleteTimeout { method, node }).await
}

/// So many sends of one request and not one more for 40 s, longer than timers B and F.
#[then(regex = r#"^the phone sends ([A-Z]+) to "([^"]+)" exactly (once|\d+ times)$"#)]
async fn exactly(
    world: &mut World,
    #[step] step: &Step,
    method: Method,
    node: String,
    count: String,
) -> StepResult {
    let count = if count == "once" { 1 } else { count.trim_end_matches(" times").parse().unwrap_or(0) };
    if count == 0 {
        world.begin(step);
        let help = "write  the phone sends no INVITE to \"primary\" for 40 s  to expect nothing";
        return Err(world.stop(StepFailure::Setup(help.to_owned())));
    }
    expect(world, step, Expectation::Transmissions { method, node, count, quiet: Span::from_secs(40) }).await
}

/// A response of the phone to a request that came through that node.
#[then(regex = r#"^the phone answers ([A-Z]+) from "([^"]+)" with (\d{3})(?: within (\S+) s)?$"#)]
async fn answers(
    world: &mut World,
    #[step] step: &Step,
    method: Method,
    node: String,
    code: u16,
    within: String,
) -> StepResult {
    let within = begin_within(world, step, &within)?;
    world.expect(Expectation::Answers { method, node, code, within }).await
}

/// The schedule of a final response that nobody acknowledges.
#[then(regex = r#"^the phone repeats (\d{3}) to "([^"]+)" on the schedule$"#)]
async fn repeats(world: &mut World, #[step] step: &Step, code: u16, node: String) -> StepResult {
    expect(world, step, Expectation::RepeatsResponse { node, code }).await
}

/// One ACK for each time that the node sends its refusal.
#[then(regex = r#"^the phone acknowledges (\d{3}) from "([^"]+)" (\d+) times$"#)]
async fn acknowledges(
    world: &mut World,
    #[step] step: &Step,
    code: u16,
    node: String,
    at_least: u32,
) -> StepResult {
    expect(world, step, Expectation::AcknowledgesEvery { node, code, at_least }).await
}

/// A 2xx to an INVITE through that node, acknowledged by the phone.
#[then(regex = r#"^the call is established through "([^"]+)"(?: within (\S+) s)?$"#)]
async fn established(world: &mut World, #[step] step: &Step, through: String, within: String) -> StepResult {
    let within = begin_within(world, step, &within)?;
    world.expect(Expectation::CallEstablished { through: Some(through), within }).await
}

/// The same, whichever server it takes.
#[then(regex = r"^the call is established(?: within (\S+) s)?$")]
async fn established_anywhere(world: &mut World, #[step] step: &Step, within: String) -> StepResult {
    let within = begin_within(world, step, &within)?;
    world.expect(Expectation::CallEstablished { through: None, within }).await
}

/// The phone tries no further.
#[then(regex = r"^the call fails(?: with (\d{3}))?$")]
async fn fails(world: &mut World, #[step] step: &Step, code: String) -> StepResult {
    expect(world, step, Expectation::CallFails { code: code.parse().ok() }).await
}

/// A BYE that is answered.
#[then(regex = r#"^the call ends through "([^"]+)"(?: within (\S+) s)?$"#)]
async fn ends(world: &mut World, #[step] step: &Step, through: String, within: String) -> StepResult {
    let within = begin_within(world, step, &within)?;
    world.expect(Expectation::CallEnds { through, within }).await
}

/// A binding at that node.
#[then(regex = r#"^the phone is registered with "([^"]+)"(?: within (\S+) s)?$"#)]
async fn registered(world: &mut World, #[step] step: &Step, with: String, within: String) -> StepResult {
    let within = begin_within(world, step, &within)?;
    world.expect(Expectation::Registered { with, within }).await
}

/// The AOR and the domain of REGISTER do not change from one registrar to the other.
#[then(regex = r#"^the phone names the same user and domain to "([^"]+)" and "([^"]+)"$"#)]
async fn same_aor(world: &mut World, #[step] step: &Step, first: String, second: String) -> StepResult {
    expect(world, step, Expectation::SameAor { first, second }).await
}

/// What shows at the phone and in no packet: whoever is there is asked.
#[then(regex = r"^the person at the phone sees that (.+)$")]
async fn person_sees(world: &mut World, #[step] step: &Step, sentence: String) -> StepResult {
    world.begin(step);
    let (fact, is) = Fact::read(&sentence).map_err(|help| world.stop(StepFailure::Setup(help)))?;
    world.expect_to_see(fact, is).await
}

async fn expect(world: &mut World, step: &Step, expectation: Expectation) -> StepResult {
    world.begin(step);
    world.expect(expectation).await
}

/// A silence is watched from the last trigger until so long after the step began.
async fn during_from_now(
    world: &mut World,
    step: &Step,
    during: &str,
) -> Result<Span, crate::world::StepFailure> {
    world.begin(step);
    let during = lasting(world, during).await?;
    Ok(world.since_trigger().await? + during)
}
