//! The Gherkin steps, one file per subject. Step functions stand at the top level of their file,
//! with plain strings as expressions, so that editors find them.

mod audio;
mod call;
mod dns;
mod expect;
mod far_end;
mod farm;
mod group;
mod lines;
mod named_call;
mod phone;
mod precedence;
mod second_phone;
mod text;
mod trunks;

pub use self::lines::misfit;
