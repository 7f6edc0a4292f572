//! What the rules say of timelines written by hand, one file per subject.
#![allow(clippy::unwrap_used)]

mod common;

mod audio;
mod audio_descriptions;
mod audio_hold;
mod call_manager_variants;
mod call_managers;
mod cancelled;
mod cut_response;
mod dialog_route;
mod dialogs;
mod dns;
mod expect_calls;
mod expect_requests;
mod expect_timing;
mod failback;
mod forked;
mod hammering;
mod healthy;
mod invite_schedule;
mod keys;
mod lines;
mod lossy;
mod monitoring;
mod no_flip;
mod non_invite_schedule;
mod observed;
mod preemption;
mod preservation;
mod preservation_variants;
mod registered;
mod registration;
mod repetitions;
mod responses;
mod servers;
mod session_timer;
mod subscriptions;
mod tls;
mod transactions;
mod two_phones;
mod verdicts;
