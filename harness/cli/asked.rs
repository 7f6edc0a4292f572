//! Somebody asks what is going on while a run goes on: by the key `i` at the terminal, or by SIGUSR1.

use std::io::IsTerminal;
use std::os::fd::{AsRawFd, RawFd};
use std::time::Duration;

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::signal::unix::{SignalKind, signal};

/// How often a picture of what is running is drawn again.
const TICK: Duration = Duration::from_millis(250);

/// What is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// The state of each scenario that runs.
    State,
    /// That time be seen to pass.
    Tick,
}

/// Tells every wish, and never ends. Keys are read only where `keys` says that nobody else reads the terminal, and
/// only while this lives.
pub async fn wishes(keys: bool, mut tell: impl FnMut(Wish)) -> ! {
    let mut asked = signal(SignalKind::user_defined1()).ok();
    let keyboard = if keys { Keyboard::open() } else { None };
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    loop {
        let signalled = async {
            match &mut asked {
                Some(asked) => _ = asked.recv().await,
                None => std::future::pending().await,
            }
        };
        let key = async {
            match &keyboard {
                Some(keyboard) => keyboard.asked().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = signalled => tell(Wish::State),
            () = key => tell(Wish::State),
            _ = ticks.tick() => tell(Wish::Tick),
        }
    }
}

/// The terminal of standard input, which gives each key at once and does not show it. As it was when this ends.
struct Keyboard {
    input: AsyncFd<Input>,
    before: libc::termios,
}

struct Input;

impl AsRawFd for Input {
    fn as_raw_fd(&self) -> RawFd {
        libc::STDIN_FILENO
    }
}

impl Keyboard {
    /// None where standard input is no terminal, or is another program's at the moment.
    fn open() -> Option<Keyboard> {
        if !std::io::stdin().is_terminal() {
            return None;
        }
        // SAFETY: both take no pointer.
        let ours = unsafe { libc::tcgetpgrp(libc::STDIN_FILENO) == libc::getpgrp() };
        if !ours {
            return None;
        }
        let mut before = std::mem::MaybeUninit::<libc::termios>::uninit();
        // SAFETY: `before` is a place for the value, which is read only when the call says that it is there.
        let before = unsafe {
            if libc::tcgetattr(libc::STDIN_FILENO, before.as_mut_ptr()) != 0 {
                return None;
            }
            before.assume_init()
        };
        // SAFETY: standard input is open as long as the process.
        let input = unsafe { AsyncFd::register_with_interest(Input, Interest::READABLE) }.ok()?;
        let mut keys = before;
        // Signals such as Ctrl-C stay as they are.
        keys.c_lflag &= !(libc::ICANON | libc::ECHO);
        set(&keys).then_some(Keyboard { input, before })
    }

    /// Until somebody presses `i`; for ever when nobody can any more.
    async fn asked(&self) {
        loop {
            let Ok(mut ready) = self.input.readable().await else { return std::future::pending().await };
            let mut keys = [0_u8; 64];
            // SAFETY: no more octets are read than there is place for.
            let read = unsafe { libc::read(libc::STDIN_FILENO, keys.as_mut_ptr().cast(), keys.len()) };
            ready.clear_ready();
            match usize::try_from(read) {
                Ok(0) => return std::future::pending().await,
                Ok(read) if keys[..read].iter().any(|key| key.eq_ignore_ascii_case(&b'i')) => return,
                _ => {}
            }
        }
    }
}

impl Drop for Keyboard {
    fn drop(&mut self) {
        set(&self.before);
    }
}

fn set(how: &libc::termios) -> bool {
    // SAFETY: the pointer is to a value that lives.
    unsafe { libc::tcsetattr(libc::STDIN_FILENO, libc::TCSANOW, how) == 0 }
}
