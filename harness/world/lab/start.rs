//! How the phones of a scenario are started.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use sipfarm_core::profile::Profile;
use sipfarm_ua::{Destination, Line, PhoneConfig, Server};

use super::super::{Context, Plan, StepFailure};
use super::farm::{DOMAIN, PASSWORD};
use super::{PHONE_USER, program};
use crate::net::{Bench, MachineId, NetKind};
use crate::phone::{PhoneDriver, ProcessOptions, Program, ProgramOptions, ReferenceProcess};

/// What every phone of the scenario is told when it starts. They are of one user.
pub(super) struct Start<'s> {
    pub context: &'s Context,
    /// The name of the scenario.
    pub scenario: &'s str,
    pub profile: &'s Profile,
    pub lines: &'s [Line],
    pub servers: &'s [Server],
    /// The farm's DNS server, where it has one.
    pub dns: Option<SocketAddr>,
}

impl Start<'_> {
    /// One phone at that address: on the bench, as a process of ours, or the program that its profile describes.
    pub async fn phone(
        &self,
        bench: &mut Bench,
        local: SocketAddr,
        seed: u64,
    ) -> Result<PhoneDriver, StepFailure> {
        let &Start { context, scenario, profile, lines, servers, dns } = self;
        if context.net == NetKind::Virtual {
            return Ok(PhoneDriver::reference(
                bench,
                PhoneConfig {
                    profile: profile.clone(),
                    servers: servers.to_vec(),
                    dns: dns.into_iter().collect(),
                    local,
                    lines: lines.to_vec(),
                    domain: DOMAIN.to_owned(),
                    seed,
                    defects: context.defects.clone(),
                },
            ));
        }
        if program::is_phone(context, profile) {
            let options = ProgramOptions {
                profile,
                servers,
                dns,
                local,
                user: PHONE_USER,
                password: PASSWORD,
                domain: DOMAIN,
                seat: context.desk.as_ref().map(|desk| desk.seat(scenario, &profile.id)),
            };
            return Ok(PhoneDriver::Program(Box::new(Program::start(options).await?)));
        }
        // It is complete, whatever it once extended.
        let complete = Profile { extends: None, ..profile.clone() };
        let profile_yaml = serde_yaml::to_string(&complete)
            .map_err(|error| StepFailure::bug(format!("the profile cannot be written: {error}")))?;
        let by_name = servers.iter().any(|server| matches!(server.at, Destination::Name { .. }));
        let process = ReferenceProcess::start(ProcessOptions {
            program: &context.program,
            profile_yaml: &profile_yaml,
            servers,
            dns: dns.filter(|_| by_name),
            local,
            user: PHONE_USER,
            further_lines: lines.get(1..).unwrap_or_default(),
            password: PASSWORD,
            domain: DOMAIN,
            seed,
            defects: &context.defects,
        })
        .await?;
        Ok(PhoneDriver::Process(Box::new(process)))
    }
}

/// What the phone is told to use: what the plan says, else the servers of its profile.
pub(super) fn servers(
    plan: &Plan,
    profile: &Profile,
    nodes: &BTreeMap<String, (MachineId, SocketAddr)>,
) -> Result<Vec<Server>, StepFailure> {
    let listed = if plan.servers.is_empty() { &profile.servers.order } else { &plan.servers };
    let known = listed.iter().filter(|name| !plan.servers.is_empty() || nodes.contains_key(*name));
    known
        .map(|name| {
            let by_name = !nodes.contains_key(name) && plan.transport_from_dns;
            let transport = (!by_name).then_some(profile.transport.default);
            let at = match nodes.get(name) {
                Some((_, addr)) => Destination::Address(profile.transport.default.beside(*addr)),
                None => domain_name(plan, name)?,
            };
            Ok(Server { name: name.clone(), at, transport })
        })
        .collect()
}

/// `example.test` or `example.test:5070`.
fn domain_name(plan: &Plan, name: &str) -> Result<Destination, StepFailure> {
    let (host, port) = match name.rsplit_once(':') {
        Some((host, port)) => (
            host,
            Some(port.parse::<u16>().map_err(|_| {
                StepFailure::Setup(format!("the phone's server \"{name}\": {port:?} is no port"))
            })?),
        ),
        None => (name, None),
    };
    if !host.contains('.') || plan.dns.is_none() {
        let problem = plan.check_node(name).err().map_or(String::new(), |failure| format!(": {failure}"));
        let help = "a server of the phone is a node, or a domain name and then the farm needs DNS";
        return Err(StepFailure::Setup(format!("{help}{problem}")));
    }
    Ok(Destination::Name { host: host.to_owned(), port })
}
