//! Views of a run: for a terminal, for machines. They see its record and nothing else.

pub mod brief;
mod conclusion;
mod failure;
pub mod github;
pub mod html;
pub mod junit;
mod margins;
mod running;
pub mod terminal;
mod text;
mod xml;

pub use conclusion::Style;
pub use failure::{
    Account, Counted, Failure, Next, quoted, render_failure, render_remark, render_unexpected_pass,
};
