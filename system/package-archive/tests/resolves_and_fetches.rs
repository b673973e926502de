//! Resolving and fetching against a real, signed archive made here; no network.
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has to stop")]

mod support;
mod test_archive;

use host::cancel::Cancel;
use package_archive::fetch::{FetchError, fetch};
use package_archive::mirrors::{Mirrors, MirrorsError};
use package_archive::package_cache::{Cached, PackageCache};
use package_archive::progress::{Progress, ignore};
use package_archive::resolve::{ResolveError, Sources, resolve};
use package_lock::lockfile::Lockfile;
use package_lock::request::Request;
use std::fs;
use std::path::Path;
use std::sync::Mutex;
use support::readable_directory;
use test_archive::{TestArchive, flip_a_byte};

/// `app` needs `library`, and `helper` or `other`; `base` is essential.
fn archive() -> TestArchive {
    let mut archive = TestArchive::new();
    archive
        .add("base", "1", "Essential: yes\nMulti-Arch: foreign\n")
        .add("library", "1:2.0~rc1+dfsg-1", "Source: lib-source (2.0)\n")
        .add("helper", "1", "")
        .add("other", "1", "")
        .add("app", "1.0", "Depends: library (>= 1:1), helper | other\nRecommends: extra\n")
        .add("extra", "1", "")
        .add("needs-init", "1", "Depends: init-maker\n");
    archive.publish();
    archive
}

fn resolved(archive: &TestArchive, request: &Request) -> Result<Lockfile, ResolveError> {
    let (mirrors, keys) = (archive.mirrors(), archive.keys());
    resolve(request, Sources { mirrors: &mirrors, keys: &keys }, &ignore, &Cancel::new())
}

fn names(lockfile: &Lockfile) -> Vec<&str> {
    lockfile.packages.iter().map(|package| package.name.as_str()).collect()
}

fn fetched(lockfile: &Lockfile, mirrors: &Mirrors, cache: &Path) -> Result<(), FetchError> {
    let cache = PackageCache::open(cache).unwrap();
    let paths = fetch(lockfile, mirrors, &cache, &ignore, &Cancel::new())?;
    for (path, package) in paths.iter().zip(&lockfile.packages) {
        assert_eq!(cache.verified(package).unwrap(), Cached::Good(path.clone()));
    }
    Ok(())
}

#[test]
fn a_lockfile_names_the_wanted_the_needed_and_the_essential() {
    let archive = archive();
    let request = archive.request(&["app"]);
    let lockfile = resolved(&archive, &request).unwrap();
    assert_eq!(names(&lockfile), ["app", "base", "helper", "library"]);
    let library = lockfile.package("library").unwrap();
    let told = (library.version.as_str(), library.source.as_str(), library.source_version.as_str());
    assert_eq!(told, ("1:2.0~rc1+dfsg-1", "lib-source", "2.0"));
    assert!(lockfile.package("base").unwrap().essential);
    assert_eq!(lockfile.suites[0].date.to_string(), "2026-09-05T09:30:00Z");
    assert!(lockfile.answers(&request));
    let text = lockfile.to_text();
    assert_eq!(Lockfile::parse(&text).unwrap(), lockfile);
    assert!(!text.contains(archive.path("").to_str().unwrap()), "the lockfile names a mirror: {text}");
    assert_eq!(resolved(&archive, &request).unwrap().to_text(), text);
}

#[test]
fn an_excluded_package_does_not_come() {
    let archive = archive();
    let mut request = archive.request(&["app"]);
    request.excluded.insert("helper".into());
    assert_eq!(names(&resolved(&archive, &request).unwrap()), ["app", "base", "library", "other"]);
    request.excluded.insert("library".into());
    let error = resolved(&archive, &request).unwrap_err();
    assert!(
        matches!(&error, ResolveError::Unsatisfiable { explanation } if explanation.contains("app : Depends: library")),
        "{error}"
    );
    request.excluded = ["base".to_owned()].into();
    assert_eq!(names(&resolved(&archive, &request).unwrap()), ["app", "helper", "library"]);
}

