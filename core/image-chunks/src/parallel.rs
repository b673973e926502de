//! The sections of an image on several threads.

use crate::SECTION_SIZE;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError, mpsc};

/// How to work through an image.
pub struct Work<'a> {
    /// How many threads work at once.
    pub threads: usize,
    /// Called with bytes of the image done and in total, in one pass or in each of several.
    pub progress: &'a mut dyn FnMut(u64, u64),
    /// Set by somebody else to end the work soon.
    pub cancelled: &'a AtomicBool,
}

/// The work was cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cancelled;

/// Where the sections of an image of this size lie.
pub(crate) fn sections(size: u64) -> impl Iterator<Item = Range<u64>> {
    (0..size.div_ceil(SECTION_SIZE)).map(move |number| {
        let start = number * SECTION_SIZE;
        start..size.min(start + SECTION_SIZE)
    })
}

/// Calls `perform` for each section, on all threads, and `accept` with its results on this one, in order. Ends at the first error.
pub(crate) fn each_section<T: Send, E: Send + From<Cancelled>>(
    size: u64,
    work: &mut Work<'_>,
    perform: impl Fn(Range<u64>) -> Result<T, E> + Sync,
    mut accept: impl FnMut(T) -> Result<(), E>,
) -> Result<(), E> {
    let todo = Mutex::new(sections(size).enumerate());
    let ended = AtomicBool::new(false);
    // A thread that is far ahead of a slow one waits: results that cannot be accepted yet take memory.
    let (report, reports) = mpsc::sync_channel(2 * work.threads.max(1));
    std::thread::scope(|scope| {
        for _ in 0..work.threads.max(1) {
            let (report, todo, ended, perform) = (report.clone(), &todo, &ended, &perform);
            scope.spawn(move || {
                while !ended.load(Ordering::Relaxed) {
                    let Some((number, range)) = todo.lock().unwrap_or_else(PoisonError::into_inner).next() else {
                        break;
                    };
                    let length = range.end - range.start;
                    // Nobody listens any more after an error.
                    if report.send((number, length, perform(range))).is_err() {
                        break;
                    }
                }
            });
        }
        drop(report);
        let result = accept_in_order(reports, size, work, &mut accept);
        ended.store(true, Ordering::Relaxed);
        result
    })
}

fn accept_in_order<T, E: From<Cancelled>>(
    reports: mpsc::Receiver<(usize, u64, Result<T, E>)>,
    size: u64,
    work: &mut Work<'_>,
    accept: &mut impl FnMut(T) -> Result<(), E>,
) -> Result<(), E> {
    let (mut waiting, mut next, mut done) = (BTreeMap::new(), 0, 0);
    (work.progress)(0, size);
    for (number, length, result) in reports {
        if work.cancelled.load(Ordering::Relaxed) {
            return Err(Cancelled.into());
        }
        waiting.insert(number, result?);
        while let Some(result) = waiting.remove(&next) {
            accept(result)?;
            next += 1;
        }
        done += length;
        (work.progress)(done, size);
    }
    Ok(())
}
