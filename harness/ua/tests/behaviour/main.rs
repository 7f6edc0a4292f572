//! What the reference phone does, one file per behaviour, in virtual time.
#![allow(clippy::unwrap_used)]

mod common;

mod accepted_state;
mod cancel;
mod commands;
mod dns_failover;
mod dns_lifetime;
mod dns_order;
mod dns_procedure;
mod dns_query;
mod failover_503;
mod failover_icmp;
mod failover_silence;
mod failover_tcp;
mod floods;
mod hold;
mod invite_schedule;
mod malformed_input;
mod non_invite_schedule;
mod only_registered;
mod precedence;
mod preemption_property;
mod reboot;
mod registration;
mod registration_digest;
mod server_transactions;
mod several_calls;
mod uas_2xx_retransmission;
