//! DNS: what the farm's DNS server says, and what the phone asks it.

use cucumber::gherkin::Step;
use cucumber::{given, then, when};
use sipfarm_core::dns::RecordKind;
use sipfarm_judge::Expectation;

use super::text::{names, seconds};
use crate::farm::{FaultSpec, Row};
use crate::world::{DNS_NODE, DnsPlan, StepFailure, StepResult, World};

/// How long records may be kept where a scenario does not say.
const TTL_S: u32 = 60;

/// Nodes behind one name, each with a priority of its own; the phone is given the name in their
/// place (YL-3SRV).
#[given(regex = r#"^DNS for "([^"]+)" with ("[^"]+"(?:, then "[^"]+")*)(?:, kept for (\d+) s)?$"#)]
fn by_priority(
    world: &mut World,
    #[step] step: &Step,
    domain: String,
    nodes: String,
    ttl: String,
) -> StepResult {
    world.begin(step);
    world.still_planning()?;
    let nodes = names(&nodes);
    for node in &nodes {
        world.plan.check_node(node).map_err(|failure| world.stop(failure))?;
    }
    let ttl_s = ttl.parse().unwrap_or(TTL_S);
    let plan = DnsPlan::by_priority(&domain, &nodes, ttl_s).map_err(|failure| world.stop(failure))?;
    let others = world.plan.nodes.iter().filter(|node| !nodes.contains(node)).cloned();
    world.plan.servers = [plan.origin.clone()].into_iter().chain(others).collect();
    world.plan.dns = Some(plan);
    Ok(())
}

/// Any records, one per row: name, ttl, type, data. A node's name may stand for its address.
#[given(regex = r#"^DNS for "([^"]+)" with records$"#)]
fn with_records(world: &mut World, #[step] step: &Step, domain: String) -> StepResult {
    world.begin(step);
    world.still_planning()?;
    let rows = rows(step).map_err(|failure| world.stop(failure))?;
    let records = rows.iter().map(|[name, ttl, kind, data]| Row::read(name, ttl, kind, data)).collect();
    world.plan.dns = Some(DnsPlan::new(&domain, records).map_err(|failure| world.stop(failure))?);
    Ok(())
}

/// What the phone is told to use, in order: domain names (with a port, if DNS is not to say it) and
/// nodes, which it knows by their addresses.
#[given(regex = r#"^the phone's servers are ("[^"]+"(?:(?:, | and )"[^"]+")*)$"#)]
#[given(regex = r#"^the phone's server is ("[^"]+")$"#)]
fn phone_servers(world: &mut World, #[step] step: &Step, servers: String) -> StepResult {
    world.begin(step);
    world.still_planning()?;
    world.plan.servers = names(&servers);
    Ok(())
}

/// RFC 3263 section 4.1: NAPTR, then SRV of each transport.
#[given(regex = r"^the phone asks DNS for its transport$")]
fn transport_from_dns(world: &mut World, #[step] step: &Step) -> StepResult {
    world.begin(step);
    world.still_planning()?;
    world.plan.transport_from_dns = true;
    Ok(())
}

/// The records are others from now on, short for the fault `dns-change`.
#[when(regex = r"^DNS has the records$")]
async fn change(world: &mut World, #[step] step: &Step) -> StepResult {
    world.begin(step);
    world.plan.check_node(DNS_NODE).map_err(|failure| world.stop(failure))?;
    let rows = rows(step).map_err(|failure| world.stop(failure))?;
    let records: Vec<String> = rows.iter().map(|row| row.join(" ")).collect();
    let spec: FaultSpec = match format!("dns-change records='{}'", records.join("; ")).parse() {
        Ok(spec) => spec,
        Err(error) => return Err(world.stop(StepFailure::Setup(format!("{error}")))),
    };
    let switched = world.lab().await?.fault_on(DNS_NODE, &spec);
    switched.map_err(|failure| world.stop(failure))
}

/// A query of the phone's, for that type of record of that name.
#[then(regex = r#"^the phone asks DNS for (A|AAAA|SRV|NAPTR|CNAME) "([^"]+)"(?: within (\S+) s)?$"#)]
async fn asks(
    world: &mut World,
    #[step] step: &Step,
    kind: String,
    name: String,
    within: String,
) -> StepResult {
    world.begin(step);
    let within = seconds(&within).map_err(|failure| world.stop(failure))?;
    world.expect(Expectation::AsksDns { kind: record_kind(&kind), name, within }).await
}

fn record_kind(text: &str) -> RecordKind {
    match text {
        "A" => RecordKind::A,
        "AAAA" => RecordKind::Aaaa,
        "SRV" => RecordKind::Srv,
        "NAPTR" => RecordKind::Naptr,
        _ => RecordKind::Cname,
    }
}

/// The rows of a table of records, without the line of headings that may stand above them.
fn rows(step: &Step) -> Result<Vec<[String; 4]>, StepFailure> {
    let help = "this step needs a table of records below it:  | name | ttl | type | data |";
    let table = step.table.as_ref().ok_or_else(|| StepFailure::Setup(help.to_owned()))?;
    let headings = ["name", "ttl", "type", "data"];
    let rows = table.rows.iter().filter(|row| **row != headings);
    rows.map(|row| {
        <[String; 4]>::try_from(row.clone()).map_err(|row| {
            StepFailure::Setup(format!("a record has four cells (name, ttl, type, data), not {}", row.len()))
        })
    })
    .collect()
}
