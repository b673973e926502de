//! Settings as people write them.

use proptest::prelude::{prop_assert, proptest};
use update_schedule::settings::{Build, Delay, Directory, DropIn, Settings, Source, Strategy};

fn drop_in(directory: Directory, name: &str, content: &str) -> DropIn {
    DropIn { directory, name: name.to_owned(), content: content.as_bytes().to_vec() }
}

fn mine(content: &str) -> DropIn {
    drop_in(Directory::Operator, "50-mine.toml", content)
}

fn read(files: &[DropIn]) -> Settings {
    Settings::from_drop_ins(files).expect("the settings are right")
}

/// What is said about one file of the operator's.
fn problems(content: &str) -> String {
    let error = Settings::from_drop_ins(&[mine(content)]).expect_err("the settings are wrong");
    error.to_string().replace("/etc/piccolo/updates.d/50-mine.toml", "F")
}

#[test]
fn the_reference_shows_every_key() {
    let reference = include_str!("../../../docs/reference/update-schedule.md");
    let examples: Vec<&str> =
        reference.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    let windows = read(&[mine(examples[0])]);
    let Strategy::Windows(calendar) = &windows.strategy else { panic!("the example has windows") };
    assert_eq!(calendar.windows.len(), 2);
    assert_eq!(calendar.time_zone.as_ref().unwrap().as_str(), "Europe/Berlin");
    assert_eq!(windows.wariness.unwrap().get(), 0.25);
    assert_eq!(windows.delay, Delay::default());
    assert_eq!(windows.check_interval_minutes, Settings::default().check_interval_minutes);
    let Strategy::RebootLock(lock) = read(&[mine(examples[1])]).strategy else { panic!("the example has a lock") };
    assert_eq!((lock.url.as_str(), lock.group.as_str()), ("https://hub.example.org/fleet-lock", "workers"));
}

#[test]
fn without_files_updates_are_immediate() {
    assert_eq!(read(&[]), Settings::default());
    assert_eq!(read(&[mine("")]).strategy, Strategy::Immediate);
}

#[test]
fn later_names_and_stronger_directories_win() {
    let image = drop_in(Directory::Image, "10-image.toml", "strategy = \"manual\"\nwariness = 1\n");
    let operator = drop_in(Directory::Operator, "50-mine.toml", "strategy = \"immediate\"\n");
    let merged = read(&[operator.clone(), image.clone()]);
    assert_eq!(merged.strategy, Strategy::Immediate);
    assert_eq!(merged.wariness.unwrap().get(), 1.0);
    // The name orders, not the directory.
    let late = drop_in(Directory::Image, "90-image.toml", "strategy = \"manual\"\n");
    assert_eq!(read(&[operator, late]).strategy, Strategy::Manual);
    // The same name in a stronger directory replaces the whole file.
    let masked = drop_in(Directory::Runtime, "10-image.toml", "");
    assert_eq!(read(&[masked, image]), Settings::default());
}

#[test]
fn windows_of_several_files_add_up() {
    let first = drop_in(
        Directory::Image,
        "10.toml",
        "strategy = \"windows\"\n[[window]]\ndays = [\"Sat\"]\nstart = \"01:00\"\nlength_minutes = 60\n",
    );
    let second = mine("[[window]]\ndays = [\"Sun\"]\nstart = \"01:00\"\nlength_minutes = 60\n");
    let Strategy::Windows(calendar) = read(&[first, second]).strategy else { panic!("windows") };
    assert_eq!(calendar.windows.len(), 2);
}

#[test]
fn a_wrong_key_is_an_error_that_names_the_nearest() {
    assert_eq!(
        problems("strategi = \"manual\"\n"),
        "the settings of updates are not usable:\n  F:1: there is no key `strategi` here; did you mean `strategy`? Known are strategy, wariness, \
         check_interval_minutes, build, source, time_zone, window, reboot_lock, delay"
    );
    assert!(
        problems("\n[[window]]\nday = [\"Sat\"]\n").contains("F:3: there is no key `day` here; did you mean `days`?")
    );
    assert!(
        problems("[delay]\nsession_minutes = 3\n")
            .contains("F:2: there is no key `session_minutes` here; did you mean `sessions_minutes`?")
    );
    assert!(problems("[reboot_lock]\nuri = \"https://a\"\n").contains("did you mean `url`?"));
    assert!(problems("strategy = \"window\"\n").contains("`strategy` is no strategy; did you mean \"windows\"?"));
}

#[test]
fn a_wrong_suffix_is_an_error_that_says_how_to_name_it() {
    for (name, advice) in [
        ("50-mine.conf", "rename it to 50-mine.toml"),
        ("50-mine.toml~", "rename it to 50-mine.toml"),
        ("50-mine", "rename it to 50-mine.toml"),
        (".toml", "rename it to toml.toml"),
        (".50-mine.toml.swp", "rename it to 50-mine.toml"),
    ] {
        let error =
            Settings::from_drop_ins(&[drop_in(Directory::Operator, name, "strategy = \"manual\"")]).unwrap_err();
        assert!(
            error
                .to_string()
                .contains(&format!("/etc/piccolo/updates.d/{name}: files of settings are named *.toml; {advice}")),
            "{error}"
        );
    }
}

