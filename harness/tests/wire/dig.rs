//! The farm's DNS server asked by dig, over real sockets: somebody who did not learn DNS from us.

use std::net::{IpAddr, SocketAddr};
use std::process::Command;

use sipfarm::farm::{DnsConfig, DnsNode, FaultSpec};
use sipfarm::net::{MachineId, RealLab, RealOptions, Slice};

/// Not port 53, which needs a privilege.
const PORT: u16 = 5353;

struct Dns {
    lab: RealLab,
    node: MachineId,
    at: SocketAddr,
    primary: IpAddr,
    _slice: Slice,
}

impl Dns {
    /// `None` where dig is not installed, which it says.
    fn new() -> Option<Dns> {
        if Command::new("dig").arg("-v").output().is_err() {
            crate::skip::tool("dig is not installed (Debian: apt-get install bind9-dnsutils)");
            return None;
        }
        let slice = Slice::claim().unwrap();
        let at = SocketAddr::new(slice.ip(10), PORT);
        let primary = slice.ip(11);
        let many = (0..60).map(|n| format!("many 60 A 192.0.2.{n}"));
        let records = [
            "@ 60 NAPTR 10 10 s SIP+D2U \"\" _sip._udp",
            "_sip._udp 60 SRV 10 0 5060 p",
            "_sip._udp 60 SRV 20 0 5060 q",
            "p 30 A primary",
            "q 30 AAAA 2001:db8::1",
        ];
        let records = records.map(str::to_owned).into_iter().chain(many);
        let node = DnsNode::new(DnsConfig {
            name: "dns".to_owned(),
            addr: at,
            origin: "example.test".to_owned(),
            records: records.map(|row| row.parse().unwrap()).collect(),
            hosts: [("primary".to_owned(), primary)].into(),
            seed: 1,
        });
        let lab = RealLab::start(RealOptions::default()).unwrap();
        let node = lab.try_add(Box::new(node.unwrap())).unwrap();
        Some(Dns { lab, node, at, primary, _slice: slice })
    }

    /// What dig prints.
    fn dig(&self, arguments: &[&str]) -> String {
        let server = format!("@{}", self.at.ip());
        let port = self.at.port().to_string();
        let mut command = Command::new("dig");
        command.args(["-r", &server, "-p", &port, "+tries=1", "+time=5", "+noedns", "+nocookie"]);
        let output = command.args(arguments).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    }

    fn lines(&self, arguments: &[&str]) -> Vec<String> {
        let short = self.dig(&[&["+short"], arguments].concat());
        short.lines().map(str::to_owned).collect()
    }

    fn status(&self, arguments: &[&str]) -> String {
        let text = self.dig(arguments);
        let (_, rest) = text.split_once("status: ").unwrap_or_else(|| panic!("{text}"));
        rest.split(',').next().unwrap().to_owned()
    }
}

#[test]
fn dig_reads_every_kind_of_record_over_udp_and_tcp() {
    let Some(dns) = Dns::new() else { return };
    for over in ["+notcp", "+tcp"] {
        let naptr = "10 10 \"s\" \"SIP+D2U\" \"\" _sip._udp.example.test.";
        assert_eq!(dns.lines(&[over, "example.test", "NAPTR"]), [naptr]);
        let srv = ["10 0 5060 p.example.test.", "20 0 5060 q.example.test."];
        assert_eq!(dns.lines(&[over, "_sip._udp.example.test", "SRV"]), srv);
        assert_eq!(dns.lines(&[over, "p.example.test", "A"]), [dns.primary.to_string()]);
        assert_eq!(dns.lines(&[over, "q.example.test", "AAAA"]), ["2001:db8::1"]);
        assert_eq!(dns.status(&[over, "p.example.test", "AAAA"]), "NOERROR");
        assert_eq!(dns.status(&[over, "x.example.test", "A"]), "NXDOMAIN");
        assert_eq!(dns.status(&[over, "example.org", "A"]), "REFUSED");
    }
}

/// dig does what a phone must: TC over UDP makes it ask again over TCP.
#[test]
fn dig_goes_to_tcp_when_the_answer_does_not_fit() {
    let Some(dns) = Dns::new() else { return };
    assert_eq!(dns.lines(&["+notcp", "+ignore", "many.example.test", "A"]).len(), 0);
    assert_eq!(dns.lines(&["+notcp", "many.example.test", "A"]).len(), 60);
}

#[test]
fn dig_sees_the_faults() {
    let Some(dns) = Dns::new() else { return };
    let fault = |words: &str| {
        let spec: FaultSpec = words.parse().unwrap();
        dns.lab.command(dns.node, move |node: &mut DnsNode, now| node.fault_on(&spec, now)).unwrap();
    };
    let end = || dns.lab.command(dns.node, |node: &mut DnsNode, now| node.faults_off(now));
    fault("dns-servfail");
    assert_eq!(dns.status(&["p.example.test", "A"]), "SERVFAIL");
    end();
    fault("dns-change records='p 5 A 192.0.2.77'");
    assert_eq!(dns.lines(&["p.example.test", "A"]), ["192.0.2.77"]);
    end();
    fault("dns-truncated tcp=refuse");
    assert!(dns.dig(&["p.example.test", "A"]).contains("connection refused"));
    end();
    assert_eq!(dns.lines(&["p.example.test", "A"]).len(), 1);
}
