//! Views of a run: for a terminal, for machines. They see its record and nothing else.

mod failure;
pub mod html;
pub mod junit;
pub mod terminal;
mod text;
mod xml;

pub use failure::{render_failure, render_remark, render_unexpected_pass};
