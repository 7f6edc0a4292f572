//! What a server does that will not speak TLS with this phone: no common version, no common cipher, no
//! certificate yet. The alert comes in the clear, in the place of ServerHello (RFC 8446 section 6.2), and
//! the connection is closed behind it.
//!
//! Connections that are open stay as they are: `tcp-close` or `restart` ends them.

use sipfarm_core::machine::TlsManner;

use super::Rule;
use super::declare::fault;

fault! {
    /// Answers the ClientHello with a fatal alert and closes the connection.
    pub struct TlsAlert = "tls-alert", acts on Ports {
        /// the number of the alert, 1 to 255; 40 is handshake_failure, 70 protocol_version
        code: u8 = "40",
    }
}

impl Rule for TlsAlert {
    fn contradiction(&self) -> Option<String> {
        (self.code == 0).then(|| "code=0 is close_notify, which is no failure".to_owned())
    }

    fn tls_manner(&self) -> Option<TlsManner> {
        Some(TlsManner::Alert(self.code))
    }
}

#[cfg(test)]
mod tests {
    use crate::farm::testing::Lab;

    #[test]
    fn the_client_hello_is_answered_with_the_alert_and_the_end() {
        for (words, alert) in [("tls-alert", "alert 40"), ("tls-alert code=70", "alert 70")] {
            let mut lab = Lab::with_tls();
            lab.fault_on(words);
            lab.connect_tls();
            let said = format!("node > phone: {alert}");
            let expected = [
                "phone > node: SYN",
                "node > phone: SYN-ACK",
                "phone > node: ClientHello",
                &said,
                "node > phone: FIN",
            ];
            assert_eq!(lab.lines()[..5], expected);
        }
    }

    #[test]
    fn a_new_connection_is_served_when_the_fault_ends() {
        let mut lab = Lab::with_tls();
        lab.fault_on("tls-alert");
        lab.connect_tls();
        lab.fault_off("tls-alert");
        lab.connect_tls();
        assert!(lab.lines().contains(&"phone > node: Finished".to_owned()));
    }
}
