//! The templates of a profile that describes a program: arguments, files and keys.

use std::collections::BTreeMap;
use std::path::Path;

use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior, Value};
use serde::Serialize;
use sipfarm_ua::Destination;

use super::program::ProgramOptions;

/// What a template can name.
#[derive(Clone)]
pub struct Values(BTreeMap<String, Value>);

/// A template that cannot be filled in, with its field in the profile.
#[derive(Debug, thiserror::Error)]
#[error("{field}: {problem}{help}")]
pub struct Problem {
    field: String,
    problem: String,
    help: String,
}

/// A server as a template sees it.
#[derive(Serialize)]
struct Server<'a> {
    name: &'a str,
    /// An address or a domain name.
    host: String,
    /// None where DNS is to tell it.
    port: Option<u16>,
    /// `udp` or `tcp`; none where DNS is to tell it.
    transport: Option<String>,
}

impl<'a> From<&'a sipfarm_ua::Server> for Server<'a> {
    fn from(server: &'a sipfarm_ua::Server) -> Self {
        let (host, port) = match &server.at {
            Destination::Address(addr) => (addr.ip().to_string(), Some(addr.port())),
            Destination::Name { host, port } => (host.clone(), *port),
        };
        let transport = server.transport.map(|transport| transport.to_string().to_lowercase());
        Server { name: &server.name, host, port, transport }
    }
}

impl Values {
    /// Those of a phone whose files lie in that folder.
    pub fn new(options: &ProgramOptions<'_>, folder: &Path) -> Self {
        let profile = options.profile;
        let servers: Vec<Server<'_>> = options.servers.iter().map(Server::from).collect();
        let values = [
            ("user", Value::from(options.user)),
            ("password", Value::from(options.password)),
            ("domain", Value::from(options.domain)),
            ("transport", Value::from(profile.transport.default.to_string().to_lowercase())),
            ("ip", Value::from(options.local.ip().to_string())),
            ("port", Value::from(options.local.port())),
            ("expires_s", Value::from(profile.registration.expires_s)),
            ("start", Value::from(1)),
            ("folder", Value::from(folder.display().to_string())),
            ("dns", Value::from(options.dns.map(|addr| addr.to_string()))),
            ("servers", Value::from(Serde(servers))),
            ("profile", Value::from(Serde(profile))),
        ];
        Values(values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }

    /// These and one more.
    pub fn with(&self, name: &str, value: impl Serialize) -> Self {
        let mut values = self.0.clone();
        values.insert(name.to_owned(), Value::from(Serde(value)));
        Values(values)
    }

    /// Fills in the template that stands in that field of the profile.
    ///
    /// # Errors
    /// It cannot be read, or names something that there is not.
    pub fn render(&self, field: &str, template: &str) -> Result<String, Problem> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.render_str(template, &self.0).map_err(|error| {
            let names = self.0.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
            let help = match error.kind() {
                minijinja::ErrorKind::UndefinedError => format!("; a template can name {names}"),
                _ => String::new(),
            };
            let line = error.line().map_or(String::new(), |line| format!(" (its line {line})"));
            let problem = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
            Problem { field: field.to_owned(), problem: format!("{problem}{line}"), help }
        })
    }
}