#[test]
fn what_the_image_provides_satisfies_dependencies() {
    let archive = archive();
    let mut request = archive.request(&["needs-init"]);
    let error = resolved(&archive, &request).unwrap_err();
    assert!(matches!(error, ResolveError::Unsatisfiable { .. }), "{error}");
    request.provided.insert("init-maker".into());
    let lockfile = resolved(&archive, &request).unwrap();
    assert_eq!(names(&lockfile), ["base", "needs-init"]);
    assert_eq!(lockfile.provided, ["init-maker"]);
}

#[test]
fn recommended_packages_come_when_asked_for() {
    let archive = archive();
    let mut request = archive.request(&["app"]);
    request.recommends = true;
    assert_eq!(names(&resolved(&archive, &request).unwrap()), ["app", "base", "extra", "helper", "library"]);
}

#[test]
fn an_unknown_package_is_named_with_a_guess() {
    let archive = archive();
    let error = resolved(&archive, &archive.request(&["libary"])).unwrap_err();
    let expected =
        "there is no package libary in the archives (is library meant?); check its name, the suite and the components";
    assert_eq!(error.to_string(), expected);
    let error = resolved(&archive, &archive.request(&["app=9"])).unwrap_err();
    assert_eq!(error.to_string(), "the archives have no version 9 of app, but 1.0");
}

#[test]
fn an_archive_signed_by_somebody_else_is_refused() {
    let (archive, stranger) = (archive(), TestArchive::new());
    let request = stranger.request(&["app"]);
    let (mirrors, keys) = (archive.mirrors(), stranger.keys());
    let error = resolve(&request, Sources { mirrors: &mirrors, keys: &keys }, &ignore, &Cancel::new()).unwrap_err();
    assert!(matches!(error, ResolveError::UnknownKey { .. }), "{error}");
}

#[test]
fn an_archive_changed_after_signing_is_refused() {
    let archive = archive();
    let suite = archive.path("mirror/dists/stable");
    let index = suite.join("main/binary-amd64/Packages");
    let text = fs::read_to_string(&index).unwrap();
    fs::write(&index, text.replace("Version: 1.0", "Version: 6.6")).unwrap();
    let error = resolved(&archive, &archive.request(&["app"])).unwrap_err();
    assert!(!matches!(error, ResolveError::UnknownPackage { .. }), "{error}");
    fs::write(&index, text).unwrap();
    let signed = fs::read_to_string(suite.join("InRelease")).unwrap();
    fs::write(suite.join("InRelease"), signed.replace("Origin: Test", "Origin: Best")).unwrap();
    let error = resolved(&archive, &archive.request(&["app"])).unwrap_err();
    assert!(matches!(error, ResolveError::NotSigned { .. }), "{error}");
}

#[test]
fn an_unreachable_mirror_gives_way_to_the_next() {
    let archive = archive();
    let request = archive.request(&["app"]);
    let keys = archive.keys();
    let mut mirrors = Mirrors::from([("test".to_owned(), vec!["file:/nowhere/at/all".to_owned()])]);
    let error = resolve(&request, Sources { mirrors: &mirrors, keys: &keys }, &ignore, &Cancel::new()).unwrap_err();
    assert!(matches!(error, ResolveError::Unreachable { .. }), "{error}");
    mirrors.get_mut("test").unwrap().push(archive.mirror());
    let lockfile = resolve(&request, Sources { mirrors: &mirrors, keys: &keys }, &ignore, &Cancel::new()).unwrap();
    let cache = readable_directory();
    fetched(&lockfile, &mirrors, cache.path()).unwrap();
}

#[test]
fn an_archive_without_mirrors_is_named_with_the_setting() {
    let archive = archive();
    let request = archive.request(&["app"]);
    let (mirrors, keys) = (Mirrors::new(), archive.keys());
    let error = resolve(&request, Sources { mirrors: &mirrors, keys: &keys }, &ignore, &Cancel::new()).unwrap_err();
    assert!(
        matches!(&error, ResolveError::Mirrors(MirrorsError::None { archive, .. }) if archive == "test"),
        "{error}"
    );
}

