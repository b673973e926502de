//! Reading, printing and changing unit files.

use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};
use quadlet::unit_file::{EditError, MAXIMUM_BYTES, MAXIMUM_LINES, Position, SyntaxProblem, UnitFile};

const WRITTEN: &str = "\
# An app.

[Unit]
Description=Web

[Container]
Image = registry.example/web:1
  # indented
Exec=serve \\
  # in between
     --verbose \\

  \"a b\"
Volume=data.volume:/data
Volume=
Volume=/srv:/srv
[Unit]
After=a.service
; the end";

fn read(text: &str) -> UnitFile {
    UnitFile::parse(text.as_bytes()).expect("a unit file")
}

#[test]
fn sections_keys_and_values_are_found_wherever_they_are_written() {
    let file = read(WRITTEN);
    assert_eq!(file.sections().map(|section| section.name.as_str()).collect::<Vec<_>>(), ["Unit", "Container", "Unit"]);
    assert_eq!(file.entries_of("Unit").map(|entry| entry.key.as_str()).collect::<Vec<_>>(), ["Description", "After"]);
    assert_eq!(file.text("Container", "Image"), Some("registry.example/web:1"));
    assert_eq!(file.last("Container", "Exec").unwrap().value, "serve --verbose \"a b\"");
    assert_eq!(file.text("Container", "Absent"), None);
}

#[test]
fn an_empty_value_takes_back_those_before() {
    let file = read(WRITTEN);
    let volumes = file.all("Container", "Volume");
    assert_eq!(volumes.iter().map(|entry| entry.value.as_str()).collect::<Vec<_>>(), ["/srv:/srv"]);
    assert_eq!(read("[A]\nX=1\nX=\n").text("A", "X"), None);
}

#[test]
fn what_was_not_changed_is_printed_byte_for_byte() {
    for text in [WRITTEN, "", "\n", "[A]", "[A]\r\nX=1\r\n", "#\n\n\n[A]\n\tX\t=\t1 \\\n\n 2\n\n", "\\\n[A]\n"] {
        assert_eq!(read(text).to_string(), text);
    }
}

#[test]
fn positions_point_at_keys_and_into_continued_values() {
    let file = read(WRITTEN);
    let image = file.last("Container", "Image").unwrap();
    assert_eq!(image.position, Position { line: 7, column: 1 });
    assert_eq!(image.value_position(), Position { line: 7, column: 9 });
    let exec = file.last("Container", "Exec").unwrap();
    assert_eq!(exec.value_position(), Position { line: 9, column: 6 });
    let offset = |part| exec.value.find(part).unwrap();
    assert_eq!(exec.position_in_value(offset("--verbose")), Position { line: 11, column: 6 });
    assert_eq!(exec.position_in_value(offset("a b")), Position { line: 13, column: 4 });
}

#[test]
fn broken_syntax_is_refused_with_its_place() {
    let cases: [(&[u8], u32, u32, SyntaxProblem); 12] = [
        (b"X=1\n", 1, 1, SyntaxProblem::NoSection),
        (b"\n  [A\n", 2, 3, SyntaxProblem::BadSection),
        (b"[A] x\n", 1, 1, SyntaxProblem::BadSection),
        (b"[]\n", 1, 1, SyntaxProblem::BadSection),
        (b"[A[B]\n", 1, 1, SyntaxProblem::BadSection),
        (b"[A]\nword\n", 2, 1, SyntaxProblem::NotAnEntry),
        (b"[A]\n=1\n", 2, 1, SyntaxProblem::BadKey(String::new())),
        (b"[A]\na b=1\n", 2, 1, SyntaxProblem::BadKey("a b".to_owned())),
        (b"[A]\nX=1 \\\n# c\n", 2, 5, SyntaxProblem::NothingFollows),
        (b"[A]\nX=\xc3\xa9\xff\n", 2, 4, SyntaxProblem::NotUtf8),
        (b"[A]\nX=\0\n", 2, 3, SyntaxProblem::ZeroByte),
        (b"\xef\xbb\xbf[A]\n", 1, 1, SyntaxProblem::ByteOrderMark),
    ];
    for (bytes, line, column, problem) in cases {
        let error = UnitFile::parse(bytes).unwrap_err();
        assert_eq!((error.position, &error.problem), (Position { line, column }, &problem), "{bytes:?}");
    }
    let long = vec![b'#'; MAXIMUM_BYTES + 1];
    assert_eq!(UnitFile::parse(&long).unwrap_err().problem, SyntaxProblem::TooLong(MAXIMUM_BYTES + 1));
    let many = "#\n".repeat(MAXIMUM_LINES + 1);
    assert_eq!(UnitFile::parse(many.as_bytes()).unwrap_err().problem, SyntaxProblem::TooManyLines);
    assert!(UnitFile::parse("#\n".repeat(MAXIMUM_LINES).as_bytes()).is_ok());
}

