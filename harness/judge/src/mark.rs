//! What the harness notes on the timeline. Marks are saved in the capture as JSON, so an audit
//! reads what the live run knew: who is who, what was done when, what was expected.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};
use sipfarm_core::machine::Transport;
use sipfarm_core::profile::Profile;
use sipfarm_core::{Answer, Fact, Instant, Key, Span};

use crate::expectation::Expectation;

/// A note of the harness.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "mark", rename_all = "kebab-case")]
pub enum Mark {
    /// A scenario begins. First mark of every capture of ours.
    Scenario(Box<Scene>),
    /// Who is who in a capture without a scenario, as the one who audits it says. Never saved.
    Cast(Cast),
    /// There is a second phone, held to the same profile. Follows the scene.
    SecondPhone {
        /// Its addresses.
        addresses: Vec<IpAddr>,
    },
    /// A mark that concerns the second phone rather than the first: a command, or what is expected.
    OfSecondPhone {
        /// The mark as it would stand for the first.
        of: Box<Mark>,
    },
    /// A step begins.
    Step {
        /// `Given`, `When` or `Then`.
        keyword: String,
        /// The step's text.
        text: String,
        /// Its line in the feature file.
        line: u32,
    },
    /// The phone was told to do something.
    Command {
        /// What.
        command: Command,
        /// Whether the phone did not say that it took it: somebody typed it, and that is all we know.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        unconfirmed: bool,
    },
    /// A command could not be given: what depends on it was *not exercised*.
    CommandFailed {
        /// What was to be done.
        command: String,
        /// Why it could not.
        reason: String,
    },
    /// A fault was switched on or off.
    Fault {
        /// At which node.
        node: String,
        /// The fault with its parameters, as written; `all` where every fault there ends at once.
        fault: String,
        /// On or off.
        on: bool,
    },
    /// The link between the phone and the tap is worse than a cable, both ways alike. What that does to
    /// the evidence stands in [`Scene::sight`].
    Link {
        /// What every packet takes.
        delay: Span,
        /// What it takes at most on top.
        jitter: Span,
        /// The part of packets that is lost, from 0 to 1.
        loss: f64,
        /// The part that arrives twice.
        duplicate: f64,
        /// The part that others overtake.
        reorder: f64,
    },
    /// Something has happened inside a node of the farm, and in no packet.
    Noted {
        /// Which node.
        node: String,
        /// What.
        what: String,
    },
    /// A call of the phone's got the name by which the scenario speaks of it.
    CallNamed {
        /// The name.
        name: String,
        /// Its Call-ID.
        call_id: String,
    },
    /// Something is expected.
    Expect(Expected),
    /// Somebody at the phone was asked what shows there and in no packet.
    Observed {
        /// The number of the expectation that wanted to know.
        expected: u32,
        /// What was asked.
        fact: Fact,
        /// What came of it.
        #[serde(flatten)]
        answer: Answer,
        /// Who was asked.
        by: Witness,
    },
    /// The harness was not fit to judge from here on or in a stretch of time.
    Trouble {
        /// What: packets dropped by the tap, a late thread, a stepped clock.
        what: String,
        /// When the stretch began, if it is known.
        since: Option<Instant>,
    },
    /// Somebody of ours was served late, from then until this mark: what was due in between came
    /// late, but nothing is missing.
    Late {
        /// Who: `the farm`, `the reference phone`.
        who: String,
        /// When it should have been served.
        since: Instant,
    },
    /// A condition that a scenario's verdict rests on did not come to pass.
    Unmet {
        /// Which condition.
        precondition: String,
    },
    /// The scenario is over.
    End,
}

/// Who tells what shows at a phone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Witness {
    /// A person.
    Person,
    /// The reference phone, of itself.
    ReferencePhone,
}

impl fmt::Display for Witness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Witness::Person => "the person at the phone",
            Witness::ReferencePhone => "the reference phone",
        })
    }
}

/// Which phone of a scenario. Each is judged by itself, as if the other were nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Which {
    /// The phone; most scenarios have no other.
    #[default]
    First,
    /// The second phone (AM-30).
    Second,
}

impl Which {
    /// The mark as it stands on the timeline when it concerns that phone.
    pub fn concerned_by(self, mark: Mark) -> Mark {
        match self {
            Which::First => mark,
            Which::Second => Mark::OfSecondPhone { of: Box::new(mark) },
        }
    }
}

