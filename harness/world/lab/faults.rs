//! Faults at the lab's nodes, switched on and off.

use sipfarm_core::machine::Transport;
use sipfarm_judge::Mark;

use super::{Lab, StepFailure};
use crate::farm::{DnsNode, FarEnd, FaultSpec, Node, NodeKind};

impl Lab {
    /// Switches a fault on at a node.
    ///
    /// # Errors
    /// The node has none such.
    pub fn fault_on(&mut self, node: &str, fault: &FaultSpec) -> Result<(), StepFailure> {
        let (id, kind) = self.place(node).ok_or_else(|| StepFailure::bug("unchecked node"))?;
        fault.fits(kind).map_err(|error| StepFailure::Setup(error.to_string()))?;
        if fault.is_of_tls() && !self.profile.transport.allowed.contains(&Transport::Tls) {
            let help =
                "the phone speaks no TLS, so this fault would do nothing: write  Given the phone speaks TLS";
            return Err(StepFailure::Setup(format!("\"{fault}\" at \"{node}\": {help}")));
        }
        self.mark(Mark::Fault { node: node.to_owned(), fault: fault.to_string(), on: true });
        if self.sees_only_sockets() && fault.hides_from_sockets() {
            let what = format!(
                "without packet capture it cannot be seen what the phone sends to \"{node}\" under \"{fault}\""
            );
            self.mark(Mark::Trouble { what, since: None });
        }
        let spec = fault.clone();
        let switched = match kind {
            NodeKind::Dns => {
                self.bench.command(id, move |node: &mut DnsNode, now| node.fault_on(&spec, now).map(|_| ()))
            }
            NodeKind::Sip => {
                self.bench.command(id, move |node: &mut Node, now| node.fault_on(&spec, now).map(|_| ()))
            }
            NodeKind::FarEnd => {
                self.bench.command(id, move |far_end: &mut FarEnd, _| far_end.fault_on(&spec).map(|_| ()))
            }
        };
        switched.map_err(|error| StepFailure::Setup(error.to_string()))?;
        self.mind_trunks();
        self.check_bindings()
    }

    /// Switches every fault at a node off.
    ///
    /// # Errors
    /// A port that a fault had closed was taken by somebody else.
    pub fn faults_off(&mut self, node: &str) -> Result<(), StepFailure> {
        if let Some((id, kind)) = self.place(node) {
            let ended: Vec<String> = match kind {
                NodeKind::Dns => self.bench.command(id, |node: &mut DnsNode, now| {
                    let on = node.faults().map(|(_, fault)| fault.to_string()).collect();
                    node.faults_off(now);
                    on
                }),
                NodeKind::Sip => self.bench.command(id, |node: &mut Node, now| {
                    let on = node.faults().map(|(_, fault)| fault.to_string()).collect();
                    node.faults_off(now);
                    on
                }),
                NodeKind::FarEnd => self.bench.command(id, |far_end: &mut FarEnd, now| {
                    let on = far_end.faults().map(|(_, fault)| fault.to_string()).collect();
                    far_end.faults_off(now);
                    on
                }),
            };
            for fault in ended {
                self.mark(Mark::Fault { node: node.to_owned(), fault, on: false });
            }
        }
        self.mind_trunks();
        self.check_bindings()
    }
}
