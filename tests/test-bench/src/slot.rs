//! A limit on machines that run at once, over all test processes: each test runs in its own.

use std::env;
use std::fs::{self, File, OpenOptions};
use std::thread;
use std::time::{Duration, Instant};

/// The environment variable that sets how many machines may run at once.
pub const VARIABLE: &str = "PICCOLO_TEST_MACHINES";
/// How long a test may wait for its turn.
const DEADLINE: Duration = Duration::from_secs(3600);
/// How often it looks.
const INTERVAL: Duration = Duration::from_millis(100);

/// The right to run one machine; given back when dropped or when the process ends.
#[derive(Debug)]
pub struct MachineSlot {
    _lock: File,
}

impl MachineSlot {
    /// Waits for a turn. There are as many as processors, or as [`VARIABLE`] says.
    ///
    /// # Panics
    /// When there is none for an hour, or no file can be locked.
    #[must_use]
    pub fn wait() -> Self {
        let processors = thread::available_parallelism().map_or(1, usize::from);
        let count = env::var(VARIABLE).ok().and_then(|text| text.parse().ok()).unwrap_or(processors).max(1);
        let user = rustix::process::geteuid().as_raw();
        let folder = env::temp_dir().join(format!("piccolo-test-machines-{user}"));
        fs::create_dir_all(&folder).expect("the folder of the locks can be made");
        let deadline = Instant::now() + DEADLINE;
        loop {
            for number in 0..count {
                let mut options = OpenOptions::new();
                options.create(true).truncate(false).write(true);
                let file = options.open(folder.join(number.to_string())).expect("a lock can be opened");
                if file.try_lock().is_ok() {
                    return Self { _lock: file };
                }
            }
            assert!(Instant::now() < deadline, "no machine has ended for {} s", DEADLINE.as_secs());
            thread::sleep(INTERVAL);
        }
    }
}
