//! Which event packages a phone subscribes to (RFC 6665).

section! {
    /// What a phone subscribes to at the server that it works with.
    Subscriptions {
        /// Event packages, such as `message-summary` (RFC 3842) and `dialog` (RFC 4235).
        packages: Vec<String> = Vec::new(),
        /// The Expires asked for, in seconds.
        expires_s: u32 = 3600,
        /// Whether it subscribes anew at once where it goes after a failover; else it does so when the
        /// subscription is to be refreshed. At the fallback it does so at once in any case (YL-24).
        follow_failover: bool = true,
    }
}

impl super::FallbackFeatures {
    /// Whether a package is subscribed to at the fallback: message waiting, or shared call appearance.
    pub fn include(&self, package: &str) -> bool {
        match package {
            "message-summary" => self.mwi,
            "dialog" | "call-info" | "line-seize" => self.sca,
            _ => true,
        }
    }
}
