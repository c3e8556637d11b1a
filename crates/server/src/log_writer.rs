//! Where log lines go: into memory at once, and from there to standard error by a thread of its own.
//!
//! Each decision is a line. Written where it is decided, a line is a call to the system, which costs as much as the
//! decision, and a pipe that nobody reads would stop all decisions. So a line waits for others for some milliseconds,
//! and all are written together. Lines that come faster than they can be written are lost and counted, never waited
//! for: in the metrics (`doorward_log_lines_lost`), and in the log itself once it goes on. A process that is killed takes
//! the lines of the last milliseconds along; one that is told to stop does not.

use std::io::{self, Write};
use std::sync::{Arc, Condvar, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;

/// Lines lost since the start. One for the process, as the log is.
pub(crate) static LOST: LazyLock<Counter> = LazyLock::new(Counter::default);

/// How long a line waits for others: long enough for dozens of them on a busy server, and no longer, since whatever is
/// asked while a processor writes them waits for that.
const GATHER: Duration = Duration::from_millis(2);

/// Bytes that may wait: some thousand lines.
const ROOM: usize = 1024 * 1024;

/// How long the last lines get at the end.
const FAREWELL: Duration = Duration::from_secs(2);

/// Takes log lines. Clones write to the same place.
#[derive(Clone)]
pub struct LogWriter(Arc<Shared>);

struct Shared {
    waiting: Mutex<Waiting>,
    /// There are lines, or the end has come.
    filled: Condvar,
    /// Everything is written.
    done: Condvar,
}

#[derive(Default)]
struct Waiting {
    lines: Vec<u8>,
    is_closed: bool,
    /// The thread has ended: nobody writes but whoever has a line.
    has_ended: bool,
    /// Lines lost since the log last said so.
    lost: u64,
}

impl LogWriter {
    /// Starts the thread that writes to `out`.
    ///
    /// # Errors
    /// If there can be no thread.
    pub fn start(out: impl Write + Send + 'static) -> io::Result<Self> {
        let shared = Arc::new(Shared { waiting: Mutex::default(), filled: Condvar::new(), done: Condvar::new() });
        let writer = Self(Arc::clone(&shared));
        std::thread::Builder::new().name("log".to_owned()).spawn(move || shared.write(out))?;
        Ok(writer)
    }

    /// Writes what is left, for as long as that may take, and ends the thread. Lines that come later are written at
    /// once.
    pub fn close(&self) {
        let mut waiting = self.0.lock();
        waiting.is_closed = true;
        self.0.filled.notify_all();
        let ended = self.0.done.wait_timeout_while(waiting, FAREWELL, |waiting| !waiting.has_ended);
        drop(ended);
    }
}

/// One call is one line, as `tracing_subscriber` makes them.
impl Write for LogWriter {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut waiting = self.0.lock();
        if waiting.has_ended {
            drop(waiting);
            return io::stderr().write_all(line).map(|()| line.len());
        }
        if waiting.lines.len() + line.len() > ROOM {
            waiting.lost += 1;
            LOST.inc();
            return Ok(line.len());
        }
        // Nobody is woken for the lines that follow: to wake a thread costs as much as to write.
        if waiting.lines.is_empty() {
            self.0.filled.notify_all();
        }
        waiting.lines.extend_from_slice(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Shared {
    /// Nothing panics while it holds the lock.
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, mut out: impl Write) {
        let mut lines = Vec::new();
        loop {
            let waiting = self.filled.wait_while(self.lock(), |waiting| waiting.lines.is_empty() && !waiting.is_closed);
            let waiting = waiting.unwrap_or_else(PoisonError::into_inner);
            let gathered = self.filled.wait_timeout_while(waiting, GATHER, |waiting| !waiting.is_closed);
            let mut waiting = gathered.unwrap_or_else(PoisonError::into_inner).0;
            if waiting.is_closed && waiting.lines.is_empty() {
                waiting.has_ended = true;
                self.done.notify_all();
                return;
            }
            // The two buffers change places, so that lines are copied once and memory is given back to nobody.
            std::mem::swap(&mut lines, &mut waiting.lines);
            let lost = std::mem::take(&mut waiting.lost);
            drop(waiting);
            // Nobody to tell that nobody can be told.
            let _ = out.write_all(&lines);
            lines.clear();
            lines.shrink_to(ROOM / 16);
            if lost > 0 {
                tracing::warn!(lost, "log lines came faster than they could be written and are lost");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::*;

    /// Takes lines only when it is let to.
    struct Pipe {
        written: Arc<Mutex<Vec<u8>>>,
        gate: Receiver<()>,
    }

    impl Write for Pipe {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            // Closed: whoever held it back is gone.
            let _ = self.gate.recv();
            self.written.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn pipe() -> (LogWriter, Arc<Mutex<Vec<u8>>>, Sender<()>) {
        let (open, gate) = channel();
        let written = Arc::<Mutex<Vec<u8>>>::default();
        let writer = LogWriter::start(Pipe { written: Arc::clone(&written), gate }).unwrap();
        (writer, written, open)
    }

    #[test]
    fn every_line_is_written_in_order_before_the_end() {
        let (mut writer, written, open) = pipe();
        drop(open);
        let mut expected = String::new();
        for number in 0..10_000 {
            let line = format!("line {number}\n");
            writer.write_all(line.as_bytes()).unwrap();
            expected.push_str(&line);
        }
        writer.close();
        assert_eq!(String::from_utf8(written.lock().unwrap().clone()).unwrap(), expected);
    }

    #[test]
    fn a_pipe_that_nobody_reads_holds_up_no_decision_and_what_is_lost_is_counted() {
        let (mut writer, written, open) = pipe();
        let line = [b'x'; 1_000];
        let before = LOST.get();
        for _ in 0..10_000 {
            writer.write_all(&line).unwrap();
        }
        let lost = LOST.get() - before;
        assert!(lost > 5_000, "{lost}");
        drop(open);
        writer.close();
        assert_eq!(written.lock().unwrap().len() as u64, (10_000 - lost) * 1_000);
    }
}
