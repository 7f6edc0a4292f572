//! The phone under test: the profiles that say what it must do, and the drivers that make it act.

pub mod profiles;
