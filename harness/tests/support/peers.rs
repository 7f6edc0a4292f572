//! Software that we did not write, run as a user would: SIPp and baresip.
#![allow(dead_code, missing_docs, clippy::unwrap_used)]

use std::net::{SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// How long a peer may take for all that a test wants of it.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Says so and gives false where a program is not installed.
pub fn is_installed(program: &str, package: &str) -> bool {
    let found = Command::new(program).arg("-h").stdin(Stdio::null()).output().is_ok();
    if !found {
        crate::skip::tool(format!("{program} is not installed (Debian: apt-get install {package})"));
    }
    found
}

/// One of the SIPp scenarios of this repository.
pub fn scenario(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/captures/sipp").join(name).with_extension("xml")
}

/// A process that ends with its test.
pub struct Peer {
    child: Child,
    what: String,
    /// Where it writes what it does not like.
    errors: PathBuf,
}

impl Peer {
    /// Starts a program in a folder for what it leaves behind.
    pub fn start(program: &str, args: &[&str], folder: &Path) -> Peer {
        let child = Command::new(program)
            .args(args)
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Peer { child, what: format!("{program} {}", args.join(" ")), errors: folder.join("errors.log") }
    }

    /// SIPp for one call at an address of ours; a server when it is not told where to send.
    pub fn sipp(
        scenario: &Path,
        at: SocketAddr,
        to: Option<SocketAddr>,
        more: &[&str],
        folder: &Path,
    ) -> Peer {
        let (ip, port, to) = (at.ip().to_string(), at.port().to_string(), to.map(|to| to.to_string()));
        let mut args = vec!["-sf", scenario.to_str().unwrap(), "-i", &ip, "-p", &port, "-mi", &ip];
        args.extend(["-m", "1", "-nostdin", "-timeout", "25s", "-timeout_error"]);
        let errors = format!("{port}-at-{ip}.log");
        args.extend(["-trace_err", "-error_file", &errors, "-ci", &ip]);
        args.extend(more);
        args.extend(to.as_deref());
        let mut peer = Peer::start("sipp", &args, folder);
        peer.errors = folder.join(errors);
        peer
    }

    /// baresip without a head at an address of ours, for so many seconds; the account is 1001's.
    pub fn baresip(at: SocketAddr, registrar: SocketAddr, seconds: u32, folder: &Path) -> Peer {
        let account = format!(
            "<sip:1001@lab.example;transport=udp>;auth_user=1001;auth_pass=secret;\
             outbound=\"sip:{registrar}\";regint=600\n"
        );
        let config = format!(
            "sip_listen {at}\nnet_interface 127.0.0.1\nmodule_path /usr/lib/baresip/modules\n\
             module aubridge.so\nmodule g711.so\nmodule_tmp uuid.so\nmodule_tmp account.so\n\
             module_app menu.so\naudio_player aubridge,a\naudio_source aubridge,a\naudio_alert aubridge,a\n"
        );
        for (name, text) in [("accounts", &*account), ("config", &config), ("contacts", "")] {
            std::fs::write(folder.join(name), text).unwrap();
        }
        let time = seconds.to_string();
        Peer::start("baresip", &["-f", ".", "-e", "/dial sip:1002@lab.example", "-t", &time], folder)
    }

    /// Waits until it has a UDP port.
    pub fn has_bound(mut self, at: SocketAddr) -> Peer {
        let until = Instant::now() + PATIENCE;
        while UdpSocket::bind(at).is_ok() {
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none() && Instant::now() < until, "{} does not bind {at}: {ended:?}", self.what);
            std::thread::sleep(Duration::from_millis(20));
        }
        self
    }

    /// Waits for its end, and for its word that it saw what it wanted.
    pub fn must_be_content(mut self) {
        let status = self.end();
        let errors = std::fs::read_to_string(&self.errors).unwrap_or_default();
        assert!(status.success(), "{} ended with {status}:\n{errors}", self.what);
    }

    /// Waits for its end, and for its word that it did not.
    pub fn must_complain(mut self) {
        let status = self.end();
        assert_eq!(status.code(), Some(1), "{}", self.what);
    }

    fn end(&mut self) -> ExitStatus {
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < until, "{} does not end", self.what);
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
