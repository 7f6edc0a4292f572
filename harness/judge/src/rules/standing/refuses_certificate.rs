//! A phone takes no server for its own whose certificate does not prove that: it ends the handshake and sends
//! no request on that connection (RFC 5922 section 7.3, RFC 8446 section 4.4.2.4; AR-23). Which certificates
//! prove nothing is known from the farm's own faults. In TLS 1.3 the phone's Finished says that it is content.

use sipfarm_core::Instant;
use sipfarm_core::machine::Transport;

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
            let Some(trusted) = is_trusted(case, connect, at) else { continue };
            if !trusted {
                docket.kept(packets);
                continue;
            }
            let whom = case.names.show(connect.to, Transport::Tls);
            let draft = docket
                .draft(format!("no TLS with {whom} while that has \"{fault}\""))
                .packets(packets, at)
                .seen("the phone has ended the handshake as if all were well");
            docket.add(draft.fail());
        }
        docket.close()
    }
}

/// Whether the phone has taken for its server's what it has shaken hands with: it says something on that connection,
/// or keeps it. Some look at the name when the handshake is over, and then close. `None` while that may come.
fn is_trusted(case: &Case<'_>, connect: &Connect<'_>, at: Instant) -> Option<bool> {
    let until = at + case.limits.at_once();
    let says =
        case.messages.iter().any(|seen| (seen.src, seen.dst) == (connect.from, connect.to) && seen.at >= at);
    let closes = case.closes.iter().any(|close| {
        (close.phone, close.other) == (connect.from, connect.to) && close.at >= at && close.at <= until
    });
    (says || closes || case.horizon > until).then_some(says || !closes)
}

/// The fault that the server's certificate had for the whole handshake.
fn fault_during<'a>(case: &Case<'a>, connect: &Connect<'_>, end: Instant) -> Option<&'a str> {
    let node = case.names.node_at(connect.to, Transport::Tls)?;
    let covers = case
        .notes
        .faults
        .iter()
        .filter(|fault| fault.node == node.name && fault.from <= connect.at && fault.to >= end);
    let mut names = covers.map(|fault| fault.fault);
    names.find(|fault| FAULTS.contains(&fault.split(' ').next().unwrap_or_default()))
}
