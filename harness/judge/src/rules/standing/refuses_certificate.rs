//! A phone takes no server for its own whose certificate does not prove that: it ends the handshake and sends
//! no request on that connection (RFC 5922 section 7.3, RFC 8446 section 4.4.2.4; AR-23). Which certificates
//! prove nothing is known from the farm's own faults. In TLS 1.3 the phone's Finished says that it is content.

use crate::case::{Case, Connect, Secured};
use crate::finding::Finding;
use crate::rules::Rule;
use crate::rules::draft::Docket;

/// The faults with which a node shows a certificate that proves nothing.
const FAULTS: [&str; 4] = ["tls-wrong-ca", "tls-self-signed", "tls-expired", "tls-wrong-name"];

/// See the module.
pub struct RefusesCertificate;

impl Rule for RefusesCertificate {
    fn id(&self) -> &'static str {
        "refuses-certificate"
    }

    fn requirements(&self) -> &'static [&'static str] {
        &["RFC 5922 7.3", "AR-23"]
    }

    fn about(&self) -> &'static str {
        "The phone ends the TLS handshake with a server whose certificate is wrong."
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Finding> {
        let mut docket = Docket::open(case, self);
        for connect in case.connects.iter() {
            let (Secured::Stands(at) | Secured::Failed(at)) = connect.tls else { continue };
            let Some(fault) = fault_during(case, connect, at) else { continue };
            let packets = connect.packets.last().copied().unwrap_or_default();
            if let Secured::Failed(_) = connect.tls {
                docket.kept(packets);
                continue;
            }
            let whom = case.names.show(connect.to, sipfarm_core::machine::Transport::Tls);
            let draft = docket
                .draft(format!("no TLS with {whom} while that has \"{fault}\""))
                .packets(packets, at)
                .seen("the phone has ended the handshake as if all were well");
            docket.add(draft.fail());
        }
        docket.close()
    }
}

/// The fault that the server's certificate had for the whole handshake.
fn fault_during<'a>(case: &Case<'a>, connect: &Connect<'_>, end: sipfarm_core::Instant) -> Option<&'a str> {
    let node = case.names.node_at(connect.to, sipfarm_core::machine::Transport::Tls)?;
    let covers = case
        .notes
        .faults
        .iter()
        .filter(|fault| fault.node == node.name && fault.from <= connect.at && fault.to >= end);
    let mut names = covers.map(|fault| fault.fault);
    names.find(|fault| FAULTS.contains(&fault.split(' ').next().unwrap_or_default()))
}
