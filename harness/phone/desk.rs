//! Where a person sits who looks at the phone: the terminal at which a run was started. He is asked what shows there
//! and in no packet. What he cannot tell, and what nobody answers in time, accuses nobody.

use std::io::{BufRead, IsTerminal};
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use sipfarm_core::{Answer, Fact};
use tokio::sync::{Mutex, mpsc};
use tokio::time::timeout;

/// How long a person may take to look.
const PATIENCE: Duration = Duration::from_secs(60);

/// What came of waiting for a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Typed {
    /// It was typed, without its end.
    Line(String),
    /// Nothing was typed in time.
    Nothing,
    /// Nothing will ever be typed any more.
    Closed,
}

/// Where a person reads and types.
pub trait Console: Send {
    /// Shows text. What was typed before it is no answer to it.
    fn show(&mut self, text: &str);
    /// The next line that is typed.
    fn line(&mut self, within: Duration) -> BoxFuture<'_, Typed>;
}

/// One place for all scenarios of a run: who is asked answers one question at a time.
#[derive(Clone)]
pub struct Desk(Arc<Mutex<Box<dyn Console>>>);

impl Desk {
    /// At that console.
    pub fn at(console: Box<dyn Console>) -> Desk {
        Desk(Arc::new(Mutex::new(console)))
    }

    /// At the terminal of standard input; none where that is no terminal, for then nobody sits there.
    pub fn at_terminal() -> Option<Desk> {
        std::io::stdin().is_terminal().then(|| Desk::at(Box::new(Terminal::open())))
    }

    /// The seat of one scenario.
    pub fn seat(&self, scenario: &str, model: &str) -> Seat {
        Seat { desk: self.clone(), scenario: scenario.to_owned(), model: model.to_owned() }
    }
}

/// Who is asked for one scenario.
pub struct Seat {
    desk: Desk,
    scenario: String,
    model: String,
}

impl Seat {
    /// Asks what shows at the phone.
    pub async fn ask(&self, fact: &Fact) -> Answer {
        let mut console = self.desk.0.lock().await;
        let (scenario, model, question) = (&self.scenario, &self.model, fact.question());
        let seconds = PATIENCE.as_secs();
        console.show(&format!(
            "\n{scenario}\n  Look at the phone ({model}). {question}\n  [y]es  [n]o  [s]kip, if that cannot be told; \
             then Enter, within {seconds} s"
        ));
        loop {
            match console.line(PATIENCE).await {
                Typed::Line(line) => match line.trim().to_lowercase().as_str() {
                    "y" | "yes" => return Answer::Yes,
                    "n" | "no" => return Answer::No,
                    "s" | "skip" => return Answer::Skipped,
                    other => console.show(&format!("  {other:?} is no answer: type y, n or s, then Enter")),
                },
                Typed::Nothing => {
                    return Answer::Silence { waited_s: u32::try_from(seconds).unwrap_or(u32::MAX) };
                }
                Typed::Closed => {
                    let why = "the terminal is closed: run the scenario again in one that stays open";
                    return Answer::NotAsked { why: why.to_owned() };
                }
            }
        }
    }
}

/// The terminal at which the program was started.
struct Terminal {
    lines: mpsc::UnboundedReceiver<String>,
}

impl Terminal {
    fn open() -> Terminal {
        let (typed, lines) = mpsc::unbounded_channel();
        // A thread of its own: one of the runtime's would keep that from ending until Enter is pressed.
        std::thread::spawn(move || {
            for line in std::io::stdin().lock().lines().map_while(Result::ok) {
                if typed.send(line).is_err() {
                    return;
                }
            }
        });
        Terminal { lines }
    }
}

impl Console for Terminal {
    fn show(&mut self, text: &str) {
        while self.lines.try_recv().is_ok() {}
        eprintln!("{text}");
    }

    fn line(&mut self, within: Duration) -> BoxFuture<'_, Typed> {
        Box::pin(async move {
            match timeout(within, self.lines.recv()).await {
                Ok(Some(line)) => Typed::Line(line),
                Ok(None) => Typed::Closed,
                Err(_) => Typed::Nothing,
            }
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::VecDeque;
    use std::sync::Mutex as Shelf;

    use sipfarm_core::Topic;

    use super::*;

    /// A person who types what is written here.
    struct Script {
        lines: VecDeque<Typed>,
        shown: Arc<Shelf<String>>,
    }

    impl Console for Script {
        fn show(&mut self, text: &str) {
            self.shown.lock().unwrap().push_str(text);
        }

        fn line(&mut self, _: Duration) -> BoxFuture<'_, Typed> {
            let next = self.lines.pop_front().unwrap_or(Typed::Closed);
            Box::pin(std::future::ready(next))
        }
    }

    fn asked(lines: &[Typed]) -> (Answer, String) {
        let shown = Arc::new(Shelf::new(String::new()));
        let script = Script { lines: lines.iter().cloned().collect(), shown: Arc::clone(&shown) };
        let seat = Desk::at(Box::new(script)).seat("Softkeys are dead", "baresip");
        let answer = futures::executor::block_on(seat.ask(&Topic::Softkeys.into()));
        let shown = shown.lock().unwrap().clone();
        (answer, shown)
    }

    fn line(text: &str) -> Typed {
        Typed::Line(text.to_owned())
    }

    #[test]
    fn yes_no_and_skip_are_answers_and_nothing_else_is() {
        assert_eq!(asked(&[line("y")]).0, Answer::Yes);
        assert_eq!(asked(&[line(" No ")]).0, Answer::No);
        assert_eq!(asked(&[line("skip")]).0, Answer::Skipped);
        let (answer, shown) = asked(&[line("perhaps"), line(""), line("n")]);
        assert_eq!(answer, Answer::No);
        assert!(shown.contains("\"perhaps\" is no answer"), "{shown}");
        assert!(
            shown.contains("Softkeys are dead") && shown.contains("Press the softkeys one by one"),
            "{shown}"
        );
    }

    #[test]
    fn silence_and_a_closed_terminal_are_no_answers() {
        assert_eq!(asked(&[Typed::Nothing]).0, Answer::Silence { waited_s: 60 });
        assert!(matches!(asked(&[Typed::Closed]).0, Answer::NotAsked { .. }));
    }
}
