//! The phone under test: the profiles that say what it must do, and the drivers that make it act.

mod driver;
mod key;
mod lateness;
mod process;
pub mod profiles;
mod program;
mod said;
mod template;

pub use driver::{PhoneDriver, press};
pub use key::{KEYS, Key, PressError};
pub use lateness::Lateness;
pub use process::{ProcessOptions, ReferenceProcess};
pub use program::{Program, ProgramOptions};
