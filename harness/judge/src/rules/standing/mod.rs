//! Standing rules: judged in every scenario and on every capture, without a step.

mod acceptance_repetition;
mod ack_acceptance;
mod ack_refusal;
mod ack_transaction;
mod answer_direction;
mod audio_address;
mod audio_direction;
mod audio_end;
mod both_registrations;
mod branch;
mod bye_after_loss;
mod bye_timing;
mod cancel_timing;
mod cancel_transaction;
mod cancelled_call;
mod conference_preemption;
mod cseq;
mod cut_response;
mod dead_dialog;
mod dialog_identifiers;
mod dialog_route;
mod digest;
mod dns_hammering;
mod dns_order;
mod dns_truncation;
mod dns_ttl;
mod failback;
mod failover_cause;
mod features_on_fallback;
mod give_up;
mod held_call_lost;
mod icmp_reaction;
mod identical_repetition;
mod idle_failback;
mod idle_failover;
mod invite_schedule;
mod keepalive;
mod no_clear_text;
mod no_hammering;
mod non_invite_responses;
mod non_invite_schedule;
mod one_active_server;
mod precedence_kept;
mod precedence_refusal;
mod preemption_occasion;
mod preemption_teardown;
mod preemption_victim;
mod preservation_limit;
mod preserved_failover;
mod preserved_keys;
mod preserved_registration;
mod recovery;
mod refusal_repetition;
mod refuses_certificate;
mod register_identity;
mod register_uri;
mod registers_before_invite;
mod registration_refresh;
mod repetition_after_response;
mod repetition_over_tcp;
mod reset;
mod retry_after;
mod same_request;
mod server_order;
mod session_expiry;
mod session_refresh;
mod signals_with_registered;
mod standby_left_alone;
mod subscribes;
mod subscription_refresh;
/// What `sipfarm new rule` begins with: compiled with the tests, and judged by nobody.
#[cfg(test)]
mod template;
mod token;
mod transmission_count;
mod well_formed;

use super::Rule;
pub use failover_cause::trigger;

#[cfg(test)]
const _: &dyn Rule = &template::Template;

/// Every standing rule: repetitions, transactions, dialogs, audio, servers, registration, responses, form.
pub const ALL: &[&dyn Rule] = &[
    &invite_schedule::InviteSchedule,
    &non_invite_schedule::NonInviteSchedule,
    &transmission_count::TransmissionCount,
    &repetition_after_response::RepetitionAfterResponse,
    &cut_response::CutResponse,
    &repetition_over_tcp::RepetitionOverTcp,
    &identical_repetition::IdenticalRepetition,
    &branch::Branch,
    &ack_refusal::AckRefusal,
    &ack_transaction::AckTransaction,
    &ack_acceptance::AckAcceptance,
    &bye_timing::ByeTiming,
    &cancel_timing::CancelTiming,
    &cancel_transaction::CancelTransaction,
    &cancelled_call::CancelledCall,
    &cseq::CSeqGrows,
    &dialog_identifiers::DialogIdentifiers,
    &dialog_route::DialogRoute,
    &dead_dialog::DeadDialog,
    &session_refresh::SessionRefresh,
    &session_expiry::SessionExpiry,
    &answer_direction::AnswerDirection,
    &audio_address::AudioAddress,
    &audio_direction::AudioDirection,
    &audio_end::AudioEnd,
    &bye_after_loss::ByeAfterLoss,
    &preserved_registration::PreservedRegistration,
    &preserved_failover::PreservedFailover,
    &standby_left_alone::StandbyLeftAlone,
    &preserved_keys::PreservedKeys,
    &held_call_lost::HeldCallLost,
    &preservation_limit::PreservationLimit,
    &recovery::Recovery,
    &digest::Digest,
    &server_order::ServerOrder,
    &dns_order::DnsOrder,
    &dns_ttl::DnsTtl,
    &dns_truncation::DnsTruncation,
    &dns_hammering::DnsHammering,
    &failover_cause::FailoverCause,
    &give_up::GiveUp,
    &same_request::SameRequest,
    &retry_after::RetryAfter,
    &icmp_reaction::IcmpReaction,
    &no_clear_text::NoClearText,
    &refuses_certificate::RefusesCertificate,
    &registers_before_invite::RegistersBeforeInvite,
    &signals_with_registered::SignalsWithRegistered,
    &both_registrations::BothRegistrations,
    &failback::Failback,
    &idle_failback::IdleFailback,
    &idle_failover::IdleFailover,
    &one_active_server::OneActiveServer,
    &keepalive::Keepalive,
    &token::Token,
    &reset::ResetInTime,
    &features_on_fallback::FeaturesOnFallback,
    &subscribes::Subscribes,
    &subscription_refresh::SubscriptionRefresh,
    &register_identity::RegisterIdentity,
    &register_uri::RegisterUri,
    &registration_refresh::RegistrationRefresh,
    &no_hammering::NoHammering,
    &refusal_repetition::RefusalRepetition,
    &acceptance_repetition::AcceptanceRepetition,
    &non_invite_responses::NonInviteResponses,
    &preemption_occasion::PreemptionOccasion,
    &preemption_victim::PreemptionVictim,
    &preemption_teardown::PreemptionTeardown,
    &conference_preemption::ConferencePreemption,
    &precedence_kept::PrecedenceKept,
    &precedence_refusal::PrecedenceRefusal,
    &well_formed::WellFormed,
];
