//! How a resilience group is set up.

use sipfarm_core::Span;
use sipfarm_core::nearest::nearest;
use sipfarm_core::profile::scaled_s;

use super::Admission;

/// The names of the settings, as a table gives them.
pub(super) const NAMES: &[&str] = &[
    "failover_delay_s",
    "failback_after_s",
    "homeless_grace_s",
    "block_response",
    "retry_after_s",
    "phone_kind",
    "licences",
    "alternate_phones",
    "alternate_extensions",
    "alternate_domain",
    "hot_desked_user",
    "hunt_group",
];

/// How a resilience group is set up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupSettings {
    /// How long the home must be out of sight before the alternate takes its phones (AR-05).
    pub(super) failover_delay: Span,
    /// How long it must be in sight again before they may go home (AR-26).
    pub(super) failback_after: Span,
    /// How long either system accepts them from then on (AR-26).
    pub(super) homeless_grace: Span,
    /// What a phone hears that is registered elsewhere (AR-04, F-21); `None`: nothing.
    block_code: Option<u16>,
    retry_after_s: Option<u32>,
    /// Whether the phone is no program (AR-06, F-12).
    pub(super) physical: bool,
    /// How many phones each system may have; guests do not count (AR-18).
    pub(super) licences: u32,
    /// How many phones of its own the alternate has.
    pub(super) alternate_phones: u32,
    /// Whether the alternate serves such extensions at all (AR-22).
    pub(super) extensions: bool,
    /// The alternate's SIP domain where it is another than the home's (AR-24).
    domain: Option<String>,
    /// Who is hot-desked at the phone (AR-20).
    pub(super) hot_desk_user: Option<String>,
    /// The number of the home's hunt group, whose member the phone is (AR-08).
    pub(super) hunt_group: Option<String>,
}

impl Default for GroupSettings {
    fn default() -> Self {
        GroupSettings {
            failover_delay: Span::from_secs(180),
            failback_after: Span::from_secs(600),
            homeless_grace: Span::from_secs(300),
            block_code: Some(403),
            retry_after_s: None,
            physical: true,
            licences: 10,
            alternate_phones: 0,
            extensions: true,
            domain: None,
            hot_desk_user: None,
            hunt_group: None,
        }
    }
}

impl GroupSettings {
    /// Changes one setting.
    ///
    /// # Errors
    /// There is none of that name, or the value does not fit; the message says what would.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        let misfit = |wanted: &str| format!("{name} is {wanted}, not \"{value}\"");
        let number = || value.parse::<u32>().map_err(|_| misfit("a whole number"));
        match name {
            "failover_delay_s" => self.failover_delay = Span::from_secs(number()?.into()),
            "failback_after_s" => self.failback_after = Span::from_secs(number()?.into()),
            "homeless_grace_s" => self.homeless_grace = Span::from_secs(number()?.into()),
            "block_response" if value == "silent" => self.block_code = None,
            "block_response" => {
                let code = value.parse().ok().filter(|code| (400..700).contains(code));
                self.block_code = Some(code.ok_or_else(|| misfit("a refusal such as 403, or silent"))?);
            }
            "retry_after_s" => self.retry_after_s = Some(number()?),
            "phone_kind" => {
                self.physical = match value {
                    "physical" => true,
                    "softphone" => false,
                    _ => return Err(misfit("physical or softphone")),
                }
            }
            "licences" => self.licences = number()?,
            "alternate_phones" => self.alternate_phones = number()?,
            "alternate_extensions" => {
                self.extensions = match value {
                    "on" => true,
                    "off" => false,
                    _ => return Err(misfit("on or off")),
                }
            }
            "alternate_domain" => self.domain = Some(value.to_owned()),
            "hot_desked_user" => self.hot_desk_user = Some(value.to_owned()),
            "hunt_group" => self.hunt_group = Some(value.to_owned()),
            _ => {
                let help = match nearest(name, NAMES.iter().copied()) {
                    Some(near) => format!("did you mean {near}?"),
                    None => format!("there is {}", NAMES.join(", ")),
                };
                return Err(format!("a resilience group has no setting {name}; {help}"));
            }
        }
        Ok(())
    }

    /// The same with its times multiplied by that scale; they are policy, all of them.
    pub fn at_scale(&self, scale: f64) -> GroupSettings {
        GroupSettings {
            failover_delay: self.failover_delay.scale(scale),
            failback_after: self.failback_after.scale(scale),
            homeless_grace: self.homeless_grace.scale(scale),
            retry_after_s: self.retry_after_s.map(|seconds| scaled_s(seconds, scale)),
            ..self.clone()
        }
    }

    /// The alternate's SIP domain, where it is another than the home's.
    pub fn alternate_domain(&self) -> Option<&str> {
        self.domain.as_deref()
    }

    /// What a phone hears that is registered elsewhere.
    pub(super) fn block(&self) -> Admission {
        match self.block_code {
            Some(code) => Admission::Refuse { code, retry_after_s: self.retry_after_s },
            None => Admission::Silence,
        }
    }
}
