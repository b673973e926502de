//! The last words of a boot that failed.

use std::io::{self, Write};
use std::thread;
use std::time::Duration;

/// How long the messages above stay readable before the restart.
const READING_TIME: Duration = Duration::from_secs(30);

/// Says on the console what happens next, and waits so that it can be read.
pub fn explain() -> anyhow::Result<()> {
    let text = format!(
        "\n*** Piccolo OS could not start. The reason is in the lines above that say \"piccolo:\", \"failed\" or \"corrupted\".\n\
         *** Nothing was changed. The device restarts in {} seconds; after three failed attempts the loader tries the other\n\
         *** installed release, where there is one.\n",
        READING_TIME.as_secs()
    );
    io::stdout().write_all(text.as_bytes())?;
    io::stdout().flush()?;
    thread::sleep(READING_TIME);
    Ok(())
}