#[test]
fn everything_wrong_is_said_at_once() {
    let said = problems(
        "wariness = 2\ncheck_interval_minutes = 5\ntime_zone = \"../../etc/shadow\"\n[[window]]\ndays = [\"Caturday\"]\nstart = \"25:00\"\nlength_minutes = 1\n\
         [[window]]\ndays = \"Sat\"\n[reboot_lock]\nurl = \"ftp://a\"\ngroup = \"a b\"\n[delay]\njobs_minutes = -1\n",
    );
    let expected = [
        "F:1: `wariness` is not a number from 0.0 (early) to 1.0 (late)",
        "F:2: `check_interval_minutes` is not a whole number of minutes from 15 to 10080",
        "F:3: `time_zone` is no name of a time zone",
        "F:5: `days` has \"Caturday\", which is no day",
        "F:6: `start` is no time of day",
        "F:7: `length_minutes` is not from 5 to 8640 minutes",
        "F:9: `days` is not a list of days",
        "F:11: `url` is no address of a lock manager",
        "F:12: `group` is no group",
        "F:14: `jobs_minutes` is not a whole number of minutes from 0 to 10080",
    ];
    for sentence in expected {
        assert!(said.contains(sentence), "{sentence}\n{said}");
    }
    assert_eq!(said.lines().count(), expected.len() + 1, "{said}");
}

#[test]
fn contradictions_are_errors() {
    assert!(problems("strategy = \"windows\"\n").contains("F:1: the strategy is \"windows\", and there is no window"));
    assert!(problems("strategy = \"reboot-lock\"\n").contains("nothing says where the lock manager is"));
    let window = "[[window]]\ndays = [\"Sat\"]\nstart = \"01:00\"\nlength_minutes = 30\n";
    assert!(problems(window).contains("F:1: this is for a strategy that nothing names"));
    assert!(
        problems("[reboot_lock]\nurl = \"https://a\"\n").contains("F:2: this is for a strategy that nothing names")
    );
    let long_notice = format!("strategy = \"windows\"\n{window}[delay]\nnotice_minutes = 30\n");
    assert!(problems(&long_notice).contains("F:2: the window is not longer than the notice of 30 minutes"));
    assert!(problems("[[window]]\ndays = [\"Sat\"]\n").contains("one of them is missing"));
    assert!(problems("window = 3\n").contains("begin each window with [[window]]"));
    assert!(problems("delay = 3\n").contains("begin it with [delay]"));
}

#[test]
fn what_the_strategy_does_not_use_is_shown() {
    let unused =
        read(&[mine("strategy = \"manual\"\ntime_zone = \"UTC\"\n[reboot_lock]\nurl = \"https://a\"\n")]).unused;
    let said: Vec<String> = unused.iter().map(ToString::to_string).collect();
    let path = "/etc/piccolo/updates.d/50-mine.toml";
    assert_eq!(
        said,
        [
            format!("{path}:2: this is not used: it is for the strategy \"windows\", and the strategy is \"manual\""),
            format!(
                "{path}:4: this is not used: it is for the strategy \"reboot-lock\", and the strategy is \"manual\""
            ),
        ]
    );
}

#[test]
fn what_is_not_toml_is_said_with_its_line() {
    assert!(problems("wariness = 0.5\nstrategy = manual\n").contains("F:2: is not TOML"));
    assert!(problems("wariness = 0.5\nwariness = 0.6\n").contains("F:2: is not TOML"));
    let not_text = DropIn { content: vec![0xff], ..mine("") };
    assert!(Settings::from_drop_ins(&[not_text]).unwrap_err().to_string().contains("is not UTF-8 text"));
    let large = DropIn { content: vec![b'\n'; (64 << 10) + 1], ..mine("") };
    assert!(Settings::from_drop_ins(&[large]).unwrap_err().to_string().contains("larger than 64 KiB"));
    let many: Vec<DropIn> = (0..257).map(|n| drop_in(Directory::Image, &format!("{n}.toml"), "")).collect();
    assert!(Settings::from_drop_ins(&many).unwrap_err().to_string().contains("257 files"));
    let deep = format!("a = {}{}", "[".repeat(20_000), "]".repeat(20_000));
    assert!(problems(&deep).contains("F:1:"));
}

proptest! {
    #[test]
    fn any_file_is_settings_or_a_problem_with_a_line(content in "([a-z_]{1,12} = (\"[a-z]{0,9}\"|[0-9.]{1,5}|\\[\"Sat\"\\])\n|\\[\\[?(window|delay|reboot_lock)\\]?\\]\n){0,8}") {
        if let Err(error) = Settings::from_drop_ins(&[mine(&content)]) {
            prop_assert!(!error.problems.is_empty());
            let lines = content.lines().count().max(1);
            prop_assert!(error.problems.iter().all(|problem| problem.line.is_some_and(|line| (1..=lines + 1).contains(&line))), "{}", error);
        }
    }
}

#[test]
fn says_where_releases_come_from_and_who_starts_them() {
    let text = "build = \"when-asked\"\n[source]\nurl = \"https://updates.example/piccolo\"\nstream = \"testing\"\n";
    let settings = Settings::from_drop_ins(&[drop_in(Directory::Operator, "10-mine.toml", text)]).unwrap();
    assert_eq!(settings.build, Build::WhenAsked);
    assert_eq!(settings.source.address.unwrap().as_str(), "https://updates.example/piccolo");
    assert_eq!(settings.source.stream.unwrap().as_str(), "testing");
    let default = Settings::from_drop_ins(&[]).unwrap();
    assert_eq!((default.build, default.source), (Build::Automatic, Source::default()));
}

#[test]
fn a_source_that_is_no_address_is_refused() {
    for address in
        ["ftp://example.org/", "https://", "https://user:secret@example.org/", "updates", "/srv/../etc", "https://a/?b"]
    {
        let said = problems(&format!("[source]\nurl = {address:?}\n"));
        assert!(said.contains("F:2: `url` is not the address of a repository"), "{address}: {said}");
        assert!(!said.contains("secret"), "{said}");
    }
    assert!(problems("build = \"automatik\"\n").contains("did you mean \"automatic\"?"));
}