#[test]
fn fetched_packages_need_no_mirror_any_more() {
    let archive = archive();
    let lockfile = resolved(&archive, &archive.request(&["app"])).unwrap();
    let cache = readable_directory();
    let told = Mutex::new(Vec::new());
    let report = |progress| told.lock().unwrap().push(progress);
    let opened = PackageCache::open(cache.path()).unwrap();
    fetch(&lockfile, &archive.mirrors(), &opened, &report, &Cancel::new()).unwrap();
    let total = lockfile.total_size();
    assert_eq!(told.lock().unwrap().last(), Some(&Progress::Downloading { done: total, total }));
    fs::remove_dir_all(archive.path("mirror")).unwrap();
    fetched(&lockfile, &Mirrors::new(), cache.path()).unwrap();
}

#[test]
fn a_damaged_package_in_the_cache_is_fetched_again() {
    let archive = archive();
    let lockfile = resolved(&archive, &archive.request(&["app"])).unwrap();
    let cache = readable_directory();
    fetched(&lockfile, &archive.mirrors(), cache.path()).unwrap();
    let path = PackageCache::open(cache.path()).unwrap().path_of(&lockfile.package("app").unwrap().sha256);
    flip_a_byte(&path);
    fetched(&lockfile, &archive.mirrors(), cache.path()).unwrap();
    fs::write(&path, "short").unwrap();
    let error = fetched(&lockfile, &Mirrors::new(), cache.path()).unwrap_err();
    assert!(matches!(error, FetchError::Mirrors(_)), "{error}");
}

#[test]
fn a_package_that_no_mirror_has_is_named_with_what_to_do() {
    let archive = archive();
    let lockfile = resolved(&archive, &archive.request(&["app"])).unwrap();
    fs::remove_file(archive.file("library")).unwrap();
    let cache = readable_directory();
    let mut mirrors = archive.mirrors();
    mirrors.get_mut("test").unwrap().push("file:/nowhere".to_owned());
    let text = fetched(&lockfile, &mirrors, cache.path()).unwrap_err().to_string();
    let tried = format!("tried {}/pool/main/library/library_1:2.0~rc1%2bdfsg-1_all.deb", archive.mirror());
    for part in ["  library 1:2.0~rc1+dfsg-1\n", &tried, "tried file:/nowhere/pool", "Run piccolo lock", "snapshot"] {
        assert!(text.contains(part), "{part:?} is missing from: {text}");
    }
    assert!(!text.contains("helper"), "{text}");
}

#[test]
fn another_file_under_a_packages_name_is_refused() {
    let archive = archive();
    let lockfile = resolved(&archive, &archive.request(&["app"])).unwrap();
    flip_a_byte(&archive.file("app"));
    let cache = readable_directory();
    let error = fetched(&lockfile, &archive.mirrors(), cache.path()).unwrap_err();
    let FetchError::Gone { packages } = &error else { panic!("{error}") };
    assert_eq!(packages.len(), 1);
    assert!(packages[0].reason.as_deref().is_some_and(|reason| reason.contains("Hash Sum mismatch")), "{error}");
    let cache = PackageCache::open(cache.path()).unwrap();
    assert_eq!(cache.verified(lockfile.package("app").unwrap()).unwrap(), Cached::Missing);
}

#[test]
fn cancelling_ends_resolving_and_fetching() {
    let archive = archive();
    let request = archive.request(&["app"]);
    let lockfile = resolved(&archive, &request).unwrap();
    let cancel = Cancel::new();
    cancel.cancel();
    let (mirrors, keys) = (archive.mirrors(), archive.keys());
    assert!(resolve(&request, Sources { mirrors: &mirrors, keys: &keys }, &ignore, &cancel).is_err());
    let cache = readable_directory();
    let opened = PackageCache::open(cache.path()).unwrap();
    assert!(matches!(fetch(&lockfile, &mirrors, &opened, &ignore, &cancel), Err(FetchError::Cancelled)));
}
