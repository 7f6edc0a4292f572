//! The phone under test: the profiles that say what it must do, and the drivers that make it act.

mod desk;
mod driver;
pub mod lab;
mod lateness;
mod press;
mod process;
pub mod profiles;
mod program;
mod said;
mod template;

pub use desk::{Console, Desk, Seat, Typed};
pub use driver::{PhoneDriver, press};
pub use lateness::Lateness;
pub use press::PressError;
pub use process::{ASK, ProcessOptions, ReferenceProcess};
pub use program::{Program, ProgramOptions};
