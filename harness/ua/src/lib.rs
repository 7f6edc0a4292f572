//! sipfarm, the reference phone: transactions, dialogs, registration, server choice.
//!
//! A [`Phone`] is a machine: it is told what happened and what to do, it says what it wants done
//! and when to wake it. It behaves as its profile says, on the wire and to the millisecond.

mod audio;
mod auth;
mod call;
mod core;
mod defect;
mod dialog;
mod dns;
mod ids;
mod locate;
mod malformed;
mod mlpp;
mod phone;
mod places;
mod registration;
mod subscription;
mod transport;
mod tx;

pub use defect::{Defect, Defects};
pub use phone::{Destination, Line, Phone, PhoneConfig, Refusal, Report, Server};