/// What the phone was told to do. In a capture it stands in the words of [`Key`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum Command {
    /// A key of the phone.
    Key(Key),
    /// The words of another version of the harness: what they do, nobody here knows.
    Other(String),
}

impl Command {
    /// Whether it is such a key. A command that nobody here knows may have been any.
    pub fn may_be(&self, is_it: impl FnOnce(&Key) -> bool) -> bool {
        match self {
            Command::Key(key) => is_it(key),
            Command::Other(_) => true,
        }
    }
}

impl From<String> for Command {
    fn from(words: String) -> Self {
        words.parse().map_or(Command::Other(words), Command::Key)
    }
}

impl From<Command> for String {
    fn from(command: Command) -> Self {
        command.to_string()
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Command::Key(key) => key.fmt(f),
            Command::Other(words) => f.write_str(words),
        }
    }
}

/// An expectation with its place in the feature file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Expected {
    /// Number within the scenario, from 1.
    pub id: u32,
    /// The step's text.
    pub text: String,
    /// The line in the feature file.
    pub line: u32,
    /// Events before this do not count: the time of the last trigger (`When` step).
    pub since: Instant,
    /// The line of that trigger; none where it is the start of the scenario.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since_line: Option<u32>,
    /// What is expected.
    pub expectation: Expectation,
}

/// Who is who in a scenario.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scene {
    /// The scenario's name.
    pub name: String,
    /// The feature file's path as given on the command line.
    pub feature: String,
    /// The scenario's line.
    pub line: u32,
    /// Its tags without the `@`; requirement ids are among them.
    pub tags: Vec<String>,
    /// The seed of everything random.
    pub seed: u64,
    /// `virtual` or `loopback`.
    pub net: String,
    /// What the tap can see.
    pub sight: Sight,
    /// The phone's addresses.
    pub phone: Vec<IpAddr>,
    /// The phone's lines, from 1 on. Empty when it has one, with as many call appearances as the
    /// profile says.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<Line>,
    /// The nodes, in the order of their declaration.
    pub nodes: Vec<Node>,
    /// What the phone has been told to use, in order: names of nodes and domain names. Empty when
    /// that is every server by its address.
    #[serde(default)]
    pub servers: Vec<String>,
    /// The profile that the phone is held to, with its times as they were in this scenario.
    pub profile: Profile,
    /// By what its policy times were multiplied to become so.
    #[serde(default = "real_time", skip_serializing_if = "is_real_time")]
    pub time_scale: f64,
}

/// The scale of a scenario whose policy times are as long as its profile says.
fn real_time() -> f64 {
    1.0
}

fn is_real_time(scale: &f64) -> bool {
    *scale == real_time()
}

/// Who is who, as far as somebody says so.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cast {
    /// The phone's addresses; empty leaves that to the packets.
    pub phone: Vec<IpAddr>,
    /// The servers in the order of the phone's list; empty when it is not known.
    pub servers: Vec<Node>,
    /// Whether nothing is missing in the capture.
    pub complete: bool,
}

/// A line of the phone: an AOR of its own, with room for some calls.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// The user part of its AOR.
    pub user: String,
    /// How many calls it can have at once, in whatever state; a conference counts as one (PA-09).
    pub appearances: u8,
}

/// A node of the farm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    /// `primary`, `secondary`, …
    pub name: String,
    /// Where it listens.
    pub addr: SocketAddr,
    /// Where it listens for TLS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<SocketAddr>,
    /// Whether the phone has it in its list of servers; a far end is a node without that.
    pub server: bool,
    /// Whether it speaks DNS there, and no SIP.
    #[serde(default)]
    pub dns: bool,
}

impl Node {
    /// Whether it listens there, over whatever transport.
    pub fn is_at(&self, addr: SocketAddr) -> bool {
        self.addr == addr || self.tls == Some(addr)
    }

    /// Where it is reached over that transport.
    pub fn over(&self, transport: Transport) -> SocketAddr {
        match transport {
            Transport::Tls => self.tls.unwrap_or(transport.beside(self.addr)),
            Transport::Udp | Transport::Tcp => self.addr,
        }
    }
}

/// What the tap can see, and how far its silence can be trusted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sight {
    /// Frames from a packet tap. Without: messages from the sockets only, so ICMP and TCP
    /// handshakes are not observable.
    pub frames: bool,
    /// Packets may be lost between the phone and the tap or behind the tap, so that a missing
    /// packet proves nothing.
    pub lossy: bool,
    /// The longest delay from the phone to the tap or back.
    pub latency: Span,
}