#[test]
fn errors_say_what_to_do() {
    let error = UnitFile::parse(b"[Container]\nImage x\n").unwrap_err();
    let expected = "2:1: this line is neither Key=value, nor [Section], nor a comment; remove it or begin it with #";
    assert_eq!(error.to_string(), expected);
}

#[test]
fn an_edit_changes_only_its_lines() {
    let mut file = read(WRITTEN);
    file.set("Container", "Exec", "serve").unwrap();
    file.set("Container", "Image", "registry.example/web:2").unwrap();
    file.add("Container", "Volume", "/opt:/opt").unwrap();
    file.add("Service", "Restart", "always").unwrap();
    assert_eq!(file.remove("Unit", "After"), 1);
    let expected = "\
# An app.

[Unit]
Description=Web

[Container]
Image=registry.example/web:2
  # indented
Exec=serve
Volume=data.volume:/data
Volume=
Volume=/srv:/srv
Volume=/opt:/opt
[Unit]
; the end

[Service]
Restart=always
";
    assert_eq!(file.to_string(), expected);
    assert_eq!(file.last("Service", "Restart").unwrap().position, Position { line: 18, column: 1 });
}

#[test]
fn an_edit_that_would_become_something_else_is_refused() {
    let mut file = read("[A]\nX=1\n");
    let refused = [
        file.set("A", "X", "1\nY=2").unwrap_err(),
        file.set("A", "X", "1\\").unwrap_err(),
        file.set("A", "a b", "1").unwrap_err(),
        file.add("A]", "X", "1").unwrap_err(),
    ];
    assert!(matches!(refused[0], EditError::LineBreak { .. }));
    assert!(matches!(refused[1], EditError::Backslash { .. }));
    assert!(matches!(refused[2], EditError::Syntax(_)));
    assert!(matches!(refused[3], EditError::Syntax(_)));
    assert_eq!(file.to_string(), "[A]\nX=1\n");
}

#[test]
fn an_edit_keeps_the_line_breaks_of_the_file() {
    let mut file = read("[A]\r\nX=1\r\n");
    file.set("A", "X", "2").unwrap();
    file.add("B", "Y", "3").unwrap();
    assert_eq!(file.to_string(), "[A]\r\nX=2\r\n\r\n[B]\r\nY=3\r\n");
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused_and_printed_as_they_were(bytes in any::<Vec<u8>>()) {
        if let Ok(file) = UnitFile::parse(&bytes) {
            prop_assert_eq!(file.to_string().into_bytes(), bytes);
        }
    }

    #[test]
    fn any_lines_are_printed_as_they_were(text in "([\\[\\]A-Z=\\\\#;\" a]{0,12}(\r)?\n){0,20}") {
        if let Ok(file) = UnitFile::parse(text.as_bytes()) {
            prop_assert_eq!(file.to_string(), text);
        }
    }

    #[test]
    fn what_was_set_is_read_back(value in "[^\\n\\r\0\\\\]{0,30}", key in "[A-Za-z0-9-]{1,9}", start in "(\\[A\\]\nX=1\n|#\n)?") {
        let mut file = read(&start);
        file.set("A", &key, &value).unwrap();
        prop_assert_eq!(&file.last("A", &key).unwrap().value, value.trim());
        let printed = file.to_string();
        prop_assert_eq!(&read(&printed), &file);
        prop_assert!(file.remove("A", &key) == 1);
    }
}
