//! Running real programs: output, failure, cancellation, missing programs.

use host::cancel::Cancel;
use host::invocation::{HostError, Invocation};
use host::program::Program;
use host::running::StandardInput;
use std::io::{Seek, SeekFrom};
use std::thread;
use std::time::{Duration, Instant};

/// `unshare` without namespaces runs any command, which makes it a handy real program for these tests.
fn shell(script: &str) -> Invocation {
    Invocation::new(Program::Unshare).arguments(["--", "sh", "-c", script])
}

#[test]
fn gives_both_streams_of_a_success() {
    let output = shell("echo out; echo err >&2").run(&Cancel::new()).unwrap();
    assert_eq!(output.stdout, b"out\n");
    assert_eq!(output.stderr, b"err\n");
}

#[test]
fn a_failure_carries_command_status_and_both_streams() {
    let error = shell("echo out; echo err >&2; exit 3").run(&Cancel::new()).unwrap_err();
    let text = error.to_string();
    for part in ["unshare -- sh -c 'echo out", "exit status: 3", "standard error:\nerr", "standard output:\nout"] {
        assert!(text.contains(part), "{part:?} is missing from: {text}");
    }
}

#[test]
fn a_missing_directory_is_not_taken_for_a_missing_program() {
    let error = shell("true").directory("/does/not/exist").run(&Cancel::new()).unwrap_err();
    assert!(matches!(error, HostError::NotStarted { .. }), "{error}");
}

#[test]
fn input_reaches_the_program() {
    let output = shell("cat").input(StandardInput::Bytes(b"hello".to_vec())).run(&Cancel::new()).unwrap();
    assert_eq!(output.stdout, b"hello");
}

#[test]
fn cancelling_ends_the_program_and_its_children() {
    let cancel = Cancel::new();
    let later = cancel.clone();
    thread::spawn(move || later.cancel());
    let started = Instant::now();
    let error = shell("sleep 100 & wait").run(&cancel).unwrap_err();
    assert!(matches!(error, HostError::Cancelled { .. }), "{error}");
    assert!(started.elapsed() < Duration::from_secs(50), "the program was waited for instead of ended");
}

#[test]
fn a_background_child_that_keeps_the_pipe_open_does_not_lose_the_exit_status() {
    let error = shell("sleep 100 & exit 7").run(&Cancel::new()).unwrap_err();
    assert!(error.to_string().contains("exit status: 7"), "{error}");
}

#[test]
fn a_program_bound_to_a_thread_ends_with_it() {
    let mut log = tempfile::tempfile().unwrap();
    let output = log.try_clone().unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    let starter = thread::spawn(move || {
        let running = shell("echo started; sleep 100").ends_with_thread().output_to(output).start().unwrap();
        while log.seek(SeekFrom::End(0)).unwrap() == 0 {
            assert!(Instant::now() < deadline, "it did not start");
            thread::yield_now();
        }
        running
    });
    let mut running = starter.join().unwrap();
    while running.ended().unwrap().is_none() {
        assert!(Instant::now() < deadline, "it outlived the thread that started it");
        thread::yield_now();
    }
}
