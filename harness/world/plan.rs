//! What the `Given` steps ask for, before anything is built.

use sipfarm_core::Span;
use sipfarm_core::machine::Transport;
use sipfarm_core::profile::{Profile, SERVERS_MAX, scaled_s};

use super::group::GroupPlan;
use super::lines::LinePlan;
use super::trunks::TrunkPlan;
use super::{DNS_NODE, DnsPlan, FAR_END_NODE, StepFailure};
use crate::farm::{Behaviour, FarEndKind, Sessions};
use crate::net::Link;

/// What the `Given` steps ask for.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The nodes, in the order of their declaration.
    pub nodes: Vec<String>,
    /// Whether everybody has an IPv6 address rather than one of IPv4.
    pub ipv6: bool,
    /// The nodes that have IPv4 only, whatever the network has (AR-25).
    pub ipv4_only: Vec<String>,
    /// The profile that the scenario asks for.
    pub profile: Option<String>,
    /// The lines of the phone.
    pub lines: LinePlan,
    /// Whether there is a second phone, of the same user and profile.
    pub second_phone: bool,
    /// Changes to that profile: dotted path and value.
    pub settings: Vec<(String, String)>,
    /// What the phone speaks, unless its profile's default holds.
    pub transport: Option<Transport>,
    /// The expiry that registrars grant, in seconds, unless they grant what is asked.
    pub granted_s: Option<u32>,
    /// The shortest expiry that registrars grant, in seconds.
    pub min_expires_s: Option<u32>,
    /// Whether the servers challenge each INVITE of the phone's.
    pub challenges_calls: bool,
    /// The farm's DNS, when it has one.
    pub dns: Option<DnsPlan>,
    /// What the phone is told to use, in order: names of nodes and domain names. Empty: the servers of
    /// its profile by their addresses.
    pub servers: Vec<String>,
    /// Whether the phone asks DNS which transport to use (NAPTR), rather than its profile.
    pub transport_from_dns: bool,
    /// The phone's link to the farm, unless that of the run holds.
    pub link: Option<Link>,
    /// The nodes that stand in the way of the audio.
    pub anchors: Vec<String>,
    /// The resilience group, when there is one.
    pub group: Option<GroupPlan>,
    /// The trunks between systems.
    pub trunks: TrunkPlan,
    /// What the far end is.
    pub far_end_kind: FarEndKind,
    /// What the far end does when it is called.
    pub far_end: Behaviour,
    /// What the far end wants of session timers.
    pub sessions: Sessions,
}

impl Default for Plan {
    fn default() -> Self {
        Plan {
            nodes: Vec::new(),
            ipv6: false,
            ipv4_only: Vec::new(),
            profile: None,
            lines: LinePlan::default(),
            second_phone: false,
            settings: Vec::new(),
            transport: None,
            granted_s: None,
            min_expires_s: None,
            challenges_calls: false,
            dns: None,
            servers: Vec::new(),
            transport_from_dns: false,
            link: None,
            anchors: Vec::new(),
            group: None,
            trunks: TrunkPlan::default(),
            far_end_kind: FarEndKind::default(),
            far_end: Behaviour::Answer { after: Span::ZERO },
            sessions: Sessions::default(),
        }
    }
}

impl Plan {
    /// Whether the farm has that node, or it is the far end, which has faults of its own.
    ///
    /// # Errors
    /// As [`Plan::check_node`].
    pub fn check_faulty(&self, name: &str) -> Result<(), StepFailure> {
        if name == FAR_END_NODE { Ok(()) } else { self.check_node(name) }
    }

    /// Whether the farm has that node.
    ///
    /// # Errors
    /// It has not; the message names those that it has.
    pub fn check_node(&self, name: &str) -> Result<(), StepFailure> {
        if self.nodes.iter().any(|node| node == name) || name == DNS_NODE && self.dns.is_some() {
            return Ok(());
        }
        if name == DNS_NODE {
            let help = "the farm has no DNS yet: write  Given DNS for \"example.test\" with \"primary\", then \"secondary\"";
            return Err(StepFailure::Setup(help.to_owned()));
        }
        let there = match self.nodes.as_slice() {
            [] => "the scenario has no farm yet: start with  Given a farm with servers \"primary\" and \"secondary\"".to_owned(),
            nodes => format!("the farm has {}", nodes.iter().map(|n| format!("\"{n}\"")).collect::<Vec<_>>().join(", ")),
        };
        Err(StepFailure::Setup(format!("there is no node \"{name}\"; {there}")))
    }

    /// Whether the phone can know of what has another family of addresses than its own.
    ///
    /// # Errors
    /// A node has IPv4 only, in a network of IPv6, and no name of DNS leads to it.
    pub(super) fn check_families(&self) -> Result<(), StepFailure> {
        let is_named = |node: &str| self.dns.as_ref().is_some_and(|dns| dns.names(node));
        match self.ipv4_only.iter().find(|node| self.ipv6 && !is_named(node)) {
            None => Ok(()),
            Some(node) => Err(StepFailure::Setup(format!(
                "a phone with IPv6 cannot be told an IPv4 address for \"{node}\": write  Given DNS for \"example.test\" with \"primary\", then \"{node}\""
            ))),
        }
    }

    /// The same with what the farm grants and how long its systems take multiplied by that scale. What people
    /// do and what DNS says keeps its time, and so do sessions, which RFC 4028 lets nobody shorten.
    pub fn at_scale(&self, scale: f64) -> Plan {
        let shrunk = |seconds: u32| scaled_s(seconds, scale);
        let mut plan = Plan {
            granted_s: self.granted_s.map(shrunk),
            min_expires_s: self.min_expires_s.map(shrunk),
            ..self.clone()
        };
        plan.trunks.limits_s.values_mut().for_each(|seconds| *seconds = shrunk(*seconds));
        plan.group.iter_mut().for_each(|group| group.settings = group.settings.at_scale(scale));
        plan
    }

    /// The profile with the scenario's settings, and with its servers cut to those of the farm.
    ///
    /// # Errors
    /// A setting does not exist or does not fit.
    pub fn resolve(&self, base: Profile) -> Result<Profile, StepFailure> {
        let mut profile = base;
        profile = profile
            .with_settings(&self.settings)
            .map_err(|(_, error)| StepFailure::Setup(error.to_string()))?;
        if self.dns.is_some() {
            // Names may lead to any node, so the order of the farm stands for that of the profile.
            profile.servers.order.clone_from(&self.nodes);
        }
        profile.lines.appearances = self.lines.appearances(1, &profile);
        profile.servers.order.retain(|name| self.nodes.contains(name));
        if profile.servers.order.is_empty() {
            profile.servers.order.clone_from(&self.nodes);
        }
        let most = profile.servers.order.len().max(self.servers.len());
        if most > SERVERS_MAX {
            let problem = format!("{most} servers are more than a phone can be told, {SERVERS_MAX}");
            return Err(StepFailure::Setup(problem));
        }
        profile.servers.max = profile.servers.max.max(u32::try_from(most).unwrap_or(u32::MAX));
        if let Some(transport) = self.transport {
            profile.transport.default = transport;
        }
        if profile.transport.default == Transport::Tls {
            // Who is to speak TLS speaks nothing else: what is sent in the clear protects nobody.
            profile.transport.allowed = vec![Transport::Tls];
        }
        Ok(profile)
    }
}
